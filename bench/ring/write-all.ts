import { once } from "node:events";
import type { Writable } from "node:stream";
import type { FrameSource } from "./framed.ts";

/** Writes every frame, and waits where the stream says so. */
export async function writeAll(stream: Writable, source: FrameSource): Promise<void> {
  for (let frame = source.next(); frame !== undefined; frame = source.next()) {
    if (!stream.write(frame)) await once(stream, "drain");
  }
}
