/**
 * How a message lies in several kernel messages, when both ends ask for fragments. Then every kernel message begins with a header, little-endian:
 *
 * ```
 *  0  uint32  magic, the bytes "MLFR"
 *  4  uint32  sequence: the same in all fragments of a message, one more in the next message, modulo 2^32
 *  8  uint32  index: 0 in the first fragment of a message, one more in each that follows
 * 12  uint32  flags: bit 0 LAST, the message ends with this fragment; the other bits are 0
 * 16          payload, to the end of the kernel message
 * ```
 *
 * There is one sender, and a queue keeps the order of messages of one type, so fragments arrive in order and do not mix. A fragment with
 * index 0 always begins a message: what was there of another one was given up by its sender, or its sender died.
 */
export const FRAGMENT_HEADER_BYTES = 16;

const MAGIC = 0x5246_4c4d;
const LAST = 1;

/** The header of a fragment. */
export interface FragmentHeader {
  readonly sequence: number;
  readonly index: number;
  readonly last: boolean;
}

/** Writes a header at `offset`. */
export function writeFragmentHeader(view: DataView, offset: number, { sequence, index, last }: FragmentHeader): void {
  view.setUint32(offset, MAGIC, true);
  view.setUint32(offset + 4, sequence, true);
  view.setUint32(offset + 8, index, true);
  view.setUint32(offset + 12, last ? LAST : 0, true);
}

/** Reads the header of a kernel message; `undefined` when it is no fragment. */
export function readFragmentHeader(message: Uint8Array): FragmentHeader | undefined {
  if (message.length < FRAGMENT_HEADER_BYTES) return undefined;
  const view = new DataView(message.buffer, message.byteOffset, FRAGMENT_HEADER_BYTES);
  const flags = view.getUint32(12, true);
  if (view.getUint32(0, true) !== MAGIC || (flags & ~LAST) !== 0) return undefined;
  return { sequence: view.getUint32(4, true), index: view.getUint32(8, true), last: flags === LAST };
}
