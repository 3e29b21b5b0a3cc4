import type { Receiving } from "./receiving.ts";
import { WAIT } from "./turns.ts";

/**
 * Iterates over what a channel receives. It ends at the end of the stream and when this end of the channel is closed. Leaving a loop
 * early takes no message with it and leaves the channel open.
 */
export class ChannelIterator<Item> implements AsyncIterableIterator<Item> {
  readonly #receiving: Receiving;
  readonly #take: () => unknown;
  readonly #wait: () => Promise<unknown>;
  readonly #isEnd: (item: unknown) => boolean;
  readonly #letGo: (() => void) | undefined;
  #done = false;

  /**
   * @param take takes the next item when it is there at once, else says `WAIT`
   * @param wait waits for the next item
   * @param isEnd tells the item that stands for the end of the stream
   * @param letGo ends the use of the last item, before the next is asked for and when the iteration ends
   */
  constructor(
    receiving: Receiving,
    take: () => unknown,
    wait: () => Promise<unknown>,
    isEnd: (item: unknown) => boolean,
    letGo?: () => void,
  ) {
    this.#receiving = receiving;
    this.#take = take;
    this.#wait = wait;
    this.#isEnd = isEnd;
    this.#letGo = letGo;
  }

  /** An item that is there costs one promise. */
  next(): Promise<IteratorResult<Item, undefined>> {
    let item: unknown;
    try {
      this.#letGo?.();
      if (this.#done || this.#receiving.closed) return Promise.resolve(this.#end());
      item = this.#take();
    } catch (error) {
      return Promise.reject(error);
    }
    return item === WAIT ? this.#nextLater() : Promise.resolve(this.#result(item));
  }

  async return(): Promise<IteratorResult<Item, undefined>> {
    this.#letGo?.();
    return this.#end();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #nextLater(): Promise<IteratorResult<Item, undefined>> {
    try {
      return this.#result(await this.#wait());
    } catch (error) {
      if (this.#receiving.closed) return this.#end();
      throw error;
    }
  }

  #result(item: unknown): IteratorResult<Item, undefined> {
    return this.#isEnd(item) ? this.#end() : { done: false, value: item as Item };
  }

  #end(): IteratorResult<Item, undefined> {
    this.#done = true;
    return { done: true, value: undefined };
  }
}
