/*
 * `sysv:KEY` and `sysv:PATH#ID`: a System V message queue.
 *
 * Limits and deviations
 * - A message is one message of the kernel, so foreign programs exchange with it: at most /proc/sys/kernel/msgmax bytes (8192 unless
 *   raised), and not more than the queue's msg_qbytes. With `fragments` at both ends it may be of any length.
 * - The kernel knows no end of stream and no death of a peer. Between millrace ends a presence object beside the queue tells them; with a
 *   foreign program at the other end a receiver waits for ever, and a sender until there is room.
 * - The queue is one for all users, its ends' presence is one user's: ends of different users are foreign to each other.
 * - A queue that millrace made is removed with the last of its two ends; one that it found stays.
 * - A receiver that is killed with a message in its hands loses that message.
 */

import { domainError } from "../../error-table.ts";
import { msgctlRemove, msgget } from "../../ffi/msg.ts";
import type { SysvAddress } from "../address.ts";
import type { Link, Side } from "../link.ts";
import type { ChannelOptions } from "../options.ts";
import { attachQueue, detachQueue } from "../queue-link/attach-queue.ts";
import { DEFAULT_MAX_MESSAGE_BYTES, DEFAULT_MODE } from "../recommended.ts";
import { removePresence } from "../remove-presence.ts";
import { findOrMake, removeMarked } from "../sysv-link/find-or-make.ts";
import { presenceName, queueKey } from "../sysv-link/queue-key.ts";
import { SysvReceiver } from "../sysv-link/sysv-receiver.ts";
import { SysvSender } from "../sysv-link/sysv-sender.ts";

/** What a sender writes, and what a receiver takes, where nobody chose. */
const DEFAULT_SENT_TYPE = 1;
const ANY_TYPE = 0;

/**
 * Opens one end of a queue, which is made when there is none.
 *
 * @throws {IpcError} `IPC_BUSY`, `IPC_EXISTS`, `IPC_NOT_FOUND` when `ftok` finds no file, `IPC_LIMIT`, `IPC_PERMISSION`
 * @throws {RangeError} when a sender's type is not positive
 */
export async function open(address: SysvAddress, side: Side, options: ChannelOptions): Promise<Link> {
  const { mode = DEFAULT_MODE, fragments = false, maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES } = options;
  const type = options.type ?? (side === "sender" ? DEFAULT_SENT_TYPE : ANY_TYPE);
  if (side === "sender" && type < 1) {
    throw new RangeError(
      `The type of a sender is ${type}, but must be positive: only a receiver takes 0 (any) or a negative one`,
    );
  }
  const key = queueKey(address);
  const attached = attachQueue({
    address: address.text,
    name: presenceName(key),
    side,
    mode,
    fragments,
    findOrMake: () => findOrMake(key, address.text, side, mode),
    removeMarked: (mark) => removeMarked(key, mark),
  });
  try {
    if (side === "sender") return new SysvSender(attached, { type, fragments });
    return new SysvReceiver(attached, { type, fragments, maxMessageBytes });
  } catch (error) {
    detachQueue(attached, true);
    throw error;
  }
}

/**
 * Removes a queue with all its messages, whoever made it, and what millrace keeps beside it.
 *
 * @returns false when there is neither
 * @throws {IpcError} `IPC_BUSY` when a live millrace process holds an end; `IPC_PERMISSION` when the queue is somebody else's
 */
export async function remove(address: SysvAddress): Promise<boolean> {
  const key = queueKey(address);
  const presence = removePresence(presenceName(key), address.text);
  return removeQueue(key, address.text) || presence;
}

function removeQueue(key: number, address: string): boolean {
  try {
    msgctlRemove(msgget(key, 0));
    return true;
  } catch (error) {
    const { code } = error as { code?: string };
    // not there, or removed by somebody else in between
    if (code === "ENOENT" || code === "EIDRM" || code === "EINVAL") return false;
    throw domainError("remove", error, `Cannot remove the message queue of ${address}`);
  }
}
