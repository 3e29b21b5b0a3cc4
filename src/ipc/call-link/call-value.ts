import { IpcError } from "../../errors.ts";
import type { Codec } from "../options.ts";
import { FLAG_UNDEFINED, type FrameHeader, NO_PAYLOAD, payloadOf } from "./call-frame.ts";

/** The payload of a value, and the flags that go with it. */
export function encodeValue(codec: Codec<unknown>, value: unknown): { payload: Uint8Array; flags: number } {
  if (value === undefined) return { payload: NO_PAYLOAD, flags: FLAG_UNDEFINED };
  return { payload: codec.encode(value), flags: 0 };
}

/**
 * The value of a request or a reply.
 *
 * @throws {IpcError} `IPC_CORRUPT` when the codec cannot read it
 */
export function decodeValue(codec: Codec<unknown>, { flags }: FrameHeader, frame: Uint8Array, from: string): unknown {
  if (flags === FLAG_UNDEFINED) return undefined;
  const payload = payloadOf(frame);
  try {
    return codec.decode(payload);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new IpcError(
      "IPC_CORRUPT",
      `Cannot decode ${payload.length} bytes from ${from}: ${why}. Open both sides with the same codec`,
      { cause },
    );
  }
}
