/** Writes the number of a message into its first and its last four bytes. */
export function stamp(message: Uint8Array, at: number, size: number, number: number): void {
  message[at] = number;
  message[at + 1] = number >>> 8;
  message[at + 2] = number >>> 16;
  message[at + 3] = number >>> 24;
  const end = at + size;
  message[end - 4] = number;
  message[end - 3] = number >>> 8;
  message[end - 2] = number >>> 16;
  message[end - 1] = number >>> 24;
}

/** @throws {Error} when the message is not the one with that number and size */
export function verify(message: Uint8Array, at: number, length: number, size: number, number: number): void {
  if (length === size && wordAt(message, at) === (number | 0) && wordAt(message, at + size - 4) === (number | 0))
    return;
  throw new Error(
    `Message ${number} has ${length} bytes and the number ${wordAt(message, at)}, not ${size} bytes and its own`,
  );
}

/** The four bytes there, as a signed number. */
export function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

/** Nanoseconds on a clock that only goes forward. */
export function now(): number {
  return performance.now() * 1e6;
}
