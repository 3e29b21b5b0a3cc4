import type { Channel } from "../../../src/mod.ts";
import { writeInPieces } from "../chunks.ts";
import type { End } from "../job.ts";

/**
 * A sink that writes what comes from a channel.
 *
 * @param next takes one message and writes it; false at the end
 */
export function receivingSink(
  channel: Channel,
  destination: string,
  next: (write: (piece: Uint8Array) => void) => Promise<boolean>,
): End {
  return {
    pass: (bytes) =>
      writeInPieces(destination, bytes, async (write) => {
        if (!(await next(write))) throw new Error("The source has closed");
      }),
    close: () => channel.close(),
  };
}
