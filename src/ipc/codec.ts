import { bytesCodec, plainBytes } from "./codec-bytes.ts";
import { jsonCodec } from "./codec-json.ts";
import { textCodec } from "./codec-text.ts";
import type { ChannelOptions, Codec } from "./options.ts";

/** Finds the codec of a channel. Only `"v8"` has to be loaded for it. */
export async function resolveCodec(codec: ChannelOptions["codec"] = "bytes"): Promise<Codec<unknown>> {
  if (codec === "v8") return (await import("./codec-v8.ts")).v8Codec;
  if (codec === "bytes") return bytesCodec as Codec<unknown>;
  if (codec === "text") return textCodec as Codec<unknown>;
  if (codec === "json") return jsonCodec;
  return customCodec(codec);
}

/** @throws {TypeError} when `codec` is neither the name of a codec nor one */
export function checkCodec(codec: unknown): void {
  if (codec === "bytes" || codec === "text" || codec === "json" || codec === "v8") return;
  const own = codec as Partial<Codec<unknown>> | null;
  if (typeof own?.encode === "function" && typeof own.decode === "function") return;
  throw new TypeError(
    `The codec is ${typeof codec === "string" ? JSON.stringify(codec) : String(codec)}, ` +
      'but must be "bytes", "text", "json", "v8" or an object { encode, decode }',
  );
}

function customCodec(codec: Codec<unknown>): Codec<unknown> {
  return {
    encode(value) {
      const bytes: unknown = codec.encode(value);
      if (bytes instanceof Uint8Array) return plainBytes(bytes);
      throw new TypeError(
        `encode() of the codec returned ${bytes === null ? "null" : typeof bytes}, but must return a Uint8Array`,
      );
    },
    decode: (bytes) => codec.decode(bytes),
  };
}
