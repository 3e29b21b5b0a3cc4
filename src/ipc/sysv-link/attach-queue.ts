import { IpcError } from "../../errors.ts";
import { IPC_CREAT, IPC_EXCL } from "../../ffi/abi/current.ts";
import { getpid } from "../../ffi/ids.ts";
import { pageSize } from "../../ffi/mmap.ts";
import { msgget } from "../../ffi/msg.ts";
import { attachPresence } from "../attach-presence.ts";
import { domainError } from "../error-table.ts";
import type { Side } from "../link.ts";
import type { PeerState, Presence } from "../presence.ts";
import { removePresence } from "../remove-presence.ts";
import { MessageQueue } from "./message-queue.ts";
import { presenceName } from "./queue-key.ts";

/** What an end wants of its queue. */
export interface QueueOptions {
  readonly address: string;
  /** Unsigned. */
  readonly key: number;
  readonly side: Side;
  /** Permission bits of a queue that is made. */
  readonly mode: number;
  readonly fragments: boolean;
}

/** A queue, and who is at its ends. */
export interface AttachedQueue {
  readonly queue: MessageQueue;
  readonly presence: Presence;
}

/** Word of the presence: 1 more than the id of the queue that a millrace end made; 0 when the queue is somebody else's. */
const MADE_WORD = 0;
/** Word of the presence: how the messages of the millrace ends lie in the queue. */
const FORM_WORD = 1;
const WHOLE = 1;
const FRAGMENTS = 2;

/**
 * Takes one end of a queue, and makes the queue when there is none. The role, and whose queue it is, are noted in the presence object.
 *
 * @throws {IpcError} `IPC_BUSY`, `IPC_EXISTS` when the other end does not agree about fragments, `IPC_PERMISSION`, `IPC_LIMIT`
 */
export function attachQueue(options: QueueOptions): AttachedQueue {
  const { address, key, side, mode } = options;
  const name = presenceName(key);
  let queue: MessageQueue | undefined;
  let presenceIsNew = false;
  try {
    const presence = attachPresence(name, side, { address, capacity: pageSize(), capacityAsked: false, mode }, (opened) => {
      presenceIsNew = opened.created;
      queue = enter(opened, options);
    });
    return { queue: queue as MessageQueue, presence };
  } catch (error) {
    if (presenceIsNew) removeUnused(name, address);
    throw error;
  }
}

/** Takes the end in the presence, under its setup lock. */
function enter(presence: Presence, options: QueueOptions): MessageQueue {
  const { id, made } = findOrMake(options);
  const queue = new MessageQueue(id, options.address);
  if (made) presence.setOwnerWord(MADE_WORD, id + 1);
  const form = options.fragments ? FRAGMENTS : WHOLE;
  const earlier = presence.ownerWord(FORM_WORD);
  if (earlier !== 0 && earlier !== form && (presence.peerState() === "attached" || queue.status()?.qnum !== 0)) {
    throw otherForm(options, presence.peerPid);
  }
  presence.setOwnerWord(FORM_WORD, form);
  presence.enter(getpid());
  return queue;
}

function findOrMake({ address, key, side, mode }: QueueOptions): { id: number; made: boolean } {
  const access = side === "sender" ? 0o222 : 0o444;
  for (;;) {
    try {
      return { id: msgget(key, IPC_CREAT | IPC_EXCL | mode), made: true };
    } catch (error) {
      if ((error as { code?: string }).code !== "EEXIST") {
        throw domainError("create", error, `Cannot make the message queue of ${address}. \`ipcs -ql\` shows the limits`);
      }
    }
    try {
      return { id: msgget(key, access), made: false };
    } catch (error) {
      // removed since
      if ((error as { code?: string }).code === "ENOENT") continue;
      throw domainError("open", error, `Cannot open the message queue of ${address} as ${side}. \`ipcs -q\` shows whose it is`);
    }
  }
}

function otherForm({ address, side, fragments }: QueueOptions, peerPid: number | undefined): IpcError {
  const [asked, found] = fragments ? ["with", "without"] : ["without", "with"];
  const other = side === "sender" ? "receiver" : "sender";
  const who = peerPid === undefined ? "messages are left there that were sent" : `its ${other}, process ${peerPid}, opened it`;
  return new IpcError(
    "IPC_EXISTS",
    `Cannot open ${address} as ${side} ${asked} fragments: ${who} ${found}. Give both ends the same { fragments }`,
  );
}

/** Takes back what a failed attach made, unless another process uses it by now. */
function removeUnused(name: string, address: string): void {
  try {
    removePresence(name, address);
  } catch {
    // in use; the failure that brought us here is the one to report
  }
}

/** Leaves a queue. The last end removes it when millrace made it, with what nobody will read. */
export function detachQueue({ queue, presence }: AttachedQueue): void {
  presence.detach({
    finished: (peer) => isFinished(presence, queue, peer),
    last: () => {
      if (presence.ownerWord(MADE_WORD) === queue.id + 1) queue.remove();
    },
  });
}
