import type { Receiving } from "./receiving.ts";

/**
 * Iterates over what a channel receives. It ends at the end of the stream and when this end of the channel is closed. Leaving a loop
 * early takes no message with it and leaves the channel open.
 */
export class ChannelIterator<Item> implements AsyncIterableIterator<Item> {
  readonly #receiving: Receiving;
  readonly #next: () => Promise<unknown>;
  readonly #isEnd: (item: unknown) => boolean;
  #done = false;

  /**
   * @param next receives the next item
   * @param isEnd tells the item that stands for the end of the stream
   */
  constructor(receiving: Receiving, next: () => Promise<unknown>, isEnd: (item: unknown) => boolean) {
    this.#receiving = receiving;
    this.#next = next;
    this.#isEnd = isEnd;
  }

  async next(): Promise<IteratorResult<Item, undefined>> {
    if (this.#done || this.#receiving.closed) return this.#end();
    let item: unknown;
    try {
      item = await this.#next();
    } catch (error) {
      if (this.#receiving.closed) return this.#end();
      throw error;
    }
    return this.#isEnd(item) ? this.#end() : { done: false, value: item as Item };
  }

  async return(): Promise<IteratorResult<Item, undefined>> {
    return this.#end();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
  }

  #end(): IteratorResult<Item, undefined> {
    this.#done = true;
    return { done: true, value: undefined };
  }
}
