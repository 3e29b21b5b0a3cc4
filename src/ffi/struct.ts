/** Where a struct member lies, in bytes, as the tables under `abi/` have it. */
export interface Member {
  readonly offset: number;
  readonly size: number;
  readonly signed: boolean;
}

/**
 * Reads an integer member of 1, 2, 4 or 8 bytes, in this machine's (little-endian) byte order.
 *
 * @param base where the struct begins in `view`
 * @returns a number, which is rounded beyond 2^53
 */
export function getMember(view: DataView, { offset, size, signed }: Member, base = 0): number {
  const at = base + offset;
  if (size === 4) return signed ? view.getInt32(at, true) : view.getUint32(at, true);
  if (size === 8) return Number(signed ? view.getBigInt64(at, true) : view.getBigUint64(at, true));
  if (size === 2) return signed ? view.getInt16(at, true) : view.getUint16(at, true);
  return signed ? view.getInt8(at) : view.getUint8(at);
}

/** Writes an integer member, as {@link getMember} reads it. */
export function setMember(view: DataView, { offset, size }: Member, value: number, base = 0): void {
  const at = base + offset;
  if (size === 4) view.setInt32(at, value, true);
  else if (size === 8) view.setBigInt64(at, BigInt(value), true);
  else if (size === 2) view.setInt16(at, value, true);
  else view.setInt8(at, value);
}

/** Fills a struct with zeros. */
export function clear(view: DataView, size: number, base = 0): void {
  new Uint8Array(view.buffer, view.byteOffset + base, size).fill(0);
}
