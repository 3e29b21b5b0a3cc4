import { plainBytes } from "./codec-bytes.ts";
import type { Codec } from "./options.ts";

/**
 * Messages are whatever the runtime's structured clone keeps: dates, maps, typed arrays, cycles. Node and Deno write the same format,
 * Bun its own, so both ends have to be Bun, or neither. The receiver has to trust the sender: the format is not made for hostile bytes.
 */
export function v8Codec({ serialize, deserialize }: typeof import("node:v8")): Codec<unknown> {
  return {
    encode(value) {
      if (value !== undefined) return plainBytes(serialize(value));
      throw new TypeError(
        "A message of a v8 channel cannot be undefined, which means the end of the stream to a receiver",
      );
    },
    decode: (bytes) => deserialize(bytes),
  };
}
