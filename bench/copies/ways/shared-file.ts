/** A file that both processes have mapped: read(2) fills it, write(2) empties it, and a ring carries how far it is filled. */
import { O_RDONLY } from "../../../src/ffi/abi/current.ts";
import { close, open } from "../../../src/ffi/fd.ts";
import { Channel, MappedFile } from "../../../src/mod.ts";
import { readSome } from "../chunks.ts";
import type { End, Job } from "../job.ts";
import { announce, announcedSink } from "./announced.ts";

export async function source({ address, options, source, shared, chunkBytes }: Job): Promise<End> {
  const channel = await Channel.sender(address, options);
  return {
    async pass(bytes) {
      using memory = MappedFile.open(shared, { access: "readwrite" });
      const file = open(source, O_RDONLY);
      for (let at = 0; at < bytes; ) {
        at += readSome(file, memory.bytes.subarray(at, Math.min(bytes, at + chunkBytes)), source);
        await announce(channel, at);
      }
      close(file);
    },
    close: () => channel.close(),
  };
}

export function sink(job: Job): Promise<End> {
  return announcedSink(job, job.shared);
}
