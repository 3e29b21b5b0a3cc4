import type { Codec } from "./options.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Messages are strings, as UTF-8. What would not come out as it went in is refused: lone surrogates, bytes that are not UTF-8. */
export const textCodec: Codec<string> = {
  encode(value) {
    if (typeof value !== "string") {
      throw new TypeError(`A message of a text channel is a string, not ${value === null ? "null" : typeof value}`);
    }
    if (!value.isWellFormed()) {
      throw new TypeError(
        "The text holds half of a surrogate pair, which UTF-8 cannot carry. Call toWellFormed() on it first",
      );
    }
    return encoder.encode(value);
  },
  decode: (bytes) => decoder.decode(bytes),
};
