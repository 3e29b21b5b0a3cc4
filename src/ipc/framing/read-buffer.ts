/**
 * The memory that a stream is read into, again and again: bytes `start` to `end` are read and not given out yet.
 *
 *     | head                        | body                         | 1 |
 *                    ^ start          … what one read brought … ^ end
 *
 * A read always goes to the whole body, so no view is made for it. What an incomplete message left there is moved to just before the
 * body first; whatever is longer than the head gets memory of its own from its reader. The last byte is room for a sentinel.
 */
export class ReadBuffer {
  readonly bytes: Uint8Array;
  /** Where the next read goes. */
  readonly body: Uint8Array;
  start = 0;
  end = 0;

  constructor(bodyBytes: number) {
    this.bytes = new Uint8Array(HEAD_BYTES + bodyBytes + 1);
    this.body = this.bytes.subarray(HEAD_BYTES, HEAD_BYTES + bodyBytes);
  }

  /** Makes room for a read into `body`. At most `HEAD_BYTES` may be left. */
  room(): Uint8Array {
    const left = this.end - this.start;
    if (left > 0) this.bytes.copyWithin(HEAD_BYTES - left, this.start, this.end);
    this.start = HEAD_BYTES - left;
    this.end = HEAD_BYTES;
    return this.body;
  }

  /** `count` bytes were read into `body`. */
  filled(count: number): void {
    this.end = HEAD_BYTES + count;
  }
}

/** How much of an incomplete message the buffer carries over to the next read. */
export const HEAD_BYTES = 16 * 1024;

/** How much to read at a time: what a pipe holds by default. 16 KiB to 256 KiB were equally fast. */
export const BODY_BYTES = 64 * 1024;
