import { IpcError } from "../../errors.ts";
import type { FrameFormat, FrameReader } from "./frame-format.ts";
import { BODY_BYTES, HEAD_BYTES, ReadBuffer } from "./read-buffer.ts";

const NEWLINE = 0x0a;

/**
 * `framing: "lines"`: a message is a line without its newline. Nothing else is changed: a carriage return stays. The end of the file
 * also ends a last line that has no newline.
 */
export const LINES_FORMAT: FrameFormat = {
  headerBytes: 0,
  trailerBytes: 1,
  endFrame: undefined,
  maxMessageBytes: Number.POSITIVE_INFINITY,
  messages: true,
  check(message) {
    const at = message.indexOf(NEWLINE);
    if (at === -1) return;
    throw new TypeError(
      `The message has a newline at byte ${at} and would arrive as two: with framing "lines" send each line by itself, ` +
        'or use framing "length"',
    );
  },
  header() {},
  trailer(target, offset) {
    target[offset] = NEWLINE;
  },
  reader: (address, maxMessageBytes, bufferBytes = BODY_BYTES) =>
    new LinesReader(address, maxMessageBytes, bufferBytes),
};

class LinesReader implements FrameReader {
  readonly #address: string;
  readonly #maxMessageBytes: number;
  readonly #buffer: ReadBuffer;
  /** How many bytes of the buffer are known to hold no newline. */
  #searched = 0;
  /** The first part of a line that is too long for the buffer. */
  #long = NO_BYTES;
  #longLength = 0;
  /** Inside of a line that was refused. */
  #skipping = false;

  constructor(address: string, maxMessageBytes: number, bufferBytes: number) {
    this.#address = address;
    this.#maxMessageBytes = maxMessageBytes;
    this.#buffer = new ReadBuffer(bufferBytes);
  }

  next(): Uint8Array | undefined {
    const buffer = this.#buffer;
    const { bytes, end } = buffer;
    // a newline behind the last byte, so that the search ends there and not in what an earlier read left
    bytes[end] = NEWLINE;
    while (buffer.start < end) {
      const newline = bytes.indexOf(NEWLINE, buffer.start + this.#searched);
      if (newline === end) {
        this.#keepBeginning();
        return undefined;
      }
      const skipped = this.#skipping;
      this.#skipping = false;
      this.#searched = 0;
      if (!skipped) return this.#take(newline, newline + 1);
      buffer.start = newline + 1;
    }
    return undefined;
  }

  room(): Uint8Array {
    return this.#buffer.room();
  }

  filled(count: number): void {
    this.#buffer.filled(count);
  }

  finish(): Uint8Array | null {
    const { start, end } = this.#buffer;
    return this.#longLength + end - start > 0 ? this.#take(end, end) : null;
  }

  /** The line that ends at `end`, the next one beginning at `next`. */
  #take(end: number, next: number): Uint8Array {
    const buffer = this.#buffer;
    const { start } = buffer;
    const length = this.#longLength + end - start;
    buffer.start = next;
    if (length > this.#maxMessageBytes) this.#refuse(length);
    if (this.#longLength === 0) return buffer.bytes.slice(start, end);
    const line = new Uint8Array(length);
    line.set(this.#long.subarray(0, this.#longLength));
    line.set(buffer.bytes.subarray(start, end), this.#longLength);
    this.#forgetLong();
    return line;
  }

  /** The buffer ends inside of a line: keeps that where the next read does not overwrite it. */
  #keepBeginning(): void {
    const buffer = this.#buffer;
    const { start, end } = buffer;
    const length = this.#longLength + end - start;
    if (this.#skipping || length > this.#maxMessageBytes) {
      buffer.start = end;
      this.#searched = 0;
      if (this.#skipping) return;
      this.#skipping = true;
      this.#refuse(length);
    }
    if (this.#longLength === 0 && end - start <= HEAD_BYTES) {
      this.#searched = end - start;
      return;
    }
    if (length > this.#long.length) {
      const grown = new Uint8Array(Math.min(this.#maxMessageBytes, Math.max(length, this.#long.length) * 2));
      grown.set(this.#long.subarray(0, this.#longLength));
      this.#long = grown;
    }
    this.#long.set(buffer.bytes.subarray(start, end), this.#longLength);
    this.#longLength = length;
    buffer.start = end;
    this.#searched = 0;
  }

  #refuse(length: number): never {
    this.#forgetLong();
    throw new IpcError(
      "IPC_TOO_LARGE",
      `A line on ${this.#address} has ${length} bytes or more and was skipped: maxMessageBytes is ${this.#maxMessageBytes}`,
    );
  }

  #forgetLong(): void {
    this.#long = NO_BYTES;
    this.#longLength = 0;
  }
}

const NO_BYTES = new Uint8Array(0);
