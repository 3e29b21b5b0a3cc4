import type { Channel } from "../../../src/mod.ts";
import { writeInPieces } from "../chunks.ts";

/** Says that the first `end` bytes of what is shared are there. */
export async function announce(channel: Channel, end: number): Promise<void> {
  await channel.send(Uint32Array.of(end));
}

/** Writes what is shared to the destination with write(2), as far as it was announced. */
export async function writeAsAnnounced(
  channel: Channel,
  shared: Uint8Array,
  bytes: number,
  destination: string,
): Promise<void> {
  let written = 0;
  await writeInPieces(destination, bytes, async (write) => {
    const message = await channel.receive();
    if (message === undefined) throw new Error("The source has closed");
    const end = new DataView(message.buffer, message.byteOffset).getUint32(0, true);
    write(shared.subarray(written, end));
    written = end;
  });
}
