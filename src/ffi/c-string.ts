const encoder = new TextEncoder();

/**
 * `text` as UTF-8 with a NUL at the end, for a `const char *` parameter.
 *
 * @throws {TypeError} when it is not a string
 * @throws {RangeError} when the text holds a NUL itself, which C would take for its end
 */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  if (typeof text !== "string") throw new TypeError(`A path or name is ${String(text)}, but must be a string`);
  if (text.includes("\0")) throw new RangeError(`${JSON.stringify(text)} holds a NUL character, which no C string can`);
  return encoder.encode(`${text}\0`);
}
