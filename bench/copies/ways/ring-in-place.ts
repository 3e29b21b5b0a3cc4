/** A ring without copies of its own: read(2) puts the file into claimed room, write(2) takes it from where it was peeked at. */
import { O_RDONLY } from "../../../src/ffi/abi/current.ts";
import { close, open } from "../../../src/ffi/fd.ts";
import { Channel } from "../../../src/mod.ts";
import { readSome } from "../chunks.ts";
import type { End, Job } from "../job.ts";
import { receivingSink } from "./receiving-sink.ts";

export async function source({ address, options, source, chunkBytes }: Job): Promise<End> {
  const channel = await Channel.sender(address, options);
  return {
    async pass(bytes) {
      const file = open(source, O_RDONLY);
      for (let left = bytes; left > 0; ) {
        const wanted = Math.min(left, chunkBytes);
        const room = channel.tryClaim(wanted) ?? (await channel.claim(wanted));
        const count = readSome(file, room, source);
        channel.commit(count);
        left -= count;
      }
      close(file);
    },
    close: () => channel.close(),
  };
}

export async function sink({ address, options, destination }: Job): Promise<End> {
  const channel = await Channel.receiver(address, options);
  return receivingSink(channel, destination, async (write) => {
    const message = channel.tryPeek() ?? (await channel.peek());
    if (message === undefined) return false;
    write(message);
    channel.release();
    return true;
  });
}
