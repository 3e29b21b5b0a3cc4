import { domainError } from "../../error-table.ts";
import { PIPE_BUF } from "../../ffi/abi/current.ts";
import { write } from "../../ffi/fd.ts";
import { WOULD_BLOCK } from "../../ffi/results.ts";
import type { SystemError } from "../../ffi/system-error.ts";
import { BEGUN, FULL, TAKEN, type WriteResult } from "../link.ts";
import type { FrameFormat } from "./frame-format.ts";

/**
 * Frames messages and writes them to a non-blocking descriptor.
 *
 * - What fits into PIPE_BUF with its frame goes through a buffer of that size and out with one call, so that the frames of several
 *   writers of a pipe never mix. Between `cork` and `uncork` the buffer collects messages; it never grows past PIPE_BUF.
 * - Of a longer message only a first part is copied, to go together with its header; the rest is written from the caller's memory.
 *
 * What is pending goes out in this order: buffer, rest of a message, trailer, end frame.
 * Once the receiver has gone, nothing is pending and every further message is refused, also when a FIFO finds another receiver.
 */
export class FrameWriter {
  readonly #address: string;
  readonly #fd: number;
  readonly #sink: (fd: number, bytes: Uint8Array) => number;
  readonly #format: FrameFormat;
  readonly #buffer = new Uint8Array(PIPE_BUF);
  /** Bytes `#start` to `#end` of the buffer are not written yet. */
  #start = 0;
  #end = 0;
  /** What is left of a long message. */
  #rest: Uint8Array | undefined;
  #trailerPending = false;
  #endPending = false;
  #endAnnounced = false;
  #corked = false;
  #failure: { error: unknown; reported: boolean } | undefined;

  /** @param sink writes as `write` does; for a descriptor that takes another call */
  constructor(
    address: string,
    fd: number,
    format: FrameFormat,
    sink: (fd: number, bytes: Uint8Array) => number = write,
  ) {
    this.#sink = sink;
    this.#address = address;
    this.#fd = fd;
    this.#format = format;
  }

  /**
   * As `tryWrite` of a link.
   *
   * @throws {TypeError} when the format refuses the message
   */
  write(message: Uint8Array): WriteResult {
    const { headerBytes, trailerBytes } = this.#format;
    this.#format.check(message);
    if (this.#failure !== undefined) this.#throwFailure(this.#failure);
    const size = headerBytes + message.length + trailerBytes;
    if (size > PIPE_BUF - this.#end || this.#rest !== undefined) {
      if (!this.flush()) return FULL;
      if (size > PIPE_BUF) return this.#writeLong(message);
    }
    const before = this.#end;
    this.#append(message, message.length);
    if (trailerBytes > 0) this.#appendTrailer();
    if (this.#corked || this.flush()) return TAKEN;
    // a socket may take a part of a small write; a pipe takes it whole or not at all
    if (this.#start > before) return BEGUN;
    this.#end = before;
    return FULL;
  }

  /** @returns true when nothing is left */
  flush(): boolean {
    if (this.#failure?.reported === false) this.#throwFailure(this.#failure);
    if (!this.#flushBuffer()) return false;
    while (this.#rest !== undefined) {
      const count = this.#write(this.#rest);
      if (count === WOULD_BLOCK) return false;
      this.#rest = count < this.#rest.length ? this.#rest.subarray(count) : undefined;
    }
    if (this.#trailerPending) {
      this.#trailerPending = false;
      this.#appendTrailer();
      if (!this.#flushBuffer()) return false;
    }
    if (this.#endPending) {
      this.#endPending = false;
      const frame = this.#format.endFrame as Uint8Array;
      this.#buffer.set(frame);
      this.#end = frame.length;
      return this.#flushBuffer();
    }
    return true;
  }

  /** Copies what is left of a long message. */
  keepRest(): void {
    this.#rest &&= this.#rest.slice();
  }

  cork(): void {
    this.#corked = true;
  }

  /** Does not throw: a failure is for the next `flush` to report. */
  uncork(): void {
    this.#corked = false;
    try {
      this.flush();
    } catch {
      if (this.#failure !== undefined) this.#failure.reported = false;
    }
  }

  /** Has `flush` write the end frame behind all the rest, where the format has one. */
  end(): void {
    if (this.#endAnnounced || this.#format.endFrame === undefined || this.#failure !== undefined) return;
    this.#endAnnounced = true;
    this.#endPending = true;
  }

  /** The same with a single try. The end frame goes last, so it never hides that something was lost. */
  endAtOnce(): void {
    try {
      this.end();
      this.flush();
    } catch {
      // the receiver has gone before
    }
  }

  /** Writes what fits of a message that has the descriptor to itself. */
  #writeLong(message: Uint8Array): WriteResult {
    const { headerBytes, trailerBytes } = this.#format;
    const copied = headerBytes > 0 ? PIPE_BUF - headerBytes : 0;
    if (copied > 0) this.#append(message, copied);
    const rest = message.subarray(copied);
    this.#rest = rest;
    this.#trailerPending = trailerBytes > 0;
    if (this.flush()) return TAKEN;
    if (this.#rest !== rest || this.#start > 0 || (copied > 0 && this.#end === 0)) return BEGUN;
    this.#dropPending();
    return FULL;
  }

  /** Puts a header and the first `count` bytes of the message into the buffer. */
  #append(message: Uint8Array, count: number): void {
    const { headerBytes } = this.#format;
    this.#format.header(this.#buffer, this.#end, message.length);
    this.#buffer.set(count === message.length ? message : message.subarray(0, count), this.#end + headerBytes);
    this.#end += headerBytes + count;
  }

  #appendTrailer(): void {
    this.#format.trailer(this.#buffer, this.#end);
    this.#end += this.#format.trailerBytes;
  }

  #flushBuffer(): boolean {
    while (this.#start < this.#end) {
      const count = this.#write(this.#buffer.subarray(this.#start, this.#end));
      if (count === WOULD_BLOCK) return false;
      this.#start += count;
    }
    this.#start = 0;
    this.#end = 0;
    return true;
  }

  #write(bytes: Uint8Array): number {
    try {
      return this.#sink(this.#fd, bytes);
    } catch (error) {
      this.#dropPending();
      const reason = (error as SystemError).code === "EPIPE" ? ": the receiver has closed" : "";
      const failure = domainError("send", error, `Cannot send on ${this.#address}${reason}`);
      this.#failure = { error: failure, reported: true };
      throw failure;
    }
  }

  #throwFailure(failure: { error: unknown; reported: boolean }): never {
    failure.reported = true;
    throw failure.error;
  }

  #dropPending(): void {
    this.#start = 0;
    this.#end = 0;
    this.#rest = undefined;
    this.#trailerPending = false;
    this.#endPending = false;
  }
}
