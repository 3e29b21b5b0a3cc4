const FIRST_SIZE = 65_536;

/**
 * Puts a message together from fragments. It grows with the bytes that have really come, never by a size that somebody
 * announced; the caller enforces the limit.
 */
export class MessageAssembly {
  #bytes = new Uint8Array(0);
  #length = 0;

  /** Bytes put together so far. */
  get length(): number {
    return this.#length;
  }

  /**
   * Adds a fragment.
   *
   * @param source the buffer that it lies in
   * @param at byte offset of the fragment
   * @param length its size in bytes
   */
  append(source: Uint8Array, at: number, length: number): void {
    const needed = this.#length + length;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2, FIRST_SIZE));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(source.subarray(at, at + length), this.#length);
    this.#length = needed;
  }

  /** Gives the message away and begins anew. */
  take(): Uint8Array<ArrayBuffer> {
    // A copy only where much would be kept for little
    const fits = this.#length * 2 >= this.#bytes.length;
    const message = fits ? this.#bytes.subarray(0, this.#length) : this.#bytes.slice(0, this.#length);
    this.clear();
    return message;
  }

  /** Forgets what came. */
  clear(): void {
    this.#bytes = new Uint8Array(0);
    this.#length = 0;
  }
}
