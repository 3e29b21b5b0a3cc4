/** A ring that is fed from the file where it is mapped: nobody calls read(2). The sink writes from where it peeks. */
import { Channel, MappedFile } from "../../../src/mod.ts";
import type { End, Job } from "../job.ts";

export { sink } from "./ring-in-place.ts";

export async function source({ address, options, source, chunkBytes }: Job): Promise<End> {
  const channel = await Channel.sender(address, options);
  return {
    async pass(bytes) {
      // private: a mapping that is only read gives no view, and as long as nothing is written it is the file's own pages
      using file = MappedFile.open(source, { access: "private" });
      for (let at = 0; at < bytes; at += chunkBytes) {
        await channel.send(file.bytes.subarray(at, Math.min(bytes, at + chunkBytes)));
      }
    },
    close: () => channel.close(),
  };
}
