/** Any channel: read(2) into memory of the process, `send()`, `receive()`, write(2). */
import { Channel } from "../../../src/mod.ts";
import { readInPieces } from "../chunks.ts";
import type { End, Job } from "../job.ts";
import { receivingSink } from "./receiving-sink.ts";

export async function source({ address, options, source, chunkBytes }: Job): Promise<End> {
  const channel = await Channel.sender(address, options);
  const room = new Uint8Array(Math.min(chunkBytes, channel.maxMessageBytes));
  return {
    pass: (bytes) => readInPieces(source, bytes, room, (piece) => channel.send(piece)),
    close: () => channel.close(),
  };
}

export async function sink({ address, options, destination }: Job): Promise<End> {
  const channel = await Channel.receiver(address, options);
  return receivingSink(channel, destination, async (write) => {
    const message = await channel.receive();
    if (message !== undefined) write(message);
    return message !== undefined;
  });
}
