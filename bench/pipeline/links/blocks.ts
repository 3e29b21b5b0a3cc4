/** Any channel, 64 KiB of rows a message. */
import { Channel } from "../../../src/mod.ts";
import type { RowOutput } from "../link.ts";
import { BLOCK_BYTES, RowBlock } from "./row-block.ts";

export async function output(address: string): Promise<RowOutput> {
  const channel = await Channel.sender(address);
  const block = new RowBlock(new Int32Array(BLOCK_BYTES / 4));
  const flush = async () => {
    await channel.send(block.words.subarray(0, block.filled));
    block.filled = 0;
  };
  return {
    put: (sale) => block.put(sale),
    putWords: (amount, second) => block.putWords(amount, second),
    flush,
    async end() {
      await flush();
      await channel.close();
    },
  };
}

export async function* input(address: string): AsyncIterable<Int32Array> {
  await using channel = await Channel.receiver(address);
  for await (const message of channel) yield new Int32Array(message.buffer, message.byteOffset, message.length / 4);
}
