/*
 * `mq:/NAME`: a POSIX message queue.
 *
 * Limits and deviations
 * - A message is one message of the kernel, so foreign programs exchange with it: at most as many bytes as the queue was made for (8192
 *   unless the system says otherwise). With `fragments` at both ends it may be of any length.
 * - The kernel knows no end of stream and no death of a peer. Between millrace ends a presence object beside the queue tells them; with a
 *   foreign program at the other end a receiver waits for ever, and a sender until there is room.
 * - The queue is one for all users, its ends' presence is one user's: ends of different users are foreign to each other.
 * - A queue that millrace made is removed with the last of its two ends; one that it found stays.
 * - A sender has one priority. A receiver takes the highest priority first, whatever it is.
 * - A receiver that is killed with a message in its hands loses that message.
 * - Who removes the name of a queue in use (mq_unlink) does not disturb its ends; the next one to open is refused with `IPC_EXISTS`.
 */
import type { MqAddress } from "../address.ts";
import type { Link, Side } from "../link.ts";
import { findOrMake } from "../mq-link/find-or-make.ts";
import { MqReceiver } from "../mq-link/mq-receiver.ts";
import { MqSender } from "../mq-link/mq-sender.ts";
import { unlinkMarked, unlinkQueue } from "../mq-link/open-queue.ts";
import type { ChannelOptions } from "../options.ts";
import { attachQueue, detachQueue } from "../queue-link/attach-queue.ts";
import { DEFAULT_MAX_MESSAGE_BYTES, DEFAULT_MODE } from "../recommended.ts";
import { removePresence } from "../remove-presence.ts";

/** What a sender gives its messages where nobody chose. */
const DEFAULT_PRIORITY = 0;

/**
 * Opens one end of a queue, which is made when there is none.
 *
 * @throws {IpcError} `IPC_BUSY`; `IPC_EXISTS` when it is there with less capacity, or the other end does not agree about fragments;
 *   `IPC_LIMIT`, `IPC_PERMISSION`
 * @throws {TypeError} when a receiver is given a priority
 */
export async function open(address: MqAddress, side: Side, options: ChannelOptions): Promise<Link> {
  const { mode = DEFAULT_MODE, fragments = false, maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES, capacity } = options;
  if (side === "receiver" && options.priority !== undefined) {
    throw new TypeError(
      `A receiver of ${address.text} was given the priority ${options.priority}, but takes the highest first, whatever it is: only a sender has one`,
    );
  }
  const { name, text } = address;
  const attached = attachQueue({
    address: text,
    name: presenceName(name),
    side,
    mode,
    fragments,
    findOrMake: () => findOrMake({ name, address: text, side, mode, capacity }),
    removeMarked: (mark) => removeDiscarded(name, mark),
  });
  try {
    if (side === "receiver") return new MqReceiver(attached, { fragments, maxMessageBytes });
    return new MqSender(attached, { priority: options.priority ?? DEFAULT_PRIORITY, fragments });
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
export async function remove({ name, text }: MqAddress): Promise<boolean> {
  const presence = removePresence(presenceName(name), text);
  return unlinkQueue(name, `Cannot remove the message queue of ${text}`) || presence;
}

/** The presence object of a queue. Names that begin with a dot are temporary there. */
function presenceName(name: string): string {
  const file = name.slice(1);
  return `${/^[.@]/.test(file) ? "@" : ""}${file}.mq`;
}

function removeDiscarded(name: string, mark: number): void {
  try {
    unlinkMarked(name, mark, "");
  } catch {
    // given to another user: nothing of ours any more
  }
}
