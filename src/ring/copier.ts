import { copyIn, copyInto, copyOut } from "./copy.ts";
import type { RingMemory } from "./ring-memory.ts";

/**
 * Copies payloads between a ring's buffer and other memory. Where a message begins in the buffer is a byte offset, a multiple of 4.
 *
 * The ring calls it with lengths that it has checked: nothing is touched in front of `at`, and nothing from `at + length` on.
 */
export interface Copier {
  /**
   * Copies a whole array into the ring.
   *
   * @param length `source.length`
   */
  copyIn(at: number, source: Uint8Array, length: number): void;
  /**
   * Copies a payload into a new array.
   *
   * @returns the copy, never in shared memory
   */
  copyOut(at: number, length: number): Uint8Array<ArrayBuffer>;
  /**
   * Copies a payload into a given array, in which the caller has made sure of the room.
   *
   * @param start index in `target` of the first byte
   */
  copyInto(at: number, target: Uint8Array, start: number, length: number): void;
}

/** Copies with what every engine has: loops for small payloads, the methods of the views for large ones. */
export class ViewCopier implements Copier {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;

  constructor({ words, bytes }: Pick<RingMemory, "words" | "bytes">) {
    this.#words = words;
    this.#bytes = bytes;
  }

  /** See {@link Copier.copyIn}. */
  copyIn(at: number, source: Uint8Array, length: number): void {
    copyIn(this.#words, this.#bytes, at, source, length);
  }

  /** See {@link Copier.copyOut}. */
  copyOut(at: number, length: number): Uint8Array<ArrayBuffer> {
    return copyOut(this.#words, this.#bytes, at, length);
  }

  /** See {@link Copier.copyInto}. */
  copyInto(at: number, target: Uint8Array, start: number, length: number): void {
    copyInto(this.#words, this.#bytes, at, target, start, length);
  }
}
