const NEWLINE = 10;

/**
 * Cuts a stream of bytes into lines, without their newlines. Only a line that goes over the end of a chunk is copied; the others
 * are views of their chunk.
 */
export class LineSplitter {
  readonly #maxBytes: number;
  #pieces: Uint8Array[] = [];
  #length = 0;

  /** @param maxBytes the longest line, in bytes; a longer one is a `RangeError` as soon as that is known */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that end in this chunk. What is left of it is kept, so `chunk` must not change until its lines were used. */
  *split(chunk: Uint8Array): Generator<Uint8Array, void, undefined> {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const piece = chunk.subarray(start, end);
      this.#check(piece.length);
      yield this.#length === 0 ? piece : this.#join(piece);
      start = end + 1;
    }
    if (start === chunk.length) return;
    const rest = chunk.slice(start);
    this.#check(rest.length);
    this.#pieces.push(rest);
    this.#length += rest.length;
  }

  /** The last line, when the stream did not end in a newline. */
  rest(): Uint8Array | undefined {
    return this.#length === 0 ? undefined : this.#join(new Uint8Array(0));
  }

  #join(last: Uint8Array): Uint8Array {
    const line = new Uint8Array(this.#length + last.length);
    let offset = 0;
    for (const piece of [...this.#pieces, last]) {
      line.set(piece, offset);
      offset += piece.length;
    }
    this.#pieces = [];
    this.#length = 0;
    return line;
  }

  #check(more: number): void {
    if (this.#length + more <= this.#maxBytes) return;
    throw new RangeError(`A line is longer than ${this.#maxBytes} bytes, the longest message that this channel takes`);
  }
}
