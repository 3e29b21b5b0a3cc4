import { IpcError } from "../../errors.ts";
import type { FrameFormat, FrameReader } from "./frame-format.ts";
import { BODY_BYTES, HEAD_BYTES, ReadBuffer } from "./read-buffer.ts";

/**
 * `framing: "length"`: a frame is the payload's length as a little-endian uint32, then the payload. A sender that closes writes a
 * last length of 0xffffffff, so an end of the file without it means that the sender died.
 */
export const LENGTH_FORMAT: FrameFormat = {
  headerBytes: 4,
  trailerBytes: 0,
  endFrame: Uint8Array.of(0xff, 0xff, 0xff, 0xff),
  maxMessageBytes: 0x7fff_ffff,
  messages: true,
  check() {},
  header(target, offset, length) {
    target[offset] = length;
    target[offset + 1] = length >>> 8;
    target[offset + 2] = length >>> 16;
    target[offset + 3] = length >>> 24;
  },
  trailer() {},
  reader: (address, maxMessageBytes, bufferBytes = BODY_BYTES, descriptors = false) =>
    new LengthReader(address, maxMessageBytes, bufferBytes, descriptors),
};

/** Stands between the messages of a unix socket where a descriptor was sent: its first byte carries the descriptor. */
export const DESCRIPTOR_BYTES: Uint8Array = Uint8Array.of(0xfe, 0xff, 0xff, 0xff);

/** What `next` gives in its place. */
export const DESCRIPTOR_FRAME: Uint8Array = new Uint8Array(0);

const HEADER_BYTES = 4;
const END = 0xffff_ffff;
const DESCRIPTOR = 0xffff_fffe;

/** Up to here a message gets its memory at once; beyond, the memory grows with what has arrived, so that a length alone costs nothing. */
const TRUSTED_BYTES = 16 * 1024 * 1024;

/**
 * A message that is in the buffer is copied out of it, once. A long one that is not there whole gets its own memory and the rest is
 * read straight into it. After a long message only a header is read, for the next payload is likely to be long as well.
 */
class LengthReader implements FrameReader {
  readonly #address: string;
  readonly #maxMessageBytes: number;
  readonly #buffer: ReadBuffer;
  readonly #headerRoom: Uint8Array;
  readonly #descriptors: boolean;
  /** The long message that is being read: its memory, how much of that is filled, and the length it will have. */
  #message: Uint8Array | undefined;
  #filled = 0;
  #length = 0;
  #longBefore = false;
  /** Bytes of a refused message that are still to come. */
  #skip = 0;
  #endFrameIsLast = false;

  constructor(address: string, maxMessageBytes: number, bufferBytes: number, descriptors: boolean) {
    this.#descriptors = descriptors;
    this.#address = address;
    this.#maxMessageBytes = maxMessageBytes;
    this.#buffer = new ReadBuffer(bufferBytes);
    this.#headerRoom = this.#buffer.body.subarray(0, HEADER_BYTES);
  }

  next(): Uint8Array | undefined {
    if (this.#message !== undefined) return this.#nextLong();
    const buffer = this.#buffer;
    if (this.#skip > 0) this.#skipRefused();
    while (buffer.end - buffer.start >= HEADER_BYTES) {
      const { bytes, start } = buffer;
      const length =
        ((bytes[start] as number) |
          ((bytes[start + 1] as number) << 8) |
          ((bytes[start + 2] as number) << 16) |
          ((bytes[start + 3] as number) << 24)) >>>
        0;
      this.#endFrameIsLast = length === END;
      if (length === END) {
        buffer.start = start + HEADER_BYTES;
        continue;
      }
      if (length === DESCRIPTOR && this.#descriptors) {
        buffer.start = start + HEADER_BYTES;
        return DESCRIPTOR_FRAME;
      }
      if (length > this.#maxMessageBytes) this.#refuse(length);
      const payload = start + HEADER_BYTES;
      if (payload + length <= buffer.end) {
        buffer.start = payload + length;
        this.#longBefore = length > HEAD_BYTES;
        return bytes.slice(payload, payload + length);
      }
      if (HEADER_BYTES + length > HEAD_BYTES) this.#beginLong(payload, length);
      return undefined;
    }
    return undefined;
  }

  get buffered(): number {
    return this.#buffer.end - this.#buffer.start;
  }

  room(): Uint8Array {
    if (this.#message !== undefined) {
      if (this.#filled === this.#message.length) this.#growLong(this.#message);
      return this.#message.subarray(this.#filled);
    }
    const buffer = this.#buffer;
    const body = buffer.room();
    return this.#longBefore && buffer.start === buffer.end ? this.#headerRoom : body;
  }

  filled(count: number): void {
    if (this.#message !== undefined) this.#filled += count;
    else this.#buffer.filled(count);
  }

  finish(): null {
    const { start, end } = this.#buffer;
    if (this.#endFrameIsLast && start === end) return null;
    this.#endFrameIsLast = true;
    this.#buffer.start = end;
    const inside = this.#message !== undefined || this.#skip > 0 || start !== end;
    this.#message = undefined;
    throw new IpcError(
      "IPC_PEER_GONE",
      `The sender on ${this.#address} went without closing${inside ? ", in the middle of a message" : ""}`,
    );
  }

  #nextLong(): Uint8Array | undefined {
    if (this.#filled < this.#length) return undefined;
    const message = this.#message;
    this.#message = undefined;
    this.#longBefore = true;
    return message;
  }

  #beginLong(payload: number, length: number): void {
    const buffer = this.#buffer;
    this.#message = new Uint8Array(Math.min(length, TRUSTED_BYTES));
    this.#message.set(buffer.bytes.subarray(payload, buffer.end));
    this.#filled = buffer.end - payload;
    this.#length = length;
    buffer.start = buffer.end;
  }

  #growLong(message: Uint8Array): void {
    this.#message = new Uint8Array(Math.min(this.#length, message.length * 4));
    this.#message.set(message);
  }

  #refuse(length: number): never {
    const buffer = this.#buffer;
    if (length > LENGTH_FORMAT.maxMessageBytes) {
      buffer.start = buffer.end;
      throw new IpcError(
        "IPC_CORRUPT",
        `A message on ${this.#address} says that it has ${length} bytes, which no sender writes: the other end does not use ` +
          'framing "length", or several senders mixed messages of more than 4092 bytes',
      );
    }
    buffer.start += HEADER_BYTES;
    this.#skip = length;
    throw new IpcError(
      "IPC_TOO_LARGE",
      `A message on ${this.#address} has ${length} bytes and was skipped: maxMessageBytes is ${this.#maxMessageBytes}`,
    );
  }

  #skipRefused(): void {
    const buffer = this.#buffer;
    const count = Math.min(this.#skip, buffer.end - buffer.start);
    buffer.start += count;
    this.#skip -= count;
  }
}
