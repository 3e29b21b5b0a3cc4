import { IpcError } from "../../errors.ts";
import { getpid } from "../../ffi/ids.ts";
import { pageSize } from "../../ffi/sysconf.ts";
import { type ObjectKind, type Ownership, own } from "../../objects/own.ts";
import { attachPresence } from "../attach-presence.ts";
import type { Side } from "../link.ts";
import type { Presence } from "../presence.ts";
import { otherSide } from "../presence-object.ts";
import { removePresence } from "../remove-presence.ts";

/** A message queue of the kernel, open at one end. */
export interface KernelQueue {
  readonly address: string;
  /** As what it is written down, for a process that is killed. */
  readonly object: { readonly kind: ObjectKind; readonly name: string };
  /** Tells this queue from all that had or will have its name: 32 bits, not 0. */
  readonly mark: number;
  /** Messages in it now; `undefined` when that cannot be known. */
  count(): number | undefined;
  /** Bytes in it, and bytes for which it has room, as far as they can be known. */
  room(): { readonly bytes?: number | undefined; readonly capacity?: number | undefined };
  /** Removes the queue; false when it is gone already. */
  remove(): boolean;
  /** Lets go of it. */
  release(): void;
}

/** What an end wants of its queue. */
export interface QueueOptions<Queue extends KernelQueue> {
  readonly address: string;
  /** The name of the presence object. */
  readonly name: string;
  readonly side: Side;
  /** Permission bits of the presence's files. */
  readonly mode: number;
  readonly fragments: boolean;
  /** Opens the queue, or makes it when there is none. */
  findOrMake(): { queue: Queue; made: boolean };
  /** Removes the queue of this mark, if it is still there. */
  removeMarked(mark: number): void;
}

/** A queue, and who is at its ends. */
export interface AttachedQueue<Queue extends KernelQueue> {
  readonly queue: Queue;
  readonly presence: Presence;
  /** For a receiver: a millrace sender closed here, and a foreign program took its messages since; its end is not this receiver's. */
  readonly senderIsHistory: boolean;
  /** When this end made the queue. */
  readonly ownership: Ownership | undefined;
}

/** Word of the presence: the mark of the queue when a millrace end made it; 0 when the queue is somebody else's. */
const MADE_WORD = 0;
/** Word of the presence: how the messages of the millrace ends lie in the queue. */
const FORM_WORD = 1;
const WHOLE = 1;
const FRAGMENTS = 2;
/** Word of the presence: 1 when a sender closed, left messages, and no millrace end has come since. */
const LEFT_WORD = 2;
/** Word of the presence: the mark of the queue that its ends use. */
const USED_WORD = 3;

/**
 * Takes one end of a queue, and makes the queue when there is none. The role, and whose queue it is, are noted in the presence object.
 *
 * @throws {IpcError} `IPC_BUSY`, `IPC_EXISTS` when the other end does not agree about fragments or has another queue, `IPC_PERMISSION`,
 *   `IPC_LIMIT`
 */
export function attachQueue<Queue extends KernelQueue>(options: QueueOptions<Queue>): AttachedQueue<Queue> {
  const { address, name, side, mode } = options;
  let entered: Omit<AttachedQueue<Queue>, "presence"> | undefined;
  let presenceIsNew = false;
  const discard = (word: (index: typeof MADE_WORD) => number) => {
    const mark = word(MADE_WORD);
    if (mark !== 0) options.removeMarked(mark);
  };
  try {
    const attach = { address, capacity: pageSize(), capacityAsked: false, mode, discard };
    const presence = attachPresence(name, side, attach, (opened) => {
      presenceIsNew = opened.created;
      entered = enter(opened, options);
    });
    const attached = { presence, ...(entered as Omit<AttachedQueue<Queue>, "presence">) };
    presence.leaveAtExit = () => abandonQueue(attached);
    return attached;
  } catch (error) {
    entered?.queue.release();
    entered?.ownership?.release();
    if (presenceIsNew) removeUnused(name, address);
    throw error;
  }
}

