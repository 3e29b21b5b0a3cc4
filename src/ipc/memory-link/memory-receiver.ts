import { IpcError } from "../../errors.ts";
import type { Link } from "../link.ts";
import { MemoryEnd } from "./memory-end.ts";
import type { MemoryQueue } from "./memory-queue.ts";

/** The receiving end of a `memory:` channel as a `Link`. */
export class MemoryReceiver extends MemoryEnd implements Link {
  readonly maxMessageBytes = Number.POSITIVE_INFINITY;
  readonly #maxMessageBytes: number;
  /** The pieces so far of a message that comes in several. */
  #parts: Uint8Array[] = [];
  #length = 0;
  /** The messages that are peeked at. */
  #peeked: Uint8Array[] = [];

  constructor(queue: MemoryQueue, address: string, maxMessageBytes: number, closed: () => void) {
    super(queue, address, "receiver", closed);
    this.#maxMessageBytes = maxMessageBytes;
  }

  override tryRead(): Uint8Array | undefined | null {
    return this.#next() ?? (this.queue.state("sender") === "closed" ? null : undefined);
  }

  tryPeek(): Uint8Array | undefined | null {
    const message = this.#peeked[0] ?? this.tryRead();
    if (message) this.#peeked[0] = message;
    return message;
  }

  tryPeekNext(): Uint8Array | undefined {
    const message = this.#next();
    if (message !== undefined) this.#peeked.push(message);
    return message;
  }

  release(): void {
    this.#peeked = [];
  }

  /** What was looked at and not received is there for the next receiver. */
  override close(): void {
    this.queue.unshift(this.#parts.map((bytes) => ({ bytes, more: true })));
    this.queue.unshift(this.#peeked.map((bytes) => ({ bytes, more: false })));
    this.#peeked = [];
    this.#parts = [];
    super.close();
  }

  protected override isReady(): boolean {
    return this.queue.pieces.length > 0 || this.queue.state("sender") === "closed";
  }

  /** The next whole message; its pieces leave the queue as they come, so that there is room for the others. */
  #next(): Uint8Array | undefined {
    for (let piece = this.queue.shift(); piece !== undefined; piece = this.queue.shift()) {
      this.#length += piece.bytes.length;
      this.#parts.push(piece.bytes);
      this.wakePeer();
      if (!piece.more) return this.#assemble();
    }
    return undefined;
  }

  #assemble(): Uint8Array {
    const [parts, length] = [this.#parts, this.#length];
    this.#parts = [];
    this.#length = 0;
    if (length > this.#maxMessageBytes) {
      throw new IpcError(
        "IPC_TOO_LARGE",
        `A message of ${length} bytes came on ${this.address}, but maxMessageBytes is ${this.#maxMessageBytes}. It was dropped`,
      );
    }
    const [first] = parts;
    if (parts.length === 1 && first !== undefined) return first;
    const message = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      message.set(part, at);
      at += part.length;
    }
    return message;
  }
}
