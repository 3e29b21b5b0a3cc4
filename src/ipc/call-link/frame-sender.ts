import { IpcError } from "../../errors.ts";
import type { WaitOptions } from "../../wait/wait-options.ts";
import { bytesCodec } from "../codec-bytes.ts";
import type { Link } from "../link.ts";
import type { Codec } from "../options.ts";
import { Sending } from "../sending.ts";
import { FRAME_BYTES, writeHeader } from "./call-frame.ts";

/** Frames up to this length are put together in memory that is used again. */
const SCRATCH_BYTES = 64 * 1024;

/** Puts frames together and sends them, in the order of the calls. */
export class FrameSender {
  readonly #sending: Sending;
  readonly #link: Link;
  readonly #maxBytes: number;
  #scratch = new Uint8Array(SCRATCH_BYTES);

  /** @param maxBytes the longest frame */
  constructor(link: Link, maxBytes: number) {
    this.#link = link;
    this.#maxBytes = Math.min(maxBytes, link.maxMessageBytes);
    this.#sending = new Sending(link, bytesCodec as Codec<unknown>, this.#maxBytes, (abandon) => {
      if (abandon) link.abandon?.();
      link.close();
    });
  }

  /** The longest payload of a frame. */
  get maxPayloadBytes(): number {
    return this.#maxBytes - FRAME_BYTES;
  }

  /** @throws {IpcError} `IPC_TOO_LARGE` when no frame has room for a payload of so many bytes */
  checkLength(call: string, length: number): void {
    const most = this.maxPayloadBytes;
    if (length <= most) return;
    throw new IpcError(
      "IPC_TOO_LARGE",
      `${call} on ${this.#link.address}: the message has ${length} bytes, but at most ${most} fit in one`,
    );
  }

  /**
   * Sends a frame.
   *
   * @param options read only when it has to wait for room
   * @returns `undefined` when it was taken at once; else the payload is borrowed until the promise is settled
   */
  send(
    call: string,
    kind: number,
    flags: number,
    session: number,
    id: number,
    payload: Uint8Array,
    options?: WaitOptions,
  ): Promise<void> | undefined {
    const length = FRAME_BYTES + payload.length;
    const shared = length <= SCRATCH_BYTES;
    const frame = shared ? this.#scratch.subarray(0, length) : new Uint8Array(length);
    writeHeader(frame, kind, flags, session, id);
    frame.set(payload, FRAME_BYTES);
    const waits = this.#sending.offer(call, frame, options);
    // the frame that waits keeps the memory
    if (waits !== undefined && shared) this.#scratch = new Uint8Array(SCRATCH_BYTES);
    return waits;
  }

  /** Blocks the thread until everything was handed over; false when that takes longer than `timeout` milliseconds. */
  flushSync(call: string, timeout: number): boolean {
    try {
      this.#sending.turns.waitSync({ call, attempt: () => undefined }, timeout);
      return true;
    } catch (error) {
      if (error instanceof IpcError && error.code === "IPC_TIMEOUT") return false;
      throw error;
    }
  }

  /** Hands over what is left, announces the end and closes. */
  close(options: WaitOptions): Promise<void> {
    return this.#sending.close(options);
  }

  /** Announces the end and closes at once; what waits for room is not sent any more, and then it looks like a death. */
  closeNow(): void {
    if (this.#sending.closed) return;
    if (!this.#sending.turns.idle) {
      this.#sending.abandon();
      return;
    }
    try {
      this.#sending.closeSync();
    } catch {
      // the other end has gone
    }
  }

  /** Gives up at once: to the other end it looks like a death. */
  abandon(): void {
    if (!this.#sending.closed) this.#sending.abandon();
  }
}
