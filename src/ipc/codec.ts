import process from "node:process";
import { IpcError } from "../errors.ts";
import { bytesCodec, plainBytes } from "./codec-bytes.ts";
import { jsonCodec } from "./codec-json.ts";
import { textCodec } from "./codec-text.ts";
import { v8Codec } from "./codec-v8.ts";
import type { ChannelOptions, Codec } from "./options.ts";

/** Finds the codec of a channel. Only for `"v8"` something has to be loaded. */
export async function resolveCodec(codec?: ChannelOptions["codec"]): Promise<Codec<unknown>> {
  return codec === "v8" ? v8Codec(await import("node:v8")) : resolveCodecSync(codec);
}

/**
 * As {@link resolveCodec}, at once.
 *
 * @throws {IpcError} `IPC_UNSUPPORTED` `"v8"`, where the runtime can load nothing at once (Node before 20.16)
 */
export function resolveCodecSync(codec: ChannelOptions["codec"] = "bytes"): Codec<unknown> {
  if (codec === "v8") return v8Codec(loadedV8());
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

function loadedV8(): typeof import("node:v8") {
  const { getBuiltinModule } = process as { getBuiltinModule?: (name: string) => unknown };
  if (getBuiltinModule !== undefined) return getBuiltinModule("node:v8") as typeof import("node:v8");
  throw new IpcError(
    "IPC_UNSUPPORTED",
    'The codec "v8" cannot be loaded while the thread blocks, by Node before 20.16: await the form without Sync',
  );
}
