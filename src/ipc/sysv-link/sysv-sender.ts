import { IpcError } from "../../errors.ts";
import { MSG_TEXT_OFFSET, setMessageType } from "../../ffi/msg.ts";
import type { BlockingOutcome } from "../../ffi/off-thread/blocking-caller.ts";
import { BEGUN, type Direction, FULL, type Link, TAKEN, type WriteResult } from "../link.ts";
import type { AttachedQueue } from "./attach-queue.ts";
import { FRAGMENT_HEADER_BYTES, writeFragmentHeader } from "./fragment-format.ts";
import { tooLargeRemedy } from "./message-queue.ts";
import { SysvEnd } from "./sysv-end.ts";

/** What a sender sends. */
export interface SysvSenderOptions {
  /** The type of every message, positive. */
  readonly type: number;
  readonly fragments: boolean;
}

/**
 * The sending end of a queue as a `Link`.
 *
 * To wait for room is to send: there is no other way. So a caller that will wait has its message begun, with nothing of it sent, and the
 * msgsnd that blocks off the thread sends it. Taking it back interrupts that call, which then had no effect.
 */
export class SysvSender extends SysvEnd implements Link {
  readonly side = "sender";
  readonly maxMessageBytes: number;
  readonly tooLargeRemedy: string | undefined;
  readonly #fragments: boolean;
  /** A `struct msgbuf`: the next kernel message. */
  readonly #buffer: Uint8Array<SharedArrayBuffer>;
  readonly #view: DataView;
  /** Bytes of a kernel message at most. */
  #longest: number;
  /** Bytes of the kernel message in the buffer, without its type. */
  #length = 0;
  /** What is left of the message on its way: what lies in the buffer, and what comes after it. */
  #rest: Uint8Array | undefined;
  #sequence = Math.floor(Math.random() * 2 ** 32);
  #index = 0;
  #hasSent = false;

  constructor(attached: AttachedQueue, { type, fragments }: SysvSenderOptions) {
    super(attached);
    this.#fragments = fragments;
    this.#longest = this.queue.longestMessage();
    if (fragments) this.#checkPiece();
    this.maxMessageBytes = fragments ? Number.POSITIVE_INFINITY : this.#longest;
    this.tooLargeRemedy = fragments ? undefined : tooLargeRemedy(this.#longest);
    this.#buffer = new Uint8Array(new SharedArrayBuffer(MSG_TEXT_OFFSET + this.#longest));
    this.#view = new DataView(this.#buffer.buffer);
    setMessageType(this.#view, type);
  }

  tryWrite(message: Uint8Array, waits = false): WriteResult {
    this.#refuseClosed();
    if (message.length > this.maxMessageBytes) throw this.queue.tooLong(message.length, this.maxMessageBytes);
    this.#rest = message;
    this.#index = 0;
    this.#prepare();
    if (this.#send()) return TAKEN;
    if (waits || this.#index > 0) return BEGUN;
    this.#rest = undefined;
    return FULL;
  }

  flush(): boolean {
    this.settle();
    if (this.#rest === undefined) return true;
    this.#refuseClosed();
    return this.#send();
  }

  keepRest(): void {
    this.#rest = this.#rest?.slice();
  }

  retract(): boolean {
    this.settle();
    if (this.#rest === undefined) return false;
    // the fragments that were sent are discarded by the receiver: the next message begins with index 0
    this.#giveUp();
    return true;
  }

  tryRead(): never {
    throw new TypeError(`${this.address} is open for sending`);
  }

  async ready(_direction: Direction, signal: AbortSignal | undefined): Promise<void> {
    if (!this.isOpen || this.#rest === undefined) return;
    await this.wait("msgsnd", [this.queue.id, this.#buffer, this.#length, 0], signal);
  }

  readySync(_direction: Direction, timeout: number): boolean {
    return this.#rest === undefined || this.waitSync("msgsnd", [this.queue.id, this.#buffer, this.#length, 0], timeout);
  }

  protected override get hasSent(): boolean {
    return this.#hasSent;
  }

  protected override settled({ result }: BlockingOutcome): void {
    if (result === 0) this.#goOn();
  }

  protected override beforeDetach(): void {
    this.#giveUp();
  }

  /** Sends what is left while there is room; true when nothing is left. */
  #send(): boolean {
    try {
      while (this.#rest !== undefined) {
        const sent = this.queue.trySend(this.#buffer, this.#length);
        if (sent === true) this.#goOn();
        else if (sent === "too long") this.#sendLess(this.queue.longestMessage());
        else if (!this.#fitsNever()) return false;
      }
      return true;
    } catch (error) {
      this.#giveUp();
      throw error;
    }
  }

  /** The queue has no room now. True when its whole room is too little, which was seen to. */
  #fitsNever(): boolean {
    const room = this.queue.status()?.qbytes;
    if (room !== undefined && this.#length > room) {
      this.#sendLess(room);
      return true;
    }
    if (this.presence.peerState() !== "dead") return false;
    throw new IpcError(
      "IPC_PEER_GONE",
      `Cannot send to ${this.address}: its receiver, process ${this.presence.peerPid}, died without closing, and the queue is full. ` +
        "What was sent is kept for the next receiver",
    );
  }

  /** A limit was lowered since this end was opened. */
  #sendLess(longest: number): void {
    if (!this.#fragments) throw this.queue.tooLong(this.#length, longest);
    this.#longest = longest;
    this.#checkPiece();
    this.#prepare();
  }

  /** Lays the next kernel message into the buffer. */
  #prepare(): void {
    const rest = this.#rest as Uint8Array;
    if (!this.#fragments) {
      this.#length = rest.length;
      this.#buffer.set(rest, MSG_TEXT_OFFSET);
      return;
    }
    const payload = rest.subarray(0, this.#longest - FRAGMENT_HEADER_BYTES);
    const last = payload.length === rest.length;
    writeFragmentHeader(this.#view, MSG_TEXT_OFFSET, { sequence: this.#sequence, index: this.#index, last });
    this.#buffer.set(payload, MSG_TEXT_OFFSET + FRAGMENT_HEADER_BYTES);
    this.#length = FRAGMENT_HEADER_BYTES + payload.length;
  }

  /** The kernel message in the buffer was sent. */
  #goOn(): void {
    this.#hasSent = true;
    const sent = this.#fragments ? this.#length - FRAGMENT_HEADER_BYTES : this.#length;
    const rest = this.#rest as Uint8Array;
    if (sent === rest.length) {
      this.#giveUp();
      return;
    }
    this.#rest = rest.subarray(sent);
    this.#index++;
    this.#prepare();
  }

  /** Nothing is on its way any more. */
  #giveUp(): void {
    this.#rest = undefined;
    this.#sequence = (this.#sequence + 1) >>> 0;
  }

  #checkPiece(): void {
    if (this.#longest > FRAGMENT_HEADER_BYTES) return;
    throw new IpcError(
      "IPC_LIMIT",
      `Cannot send fragments to ${this.address}: its queue takes messages of ${this.#longest} bytes, but a fragment needs more than ${FRAGMENT_HEADER_BYTES}. Raise its msg_qbytes`,
    );
  }

  #refuseClosed(): void {
    if (!this.presence.peerClosed) return;
    this.#giveUp();
    throw new IpcError("IPC_CLOSED", `Cannot send to ${this.address}: its receiver has closed`);
  }
}
