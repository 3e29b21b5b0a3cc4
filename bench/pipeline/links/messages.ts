/** A ring, a message for each row: `sendMany()` and `batches()`. */
import { Channel } from "../../../src/mod.ts";
import { wordAt } from "../../ring/numbered.ts";
import type { RowOutput } from "../link.ts";
import { ROW_WORDS } from "../rows.ts";
import { gatheredOutput } from "./row-block.ts";

/** Messages that are handed over in one call. */
const MOST = 1024;

export async function output(address: string): Promise<RowOutput> {
  const channel = await Channel.sender(address);
  const words = new Int32Array(MOST * ROW_WORDS);
  const bytes = new Uint8Array(words.buffer);
  const rows = Array.from({ length: MOST }, (_, row) => bytes.subarray(row * 4 * ROW_WORDS, (row + 1) * 4 * ROW_WORDS));
  return gatheredOutput(channel, words, (filled) => channel.sendMany(rows.slice(0, filled / ROW_WORDS)));
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
