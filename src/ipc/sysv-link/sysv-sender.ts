import { IpcError } from "../../errors.ts";
import { MSG_TEXT_OFFSET, setMessageType } from "../../ffi/msg.ts";
import type { BlockingOutcome } from "../../ffi/off-thread/blocking-caller.ts";
import { BEGUN, type Direction, FULL, type Link, TAKEN, type WriteResult } from "../link.ts";
import type { AttachedQueue } from "../queue-link/attach-queue.ts";
import { FRAGMENT_HEADER_BYTES } from "../queue-link/fragment-format.ts";
import { Pieces } from "../queue-link/pieces.ts";
import { type MessageQueue, tooLargeRemedy } from "./message-queue.ts";
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
  readonly #pieces: Pieces;
  #hasSent = false;

  constructor(attached: AttachedQueue<MessageQueue>, { type, fragments }: SysvSenderOptions) {
    super(attached);
    this.#fragments = fragments;
    const longest = this.queue.longestMessage();
    if (fragments) this.#checkPiece(longest);
    this.maxMessageBytes = fragments ? Number.POSITIVE_INFINITY : longest;
    this.tooLargeRemedy = fragments ? undefined : tooLargeRemedy(longest);
    this.#buffer = new Uint8Array(new SharedArrayBuffer(MSG_TEXT_OFFSET + longest));
    this.#pieces = new Pieces(this.#buffer, MSG_TEXT_OFFSET, fragments);
    setMessageType(new DataView(this.#buffer.buffer), type);
  }

  override tryWrite(message: Uint8Array, waits = false): WriteResult {
    this.#refuseClosed();
    if (message.length > this.maxMessageBytes) throw this.queue.tooLong(message.length, this.maxMessageBytes);
    this.#pieces.begin(message);
    if (this.#send()) return TAKEN;
    if (waits || this.#pieces.begun) return BEGUN;
    this.#pieces.drop();
    return FULL;
  }

  override flush(): boolean {
    this.settle();
    if (!this.#pieces.pending) return true;
    this.#refuseClosed();
    return this.#send();
  }

  override keepRest(): void {
    this.#pieces.keep();
  }

  override retract(): boolean {
    this.settle();
    if (!this.#pieces.pending) return false;
    this.#pieces.drop();
    return true;
  }

  async ready(_direction: Direction, signal: AbortSignal | undefined): Promise<void> {
    if (!this.isOpen || !this.#pieces.pending) return;
    await this.wait("msgsnd", [this.queue.id, this.#buffer, this.#pieces.length, 0], signal);
  }

  readySync(_direction: Direction, timeout: number): boolean {
    if (!this.#pieces.pending) return true;
    return this.waitSync("msgsnd", [this.queue.id, this.#buffer, this.#pieces.length, 0], timeout);
  }

  protected override get hasSent(): boolean {
    return this.#hasSent;
  }

  protected override settled({ result }: BlockingOutcome): void {
    if (result === 0) this.#sent();
  }

  protected override beforeDetach(): void {
    super.beforeDetach();
    this.#pieces.drop();
  }

  /** Sends what is left while there is room; true when nothing is left. */
  #send(): boolean {
    try {
      while (this.#pieces.pending) {
        const sent = this.queue.trySend(this.#buffer, this.#pieces.length);
        if (sent === true) this.#sent();
        else if (sent === "too long") this.#sendLess(this.queue.longestMessage());
        else if (!this.#fitsNever()) return false;
      }
      return true;
    } catch (error) {
      this.#pieces.drop();
      throw error;
    }
  }

  /** The queue has no room now. True when its whole room is too little, which was seen to. */
  #fitsNever(): boolean {
    const room = this.queue.status()?.qbytes;
    if (room !== undefined && this.#pieces.length > room) {
      this.#sendLess(room);
      return true;
    }
    this.refuseDeadReceiver();
    return false;
  }

  /** A limit was lowered since this end was opened. */
  #sendLess(longest: number): void {
    if (!this.#fragments) throw this.queue.tooLong(this.#pieces.length, longest);
    this.#checkPiece(longest);
    this.#pieces.cutShorter(longest);
  }

  /** The kernel message in the buffer was sent. */
  #sent(): void {
    this.#hasSent = true;
    this.#pieces.advance();
  }

  #checkPiece(longest: number): void {
    if (longest > FRAGMENT_HEADER_BYTES) return;
    throw new IpcError(
      "IPC_LIMIT",
      `Cannot send fragments to ${this.address}: its queue takes messages of ${longest} bytes, but a fragment needs more than ${FRAGMENT_HEADER_BYTES}. Raise its msg_qbytes`,
    );
  }

  #refuseClosed(): void {
    if (!this.presence.peerClosed) return;
    this.#pieces.drop();
    throw this.closedByReceiver();
  }
}
