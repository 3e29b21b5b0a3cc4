import { IpcError } from "../../errors.ts";
import { MSG_TEXT_OFFSET, setMessageType } from "../../ffi/msg.ts";
import type { WaitOptions } from "../../wait/wait-options.ts";
import { type Turn, Turns, WAIT, type Waitable } from "../turns.ts";
import { BlockingWait } from "./blocking-wait.ts";
import { kernelMessageLimit } from "./message-limit.ts";
import type { MessageQueue } from "./message-queue.ts";

/** A message that a call waits to send. */
interface Outgoing {
  readonly type: number;
  readonly bytes: Uint8Array;
  sent: boolean;
}

/**
 * The calls that wait to send, one after the other.
 *
 * To wait for room is to send: the first of them blocks in msgsnd off the thread. A call that is given up interrupts that, and learns at
 * once whether it came too late.
 */
export class QueueSends implements Waitable {
  readonly address: string;
  readonly #queue: MessageQueue;
  readonly #turns: Turns;
  readonly #wait: BlockingWait;
  /** A `struct msgbuf`: the message that was tried last. */
  #buffer = new Uint8Array(new SharedArrayBuffer(MSG_TEXT_OFFSET + 1024));
  #length = 0;
  #blocked: Outgoing | undefined;

  constructor(queue: MessageQueue) {
    this.address = queue.address;
    this.#queue = queue;
    this.#turns = new Turns(this, "write");
    this.#wait = new BlockingWait(({ result }) => {
      if (result === 0 && this.#blocked !== undefined) this.#blocked.sent = true;
    });
  }

  /** @returns false when there is no room, or a call waits */
  trySend(type: number, bytes: Uint8Array): boolean {
    return this.#turns.idle && this.#try(type, bytes);
  }

  send(call: string, type: number, bytes: Uint8Array, options: WaitOptions): Promise<void> {
    return this.#turns.wait(this.#turn(call, { type, bytes, sent: false }), options);
  }

  sendSync(call: string, type: number, bytes: Uint8Array, timeout?: number): void {
    this.#turns.waitSync(this.#turn(call, { type, bytes, sent: false }), timeout);
  }

  ready(_direction: unknown, signal: AbortSignal | undefined): Promise<void> {
    if (this.#blocked === undefined) return Promise.resolve();
    return this.#wait.wait("msgsnd", [this.#queue.id, this.#buffer, this.#length, 0], signal);
  }

  readySync(_direction: unknown, timeout: number): boolean {
    if (this.#blocked === undefined) return true;
    return this.#wait.waitSync("msgsnd", [this.#queue.id, this.#buffer, this.#length, 0], timeout);
  }

  close(reason: (what: string) => unknown): void {
    this.#wait.settle();
    // what was sent in the last moment counts as sent
    this.#turns.serve();
    this.#turns.failAll(reason);
    this.#blocked = undefined;
  }

  #turn(call: string, message: Outgoing): Turn<void> {
    return {
      call,
      attempt: () => {
        // a call that still blocks has this message, or one that was given up, in the buffer
        this.#wait.settle();
        this.#blocked = undefined;
        if (message.sent || this.#try(message.type, message.bytes)) return undefined;
        this.#blocked = message;
        return WAIT;
      },
      retract: () => {
        if (this.#blocked !== message) return true;
        this.#wait.settle();
        this.#blocked = undefined;
        return !message.sent;
      },
    };
  }

  /** @returns false when there is no room now */
  #try(type: number, bytes: Uint8Array): boolean {
    const { length } = bytes;
    if (MSG_TEXT_OFFSET + length > this.#buffer.length) {
      const limit = kernelMessageLimit();
      if (length > limit) throw this.#tooLong(length, limit, "/proc/sys/kernel/msgmax");
      this.#buffer = new Uint8Array(new SharedArrayBuffer(MSG_TEXT_OFFSET + length));
    }
    setMessageType(new DataView(this.#buffer.buffer), type);
    this.#buffer.set(bytes, MSG_TEXT_OFFSET);
    this.#length = length;
    const sent = this.#queue.trySend(this.#buffer, length);
    if (sent === true) return true;
    if (sent === "too long") throw this.#tooLong(length, kernelMessageLimit(), "/proc/sys/kernel/msgmax");
    const room = this.#queue.status()?.qbytes;
    if (room !== undefined && length > room) throw this.#tooLong(length, room, "the room of the queue, maxBytes");
    return false;
  }

  #tooLong(length: number, limit: number, by: string): IpcError {
    return new IpcError(
      "IPC_TOO_LARGE",
      `Cannot send to ${this.address}: the message has ${length} bytes, but at most ${limit} fit in one, by ${by}`,
    );
  }
}
