let count = 0;

/** A key of a SysV object that no other test uses. */
export function uniqueKey(): number {
  // process ids have 22 bits; 0x4d and a bit tell the tests' keys from others
  return (0x4d00_0000 | ((process.pid & 0xffff) << 8) | (++count & 0xff)) >>> 0;
}
