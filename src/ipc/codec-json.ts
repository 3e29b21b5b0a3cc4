import { textCodec } from "./codec-text.ts";
import type { Codec } from "./options.ts";

/** Messages are whatever `JSON.stringify` keeps, as UTF-8. */
export const jsonCodec: Codec<unknown> = {
  encode(value) {
    const text: string | undefined = JSON.stringify(value);
    if (text !== undefined) return textCodec.encode(text);
    throw new TypeError(`A message of a json channel is a value that JSON has, not ${typeof value}`);
  },
  decode: (bytes) => JSON.parse(textCodec.decode(bytes)),
};
