import { Channel, MappedFile } from "../../../src/mod.ts";
import { writeInPieces } from "../chunks.ts";
import type { End, Job } from "../job.ts";

/** Says that the first `end` bytes of what is shared are there. */
export async function announce(channel: Channel, end: number): Promise<void> {
  await channel.send(Uint32Array.of(end));
}

/**
 * A sink that maps a file and writes it to the destination from there, as far as it was announced.
 *
 * @param shared the file
 */
export async function announcedSink({ address, options, destination }: Job, shared: string): Promise<End> {
  const channel = await Channel.receiver(address, options);
  return {
    async pass(bytes) {
      // private: a mapping that is only read gives no view, and as long as nothing is written it is the file's own pages
      using memory = MappedFile.open(shared, { access: "private" });
      let written = 0;
      await writeInPieces(destination, bytes, async (write) => {
        const message = await channel.receive();
        if (message === undefined) throw new Error("The source has closed");
        const end = new DataView(message.buffer, message.byteOffset).getUint32(0, true);
        write(memory.bytes.subarray(written, end));
        written = end;
      });
    },
    close: () => channel.close(),
  };
}
