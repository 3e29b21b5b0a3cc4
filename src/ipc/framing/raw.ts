import type { FrameFormat, FrameReader } from "./frame-format.ts";
import { BODY_BYTES, ReadBuffer } from "./read-buffer.ts";

/** `framing: "raw"`: bytes as they are. What one read brings is one chunk, wherever the sender's chunks began and ended. */
export const RAW_FORMAT: FrameFormat = {
  headerBytes: 0,
  trailerBytes: 0,
  endFrame: undefined,
  maxMessageBytes: Number.POSITIVE_INFINITY,
  messages: false,
  check() {},
  header() {},
  trailer() {},
  reader: (_address, maxMessageBytes, bufferBytes = BODY_BYTES) =>
    new RawReader(Math.min(maxMessageBytes, bufferBytes)),
};

class RawReader implements FrameReader {
  readonly #buffer: ReadBuffer;

  constructor(bufferBytes: number) {
    this.#buffer = new ReadBuffer(bufferBytes);
  }

  next(): Uint8Array | undefined {
    const { bytes, start, end } = this.#buffer;
    if (start === end) return undefined;
    this.#buffer.start = end;
    return bytes.slice(start, end);
  }

  room(): Uint8Array {
    return this.#buffer.room();
  }

  filled(count: number): void {
    this.#buffer.filled(count);
  }

  finish(): null {
    return null;
  }
}
