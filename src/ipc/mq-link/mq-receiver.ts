import type { Direction, Link } from "../link.ts";
import type { AttachedQueue } from "../queue-link/attach-queue.ts";
import { QueueReading, type ReadingOptions } from "../queue-link/queue-reading.ts";
import { MqEnd } from "./mq-end.ts";
import type { PosixQueue } from "./posix-queue.ts";

/** The receiving end of a queue as a `Link`. */
export class MqReceiver extends MqEnd implements Link {
  readonly side = "receiver";
  readonly maxMessageBytes = Number.POSITIVE_INFINITY;
  readonly #reading: QueueReading;
  readonly #buffer: Uint8Array;

  constructor(attached: AttachedQueue<PosixQueue>, options: ReadingOptions) {
    super(attached);
    this.#buffer = new Uint8Array(this.queue.messageBytes);
    this.#reading = new QueueReading(attached, options, () => this.#take());
  }

  override tryRead(): Uint8Array | undefined | null {
    return this.#reading.read();
  }

  async ready(direction: Direction, signal: AbortSignal | undefined): Promise<void> {
    if (!this.#isReady) await this.wait(direction, signal);
  }

  readySync(direction: Direction, timeout: number): boolean {
    return this.#isReady || this.waitSync(direction, timeout);
  }

  get #isReady(): boolean {
    return !this.isOpen || this.#reading.ended;
  }

  #take(): Uint8Array | undefined {
    const message = this.queue.tryReceive(this.#buffer);
    return message && this.#buffer.subarray(0, message.length);
  }
}
