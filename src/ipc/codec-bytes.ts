import type { Codec } from "./options.ts";

/** What the `"bytes"` codec sends: any view of bytes, or a whole buffer. A message is borrowed while it is sent, not copied. */
export type Bytes = ArrayBufferView | ArrayBufferLike;

/** Messages are bytes on both sides; they are given out as `Uint8Array`. */
export const bytesCodec: Codec<Bytes> & { decode(bytes: Uint8Array): Uint8Array } = {
  encode(value) {
    if (ArrayBuffer.isView(value)) return plainBytes(value);
    if (isBuffer(value)) return new Uint8Array(value);
    throw notBytes(value);
  },
  decode: (bytes) => bytes,
};

/** The same bytes as a `Uint8Array` and nothing else: a `Buffer` is one too, but its `slice` does not copy. */
export function plainBytes(view: ArrayBufferView): Uint8Array {
  if (view.constructor === Uint8Array) return view as Uint8Array;
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** By name, since a buffer may come from another realm. */
function isBuffer(value: unknown): value is ArrayBufferLike {
  const tag = Object.prototype.toString.call(value);
  return tag === "[object ArrayBuffer]" || tag === "[object SharedArrayBuffer]";
}

function notBytes(value: unknown): TypeError {
  const remedy =
    typeof value === "string"
      ? 'For text open both ends with { codec: "text" }'
      : 'For values open both ends with { codec: "json" } or { codec: "v8" }';
  return new TypeError(
    `A message is bytes (a Uint8Array, another view or an ArrayBuffer), not ${describe(value)}. ${remedy}`,
  );
}

function describe(value: unknown): string {
  if (typeof value === "string") return "a string";
  if (Array.isArray(value)) return "an array";
  if (value === null || value === undefined) return String(value);
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
