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

  put(sale: Sale): boolean {
    putRow(this.words, this.filled, sale);
    this.filled += ROW_WORDS;
    return this.filled === this.words.length;
  }

  putWords(amount: number, second: number): boolean {
    this.words[this.filled] = amount;
    this.words[this.filled + 1] = second;
    this.filled += ROW_WORDS;
    return this.filled === this.words.length;
  }
}
