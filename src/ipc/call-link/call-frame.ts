/*
 * The frames of request and reply: a header of 16 bytes, little-endian, and a payload.
 *
 *   0       1       2               4               8               12              16
 *   +-------+-------+---------------+---------------+---------------+---------------+---------
 *   | kind  | flags |       0       |    session    |      id       |       0       | payload
 *   +-------+-------+---------------+---------------+---------------+---------------+---------
 *
 * docs/request-reply.md says what each kind means. This file only builds and reads headers.
 */

/** Bytes in front of every payload. */
export const FRAME_BYTES = 16;

/** What `HELLO` carries in the place of an id. */
export const CALL_VERSION = 1;

/** Client to server: a session begins; its id is the version. */
export const HELLO = 1;
/** Client to server: a request with a payload. */
export const REQUEST = 2;
/** Client to server: nobody waits for this request any more. */
export const CANCEL = 3;

/** Server to client: a server has come; its session is 0. */
export const START = 17;
/** Server to client: the answer to `HELLO`. */
export const WELCOME = 18;
/** Server to client: a reply with a payload. */
export const REPLY = 19;
/** Server to client: the request failed; the payload is JSON `{ name, message, code? }`. */
export const FAILED = 20;
/** Server to client: the answer to `CANCEL`; no reply follows. */
export const CANCELLED = 21;
/** Server to client: the session is over because of what the client sent; the payload is as of `FAILED`. */
export const FAULT = 22;

/** The value is `undefined`, and the payload is empty. */
export const FLAG_UNDEFINED = 1;

/** The payload of a frame without one. */
export const NO_PAYLOAD: Uint8Array = new Uint8Array(0);

/** What stands in a header. */
export interface FrameHeader {
  readonly kind: number;
  readonly flags: number;
  readonly session: number;
  readonly id: number;
}

/** Writes a header to the first 16 bytes. */
export function writeHeader(frame: Uint8Array, kind: number, flags: number, session: number, id: number): void {
  frame[0] = kind;
  frame[1] = flags;
  frame[2] = 0;
  frame[3] = 0;
  writeWord(frame, 4, session);
  writeWord(frame, 8, id);
  writeWord(frame, 12, 0);
}

/** Reads the header of a frame; a text that says what is wrong with one that no correct peer sends. */
export function readHeader(frame: Uint8Array): FrameHeader | string {
  if (frame.length < FRAME_BYTES) return `a frame has ${frame.length} bytes, but its header alone has ${FRAME_BYTES}`;
  const kind = frame[0] as number;
  const flags = frame[1] as number;
  if (frame[2] !== 0 || frame[3] !== 0 || readWord(frame, 12) !== 0) return "reserved bytes of a frame are not 0";
  if (flags !== 0 && (flags !== FLAG_UNDEFINED || frame.length > FRAME_BYTES || (kind !== REQUEST && kind !== REPLY))) {
    return `a frame of kind ${kind} and ${frame.length} bytes has the flags 0x${flags.toString(16)}`;
  }
  return { kind, flags, session: readWord(frame, 4), id: readWord(frame, 8) };
}

/** What stands behind the header, in the same memory. */
export function payloadOf(frame: Uint8Array): Uint8Array {
  return frame.subarray(FRAME_BYTES);
}

function writeWord(frame: Uint8Array, at: number, value: number): void {
  frame[at] = value;
  frame[at + 1] = value >>> 8;
  frame[at + 2] = value >>> 16;
  frame[at + 3] = value >>> 24;
}

function readWord(frame: Uint8Array, at: number): number {
  const [a, b, c, d] = [frame[at], frame[at + 1], frame[at + 2], frame[at + 3]] as [number, number, number, number];
  return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
}
