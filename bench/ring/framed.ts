/** A length and the message behind it, which is how programs send messages over a stream. */
import { stamp, verify } from "./numbered.ts";

const LENGTH_BYTES = 4;

/** Makes the frames of messages 1, 2, …, each in memory of its own, as a program that sends over a stream does. */
export class FrameSource {
  readonly #size: number;
  readonly #total: number;
  #made = 0;

  constructor(size: number, total: number) {
    this.#size = size;
    this.#total = total;
  }

  /** The next frame, `undefined` after the last. */
  next(): Uint8Array | undefined {
    if (this.#made === this.#total) return undefined;
    const frame = new Uint8Array(LENGTH_BYTES + this.#size);
    new DataView(frame.buffer).setUint32(0, this.#size, true);
    stamp(frame, LENGTH_BYTES, this.#size, ++this.#made);
    return frame;
  }
}

/** Takes frames apart and compares each with what it should be. */
export class FrameCheck {
  readonly #size: number;
  readonly #pending: Uint8Array;
  #filled = 0;
  received = 0;

  constructor(size: number) {
    this.#size = size;
    this.#pending = new Uint8Array(LENGTH_BYTES + size);
  }

  add(chunk: Uint8Array): void {
    const frameBytes = LENGTH_BYTES + this.#size;
    let at = 0;
    if (this.#filled > 0) {
      at = Math.min(chunk.length, frameBytes - this.#filled);
      this.#pending.set(chunk.subarray(0, at), this.#filled);
      this.#filled += at;
      if (this.#filled < frameBytes) return;
      this.#check(this.#pending, 0);
      this.#filled = 0;
    }
    for (; at + frameBytes <= chunk.length; at += frameBytes) this.#check(chunk, at);
    if (at === chunk.length) return;
    this.#pending.set(chunk.subarray(at));
    this.#filled = chunk.length - at;
  }

  #check(bytes: Uint8Array, at: number): void {
    const length =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    verify(bytes, at + LENGTH_BYTES, length, this.#size, ++this.received);
  }
}
