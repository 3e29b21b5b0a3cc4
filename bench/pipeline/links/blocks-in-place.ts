/** A ring, 64 KiB of rows a message, written where they are claimed and read where they are peeked at. */
import { Channel } from "../../../src/mod.ts";
import type { RowOutput } from "../link.ts";
import { BLOCK_BYTES, RowBlock } from "./row-block.ts";

export async function output(address: string): Promise<RowOutput> {
  const channel = await Channel.sender(address);
  const claim = async () => wordsOf(channel.tryClaim(BLOCK_BYTES) ?? (await channel.claim(BLOCK_BYTES)));
  const block = new RowBlock(await claim());
  return {
    get full() {
      return block.full;
    },
    put: (sale) => block.put(sale),
    putWords: (amount, second) => block.putWords(amount, second),
    async flush() {
      channel.commit(4 * block.filled);
      block.words = await claim();
      block.filled = 0;
    },
    async end() {
      channel.commit(4 * block.filled);
      await channel.close();
    },
  };
}

export async function* input(address: string): AsyncIterable<Int32Array> {
  await using channel = await Channel.receiver(address);
  for (;;) {
    const message = channel.tryPeek() ?? (await channel.peek());
    if (message === undefined) return;
    yield wordsOf(message);
    channel.release();
  }
}

function wordsOf({ buffer, byteOffset, length }: Uint8Array): Int32Array {
  return new Int32Array(buffer, byteOffset, length / 4);
}
