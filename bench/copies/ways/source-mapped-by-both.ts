/** The source says where in its file the data is; the sink has mapped the same file and writes it from there. */
import { Channel } from "../../../src/mod.ts";
import type { End, Job } from "../job.ts";
import { announce, announcedSink } from "./announced.ts";

export async function source({ address, options, chunkBytes }: Job): Promise<End> {
  const channel = await Channel.sender(address, options);
  return {
    async pass(bytes) {
      for (let at = 0; at < bytes; ) {
        at = Math.min(bytes, at + chunkBytes);
        await announce(channel, at);
      }
    },
    close: () => channel.close(),
  };
}

export function sink(job: Job): Promise<End> {
  return announcedSink(job, job.source);
}
