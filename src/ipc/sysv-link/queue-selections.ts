import { MSG_EXCEPT } from "../../ffi/abi/current.ts";
import { MSG_TEXT_OFFSET, messageType, setMessageType } from "../../ffi/msg.ts";
import { Turns, type Waitable } from "../turns.ts";
import { BlockingWait } from "./blocking-wait.ts";
import type { MessageQueue } from "./message-queue.ts";

/** Which messages a call wants, and the calls that wait for those. */
export interface Selection {
  /** As `msgtyp` of msgrcv(2). */
  readonly type: number;
  /** `MSG_EXCEPT` or 0. */
  readonly flags: number;
  readonly turns: Turns;
  /** Whether a message of this type is one of them. */
  takes(type: number): boolean;
}

/**
 * The calls that wait to receive, each behind those that want the same messages.
 *
 * They wait in msgrcv off the thread with a buffer of no length. The kernel then says E2BIG as soon as a message is there, and leaves it,
 * so a wait that is given up loses nothing. Only an empty message fits. It is held, for whichever call wants it first, and goes back into
 * the queue when there is none.
 */
export class QueueSelections {
  readonly #queue: MessageQueue;
  readonly #selections = new Map<string, WaitingSelection>();
  /** The types of empty messages that were taken. */
  #held: number[] = [];

  constructor(queue: MessageQueue) {
    this.#queue = queue;
  }

  of(type: number, except: boolean): Selection {
    const name = `${type} ${except}`;
    const known = this.#selections.get(name);
    if (known !== undefined) return known;
    // those that nobody waits with are made anew when they are wanted again
    for (const [other, { turns }] of this.#selections) if (turns.idle) this.#selections.delete(other);
    const selection = new WaitingSelection(this.#queue, type, except, (taken) => this.#hold(taken));
    this.#selections.set(name, selection);
    return selection;
  }

  /** The type of an empty message for this selection that a wait took; `undefined` when there is none. */
  takeHeld(selection: Selection): number | undefined {
    const wanted = this.#held.filter((type) => selection.takes(type));
    if (wanted.length === 0) return undefined;
    const type = selection.type < 0 ? Math.min(...wanted) : (wanted[0] as number);
    this.#held.splice(this.#held.indexOf(type), 1);
    return type;
  }

  close(reason: (what: string) => unknown): void {
    for (const { turns } of this.#selections.values()) turns.failAll(reason);
    this.#selections.clear();
    this.#giveBack();
  }

  #hold(type: number): void {
    this.#held.push(type);
    for (const { turns } of this.#selections.values()) turns.serve();
    this.#giveBack();
  }

  /** What finds no room stays held for the next call. */
  #giveBack(): void {
    const message = new DataView(new ArrayBuffer(MSG_TEXT_OFFSET));
    this.#held = this.#held.filter((type) => {
      setMessageType(message, type);
      try {
        return this.#queue.trySend(new Uint8Array(message.buffer), 0) !== true;
      } catch {
        // removed, or not for this user to write to
        return true;
      }
    });
  }
}

class WaitingSelection implements Selection, Waitable {
  readonly address: string;
  readonly type: number;
  readonly flags: number;
  readonly turns: Turns;
  readonly #except: boolean;
  readonly #id: number;
  readonly #noRoom = new Uint8Array(new SharedArrayBuffer(MSG_TEXT_OFFSET));
  readonly #wait: BlockingWait;

  constructor({ id, address }: MessageQueue, type: number, except: boolean, hold: (type: number) => void) {
    this.#id = id;
    this.address = address;
    this.type = type;
    this.flags = except ? MSG_EXCEPT : 0;
    this.#except = except;
    this.turns = new Turns(this, "read");
    this.#wait = new BlockingWait(({ result }) => {
      // a longer message is E2BIG, and still in the queue
      if (result === 0) hold(messageType(new DataView(this.#noRoom.buffer)));
    });
  }

  takes(type: number): boolean {
    if (this.#except) return type !== this.type;
    if (this.type === 0) return true;
    return this.type > 0 ? type === this.type : type <= -this.type;
  }

  ready(_direction: unknown, signal: AbortSignal | undefined): Promise<void> {
    return this.#wait.wait("msgrcv", this.#arguments, signal);
  }

  readySync(_direction: unknown, timeout: number): boolean {
    return this.#wait.waitSync("msgrcv", this.#arguments, timeout);
  }

  get #arguments() {
    return [this.#id, this.#noRoom, 0, this.type, this.flags];
  }
}
