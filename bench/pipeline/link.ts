import type { Sale } from "./rows.ts";

/** Where a stage puts rows. */
export interface RowOutput {
  put(sale: Sale): void;
  /** The same of a row that is words already. */
  putWords(amount: number, second: number): void;
  /** {@link RowOutput.flush} has to be called before the next row. */
  readonly full: boolean;
  flush(): Promise<void>;
  /** Flushes, and says that no more will come. */
  end(): Promise<void>;
}

/** What a file in `links/` exports. An address is what the way needs: of a channel, or nothing where it is a standard stream. */
export interface RowLink {
  output(address: string): Promise<RowOutput>;
  /** Rows as words, many at a time; each is valid until the next is asked for. */
  input(address: string): AsyncIterable<Int32Array>;
}
