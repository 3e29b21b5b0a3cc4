import { IpcError } from "../../errors.ts";
import { BEGUN, type Direction, FULL, type Link, TAKEN, type WriteResult } from "../link.ts";
import type { AttachedQueue } from "../queue-link/attach-queue.ts";
import { FRAGMENT_HEADER_BYTES } from "../queue-link/fragment-format.ts";
import { Pieces } from "../queue-link/pieces.ts";
import { MqEnd } from "./mq-end.ts";
import type { PosixQueue } from "./posix-queue.ts";

/** What a sender sends. */
export interface MqSenderOptions {
  /** The priority of every message. */
  readonly priority: number;
  readonly fragments: boolean;
}

/** The sending end of a queue as a `Link`. */
export class MqSender extends MqEnd implements Link {
  readonly side = "sender";
  readonly maxMessageBytes: number;
  readonly tooLargeRemedy: string | undefined;
  readonly #priority: number;
  /** The next kernel message. */
  readonly #buffer: Uint8Array;
  readonly #pieces: Pieces;
  #hasSent = false;

  constructor(attached: AttachedQueue<PosixQueue>, { priority, fragments }: MqSenderOptions) {
    super(attached);
    const { messageBytes } = this.queue;
    if (fragments && messageBytes <= FRAGMENT_HEADER_BYTES) {
      throw new IpcError(
        "IPC_LIMIT",
        `Cannot send fragments to ${this.address}: its queue takes messages of ${messageBytes} bytes, but a fragment needs more than ${FRAGMENT_HEADER_BYTES}. Make it with a larger capacity`,
      );
    }
    this.maxMessageBytes = fragments ? Number.POSITIVE_INFINITY : messageBytes;
    this.tooLargeRemedy = fragments
      ? undefined
      : ", which the queue was made for (mq_msgsize). Open both ends with { fragments: true }, or send less at a time";
    this.#priority = priority;
    this.#buffer = new Uint8Array(messageBytes);
    this.#pieces = new Pieces(this.#buffer, 0, fragments);
  }

  override tryWrite(message: Uint8Array): WriteResult {
    this.#refuseClosed();
    if (message.length > this.maxMessageBytes) throw this.queue.tooLong(message.length);
    this.#pieces.begin(message);
    if (this.#send()) return TAKEN;
    if (this.#pieces.begun) return BEGUN;
    this.#pieces.drop();
    return FULL;
  }

  override flush(): boolean {
    if (!this.#pieces.pending) return true;
    this.#refuseClosed();
    return this.#send();
  }

  override keepRest(): void {
    this.#pieces.keep();
  }

  override retract(): boolean {
    if (!this.#pieces.pending) return false;
    this.#pieces.drop();
    return true;
  }

  async ready(direction: Direction, signal: AbortSignal | undefined): Promise<void> {
    if (this.isOpen) await this.wait(direction, signal);
  }

  readySync(direction: Direction, timeout: number): boolean {
    return !this.isOpen || this.waitSync(direction, timeout);
  }

  protected override get hasSent(): boolean {
    return this.#hasSent;
  }

  protected override beforeDetach(): void {
    this.#pieces.drop();
  }

  /** Sends what is left while there is room; true when nothing is left. */
  #send(): boolean {
    try {
      while (this.#pieces.pending) {
        if (!this.queue.trySend(this.#buffer.subarray(0, this.#pieces.length), this.#priority)) {
          this.refuseDeadReceiver();
          return false;
        }
        this.#hasSent = true;
        this.#pieces.advance();
      }
      return true;
    } catch (error) {
      this.#pieces.drop();
      throw error;
    }
  }

  #refuseClosed(): void {
    if (!this.presence.peerClosed) return;
    this.#pieces.drop();
    throw this.closedByReceiver();
  }
}