/** Takes the end in the presence, under its setup lock. */
function enter<Queue extends KernelQueue>(
  presence: Presence,
  options: QueueOptions<Queue>,
): Omit<AttachedQueue<Queue>, "presence"> {
  const { queue, made } = options.findOrMake();
  try {
    const isEmpty = made || queue.count() === 0;
    checkAgreement(presence, options, queue, isEmpty);
    const senderIsHistory = isEmpty && presence.ownerWord(LEFT_WORD) === 1 && presence.peerState() === "closed";
    if (made) presence.setOwnerWord(MADE_WORD, queue.mark);
    presence.setOwnerWord(LEFT_WORD, 0);
    presence.setOwnerWord(FORM_WORD, options.fragments ? FRAGMENTS : WHOLE);
    presence.setOwnerWord(USED_WORD, queue.mark);
    presence.enter(getpid());
    // at the end of the process the presence decides what becomes of the queue
    const ownership = made ? own(queue.object.kind, queue.object.name, () => {}) : undefined;
    return { queue, senderIsHistory, ownership };
  } catch (error) {
    if (made) queue.remove();
    queue.release();
    throw error;
  }
}

/** @throws {IpcError} `IPC_EXISTS` */
function checkAgreement<Queue extends KernelQueue>(
  presence: Presence,
  { address, side, fragments }: QueueOptions<Queue>,
  queue: Queue,
  isEmpty: boolean,
): void {
  const peerHolds = presence.peerState() === "attached";
  const holder = `process ${presence.peerPid} holds the ${otherSide(side)} end`;
  const used = presence.ownerWord(USED_WORD);
  if (peerHolds && used !== 0 && used !== queue.mark) {
    throw new IpcError(
      "IPC_EXISTS",
      `Cannot open ${address} as ${side}: ${holder} of a queue that was removed since, by another program. Close that end first`,
    );
  }
  const earlier = presence.ownerWord(FORM_WORD);
  if (earlier === 0 || earlier === (fragments ? FRAGMENTS : WHOLE) || (!peerHolds && isEmpty)) return;
  const [asked, found] = fragments ? ["with", "without"] : ["without", "with"];
  const who = peerHolds ? holder : "messages are left there that were sent";
  throw new IpcError(
    "IPC_EXISTS",
    `Cannot open ${address} as ${side} ${asked} fragments: ${who} ${found}. Open both ends with the same { fragments }`,
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

/**
 * Leaves a queue. The last end removes it when millrace made it, with what nobody will read.
 *
 * @param hasSent this end is a sender that has sent something
 */
export function detachQueue({ queue, presence, ownership }: AttachedQueue<KernelQueue>, hasSent: boolean): void {
  const made = presence.ownerWord(MADE_WORD) === queue.mark;
  let keep = false;
  try {
    presence.detach(
      () => {
        if (made && !keep) queue.remove();
      },
      (peer) => {
        const left = queue.count() ?? 0;
        if (presence.side === "receiver") {
          // what a foreign program sent is not for us to throw away
          keep = peer === "none" && left > 0;
          return true;
        }
        if (peer === "none" && left > 0) presence.setOwnerWord(LEFT_WORD, 1);
        // a sender leaves its messages, and its end, to a receiver to come, unless a foreign program has had all messages
        return peer === "closed" || (left === 0 && (peer === "dead" || hasSent));
      },
    );
  } finally {
    queue.release();
    ownership?.release();
  }
}

/** Leaves a queue as a process does that dies. One that this end made goes with its messages when nobody has come to it, or only this process had. */
export function abandonQueue({ queue, presence, ownership }: AttachedQueue<KernelQueue>): void {
  const made = presence.ownerWord(MADE_WORD) === queue.mark;
  try {
    presence.abandon(
      () => {
        if (made) queue.remove();
      },
      (peer) =>
        peer === "closed" ||
        (queue.count() ?? 0) === 0 ||
        // the sender was this process's own, and has left just before: see `last` in own.ts
        (presence.side === "receiver" && peer === "dead" && presence.peerPid === getpid()),
    );
  } finally {
    queue.release();
    ownership?.release();
  }
}
