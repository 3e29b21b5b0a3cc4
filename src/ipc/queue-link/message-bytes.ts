import { type Bytes, plainBytes } from "../codec-bytes.ts";

/**
 * The bytes of a message that a queue object was given.
 *
 * @throws {TypeError} neither a view nor a buffer
 */
export function messageBytes(message: Bytes): Uint8Array {
  if (ArrayBuffer.isView(message)) return plainBytes(message);
  if (message instanceof ArrayBuffer || message instanceof SharedArrayBuffer) return new Uint8Array(message);
  const found = typeof message === "string" ? "a string: encode it with TextEncoder" : `a ${typeof message}`;
  throw new TypeError(`A message is a Uint8Array, another view or an ArrayBuffer, not ${found}`);
}
