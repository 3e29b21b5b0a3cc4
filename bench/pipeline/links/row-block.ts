import type { Channel } from "../../../src/mod.ts";
import type { RowOutput } from "../link.ts";
import { putRow, ROW_WORDS, type Sale } from "../rows.ts";

/** Bytes of rows that go together. */
export const BLOCK_BYTES = 65_536;

/** Gathers rows until there are as many as go together. */
export class RowBlock {
  words: Int32Array;
  /** Words that are filled. */
  filled = 0;

  constructor(words: Int32Array) {
    this.words = words;
  }

  get full(): boolean {
    return this.filled === this.words.length;
  }

  put(sale: Sale): void {
    putRow(this.words, this.filled, sale);
    this.filled += ROW_WORDS;
  }

  putWords(amount: number, second: number): void {
    this.words[this.filled] = amount;
    this.words[this.filled + 1] = second;
    this.filled += ROW_WORDS;
  }
}

/**
 * An output that gathers rows in memory of its own.
 *
 * @param send hands over so many words of it
 */
export function gatheredOutput(
  channel: Channel,
  words: Int32Array,
  send: (filled: number) => Promise<unknown>,
): RowOutput {
  const block = new RowBlock(words);
  const flush = async () => {
    await send(block.filled);
    block.filled = 0;
  };
  return {
    get full() {
      return block.full;
    },
    put: (sale) => block.put(sale),
    putWords: (amount, second) => block.putWords(amount, second),
    flush,
    async end() {
      await flush();
      await channel.close();
    },
  };
}
