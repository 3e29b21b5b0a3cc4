/** A way for `bench/copies` that changes one byte of what it moves. */

import { readInPieces } from "../../../bench/copies/chunks.ts";
import type { End, Job } from "../../../bench/copies/job.ts";
import { sink as honest } from "../../../bench/copies/ways/channel.ts";
import { Channel } from "../../../src/mod.ts";

export async function source({ address, options, source, chunkBytes }: Job): Promise<End> {
  const channel = await Channel.sender(address, options);
  const room = new Uint8Array(chunkBytes);
  return {
    async pass(bytes) {
      let at = 0;
      await readInPieces(source, bytes, room, async (piece) => {
        if (at === 0) piece[piece.length - 1] = (piece[piece.length - 1] as number) ^ 1;
        at += piece.length;
        await channel.send(piece);
      });
    },
    close: () => channel.close(),
  };
}

export { honest as sink };
