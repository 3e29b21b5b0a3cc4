import { domainError } from "../../error-table.ts";
import { IpcError } from "../../errors.ts";
import { IPC_CREAT, IPC_EXCL } from "../../ffi/abi/current.ts";
import { getpid } from "../../ffi/ids.ts";
import { msgctlRemove, msgget } from "../../ffi/msg.ts";
import { pageSize } from "../../ffi/sysconf.ts";
import { attachPresence } from "../attach-presence.ts";
import type { Side } from "../link.ts";
import type { Presence } from "../presence.ts";
import { otherSide } from "../presence-object.ts";
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
  /** For a receiver: a millrace sender closed here, and a foreign program took its messages since; its end is not this receiver's. */
  readonly senderIsHistory: boolean;
}

/** Word of the presence: 1 more than the id of the queue that a millrace end made; 0 when the queue is somebody else's. */
const MADE_WORD = 0;
/** Word of the presence: how the messages of the millrace ends lie in the queue. */
const FORM_WORD = 1;
const WHOLE = 1;
const FRAGMENTS = 2;
/** Word of the presence: 1 when a sender closed, left messages, and no millrace end has come since. */
const LEFT_WORD = 2;

/**
 * Takes one end of a queue, and makes the queue when there is none. The role, and whose queue it is, are noted in the presence object.
 *
 * @throws {IpcError} `IPC_BUSY`, `IPC_EXISTS` when the other end does not agree about fragments, `IPC_PERMISSION`, `IPC_LIMIT`
 */
export function attachQueue(options: QueueOptions): AttachedQueue {
  const { address, key, side, mode } = options;
  const name = presenceName(key);
  let entered: Omit<AttachedQueue, "presence"> | undefined;
  let presenceIsNew = false;
  const discard = (word: (index: typeof MADE_WORD) => number) => removeDiscarded(key, word(MADE_WORD));
  try {
    const attach = { address, capacity: pageSize(), capacityAsked: false, mode, discard };
    const presence = attachPresence(name, side, attach, (opened) => {
      presenceIsNew = opened.created;
      entered = enter(opened, options);
    });
    return { presence, ...(entered as Omit<AttachedQueue, "presence">) };
  } catch (error) {
    if (presenceIsNew) removeUnused(name, address);
    throw error;
  }
}

/** Takes the end in the presence, under its setup lock. */
function enter(presence: Presence, options: QueueOptions): Omit<AttachedQueue, "presence"> {
  const { id, made } = findOrMake(options);
  const queue = new MessageQueue(id, options.address);
  if (made) presence.setOwnerWord(MADE_WORD, id + 1);
  const isEmpty = made || queue.status()?.qnum === 0;
  const form = options.fragments ? FRAGMENTS : WHOLE;
  const earlier = presence.ownerWord(FORM_WORD);
  if (earlier !== 0 && earlier !== form && (presence.peerState() === "attached" || !isEmpty)) {
    if (made) queue.remove();
    throw otherForm(options, presence);
  }
  const senderIsHistory = isEmpty && presence.ownerWord(LEFT_WORD) === 1 && presence.peerState() === "closed";
  presence.setOwnerWord(LEFT_WORD, 0);
  presence.setOwnerWord(FORM_WORD, form);
  presence.enter(getpid());
  return { queue, senderIsHistory };
}

function findOrMake({ address, key, side, mode }: QueueOptions): { id: number; made: boolean } {
  const access = side === "sender" ? 0o222 : 0o444;
  for (;;) {
    try {
      return { id: msgget(key, IPC_CREAT | IPC_EXCL | mode), made: true };
    } catch (error) {
      if ((error as { code?: string }).code !== "EEXIST") {
        throw domainError(
          "create",
          error,
          `Cannot make the message queue of ${address}. \`ipcs -ql\` shows the limits`,
        );
      }
    }
    try {
      return { id: msgget(key, access), made: false };
    } catch (error) {
      // removed since
      if ((error as { code?: string }).code === "ENOENT") continue;
      throw domainError(
        "open",
        error,
        `Cannot open the message queue of ${address} as ${side}. \`ipcs -q\` shows whose it is`,
      );
    }
  }
}

function otherForm({ address, side, fragments }: QueueOptions, presence: Presence): IpcError {
  const [asked, found] = fragments ? ["with", "without"] : ["without", "with"];
  const who =
    presence.peerState() === "attached"
      ? `process ${presence.peerPid} holds the ${otherSide(side)} end`
      : "messages are left there that were sent";
  return new IpcError(
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

/** Removes the queue of a session that is over, if it is still there, and was made by it. */
function removeDiscarded(key: number, madeWord: number): void {
  if (madeWord === 0) return;
  try {
    if (msgget(key, 0) === madeWord - 1) msgctlRemove(madeWord - 1);
  } catch {
    // gone already, or given to another user: nothing of ours any more
  }
}

/**
 * Leaves a queue. The last end removes it when millrace made it, with what nobody will read.
 *
 * @param hasSent this end is a sender that has sent something
 */
export function detachQueue({ queue, presence }: AttachedQueue, hasSent: boolean): void {
  const made = presence.ownerWord(MADE_WORD) === queue.id + 1;
  let keep = false;
  presence.detach(
    () => {
      if (made && !keep) queue.remove();
    },
    (peer) => {
      const left = queue.status()?.qnum ?? 0;
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
}

/** Leaves a queue as a process does that dies. One that this end made goes with its messages when nobody has come to it. */
export function abandonQueue({ queue, presence }: AttachedQueue): void {
  const made = presence.ownerWord(MADE_WORD) === queue.id + 1;
  presence.abandon(
    () => {
      if (made) queue.remove();
    },
    (peer) => peer === "closed" || (queue.status()?.qnum ?? 0) === 0,
  );
}
