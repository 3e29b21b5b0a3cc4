/** A ring, a message for each row: `sendMany()` and `batches()`. */
import { Channel } from "../../../src/mod.ts";
import type { RowOutput } from "../link.ts";
import { ROW_WORDS } from "../rows.ts";
import { RowBlock } from "./row-block.ts";

/** Messages that are handed over in one call. */
const MOST = 1024;

export async function output(address: string): Promise<RowOutput> {
  const channel = await Channel.sender(address);
  const block = new RowBlock(new Int32Array(MOST * ROW_WORDS));
  const bytes = new Uint8Array(block.words.buffer);
  const rows = Array.from({ length: MOST }, (_, row) => bytes.subarray(row * 4 * ROW_WORDS, (row + 1) * 4 * ROW_WORDS));
  const flush = async () => {
    await channel.sendMany(rows.slice(0, block.filled / ROW_WORDS));
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
  const words = new Int32Array(MOST * ROW_WORDS);
  for await (const batch of channel.batches({ max: MOST })) {
    let at = 0;
    for (const message of batch) {
      words[at++] = wordAt(message, 0);
      words[at++] = wordAt(message, 4);
    }
    yield words.subarray(0, at);
  }
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}
