import { MSG_TEXT_OFFSET } from "../../ffi/msg.ts";
import type { BlockingOutcome } from "../../ffi/off-thread/blocking-caller.ts";
import type { Direction, Link } from "../link.ts";
import type { AttachedQueue } from "../queue-link/attach-queue.ts";
import { QueueReading, type ReadingOptions } from "../queue-link/queue-reading.ts";
import { kernelMessageLimit } from "./message-limit.ts";
import type { MessageQueue } from "./message-queue.ts";
import { SysvEnd } from "./sysv-end.ts";

/** What a receiver takes. */
export interface SysvReceiverOptions extends ReadingOptions {
  /** As `msgtyp` of msgrcv(2). */
  readonly type: number;
}

/** The receiving end of a queue as a `Link`. */
export class SysvReceiver extends SysvEnd implements Link {
  readonly side = "receiver";
  readonly maxMessageBytes = Number.POSITIVE_INFINITY;
  readonly #type: number;
  readonly #reading: QueueReading;
  /** A `struct msgbuf` with room for the longest message. */
  #buffer = new Uint8Array(MSG_TEXT_OFFSET + kernelMessageLimit());
  /** A `struct msgbuf` without room. Waiting for a message with it takes none, except for an empty one. */
  readonly #noRoom = new Uint8Array(new SharedArrayBuffer(MSG_TEXT_OFFSET));
  #holdsEmpty = false;

  constructor(attached: AttachedQueue<MessageQueue>, options: SysvReceiverOptions) {
    super(attached);
    this.#type = options.type;
    this.#reading = new QueueReading(attached, options, () => this.#take());
  }

  override tryRead(): Uint8Array | undefined | null {
    if (!this.#reading.ended) this.settle();
    return this.#reading.read();
  }

  async ready(_direction: Direction, signal: AbortSignal | undefined): Promise<void> {
    if (this.#isReady) return;
    await this.wait("msgrcv", [this.queue.id, this.#noRoom, 0, this.#type, 0], signal);
  }

  readySync(_direction: Direction, timeout: number): boolean {
    return this.#isReady || this.waitSync("msgrcv", [this.queue.id, this.#noRoom, 0, this.#type, 0], timeout);
  }

  protected override settled({ result }: BlockingOutcome): void {
    // a longer message, for which there was no room, is E2BIG and still in the queue
    if (result === 0) this.#holdsEmpty = true;
  }

  /** An empty message that nobody has asked for goes back, with its type. */
  protected override beforeDetach(): void {
    super.beforeDetach();
    if (!this.#holdsEmpty) return;
    this.#holdsEmpty = false;
    this.queue.trySend(this.#noRoom, 0);
  }

  get #isReady(): boolean {
    return !this.isOpen || this.#reading.ended || this.#holdsEmpty;
  }

  /** The next kernel message, in memory that is used again for the one after. */
  #take(): Uint8Array | undefined {
    if (this.#holdsEmpty) {
      this.#holdsEmpty = false;
      return this.#buffer.subarray(0, 0);
    }
    let bytes = this.queue.tryReceive(this.#buffer, this.#type);
    while (bytes === "too long") {
      // the kernel's limit was raised since
      const room = Math.max(2 * this.#buffer.length, kernelMessageLimit());
      this.#buffer = new Uint8Array(MSG_TEXT_OFFSET + room);
      bytes = this.queue.tryReceive(this.#buffer, this.#type);
    }
    return bytes;
  }
}
