import type { Framing } from "../options.ts";
import { LENGTH_FORMAT } from "./length.ts";
import { LINES_FORMAT } from "./lines.ts";
import { RAW_FORMAT } from "./raw.ts";

/**
 * How messages lie in a stream of bytes: what stands around a payload, and how to find payloads again. A format knows nothing of
 * descriptors and never waits, so that one of them serves pipes, FIFOs and sockets, and a test can feed it single bytes.
 *
 *     | header (0 or 4 bytes) | payload | trailer (0 or 1 byte) | next frame …
 */
export interface FrameFormat {
  readonly headerBytes: number;
  readonly trailerBytes: number;
  /** What says "closed cleanly" in front of the end of the file; `undefined` where the end of the file has to do. */
  readonly endFrame: Uint8Array | undefined;
  /** The longest payload that the format can say. */
  readonly maxMessageBytes: number;
  /** Whether a message comes out as it went in; otherwise the bytes are right and the cuts between them are not. */
  readonly messages: boolean;
  /** Refuses what would come out as something else. @throws {TypeError} */
  check(message: Uint8Array): void;
  /** Writes the header of a payload of `length` bytes to `target[offset]` and behind. */
  header(target: Uint8Array, offset: number, length: number): void;
  /** Writes the trailer. */
  trailer(target: Uint8Array, offset: number): void;
  /**
   * @param address for error messages
   * @param maxMessageBytes the longest message to accept
   * @param bufferBytes how much to ask for at a time
   * @param descriptors descriptors may come with the bytes: `next` gives `DESCRIPTOR_FRAME` where one stands, if the format has a word for it
   */
  reader(address: string, maxMessageBytes: number, bufferBytes?: number, descriptors?: boolean): FrameReader;
}

/**
 * Finds the messages in a stream of bytes: `next` until it gives `undefined`, then read into `room`, then say how much with `filled`.
 */
export interface FrameReader {
  /**
   * The next message, in memory of its own; `undefined` when more bytes are needed.
   *
   * @throws {IpcError} `IPC_TOO_LARGE` for a message past the limit, which is skipped; `IPC_CORRUPT` when no frame can be found any more
   */
  next(): Uint8Array | undefined;
  /** Where the next bytes belong; never empty. Valid until `filled`. Call it only after `next` gave `undefined`. */
  room(): Uint8Array;
  /** Bytes that were read and belong neither to what `next` gave nor to the message it is in; where descriptors may come. */
  readonly buffered?: number;
  /** The first `count` bytes of what `room` gave have been read. */
  filled(count: number): void;
  /**
   * The file has ended: the message that the end of the file completes, else `null`. It may be called again.
   *
   * @throws {IpcError} `IPC_PEER_GONE` when the stream broke off, once
   */
  finish(): Uint8Array | null;
}

/** The formats by the name that users give. */
export const FRAME_FORMATS: { readonly [name in Framing]: FrameFormat } = {
  length: LENGTH_FORMAT,
  lines: LINES_FORMAT,
  raw: RAW_FORMAT,
};
