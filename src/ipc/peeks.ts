import { IpcError } from "../errors.ts";
import type { WaitOptions } from "../wait/wait-options.ts";
import { checkSyncOptions, checkWaitOptions } from "../wait/wait-options.ts";
import { ChannelIterator } from "./channel-iterator.ts";
import type { Link } from "./link.ts";
import { Pause } from "./pause.ts";
import type { Receiving } from "./receiving.ts";
import { BATCH_BYTES } from "./recommended.ts";
import { type Turn, WAIT } from "./turns.ts";

/** Zero-copy receiving: one message is peeked at, or one batch. Calls that come behind a message wait until it is released, and are refused behind a batch. */
export class Peeks {
  readonly #link: Link;
  readonly #receiving: Receiving;
  readonly #pause = new Pause();
  /** What is peeked at. */
  #peeked: readonly Uint8Array[] | undefined;

  constructor(link: Link, receiving: Receiving) {
    this.#link = link;
    this.#receiving = receiving;
  }

  async peek(options?: WaitOptions): Promise<Uint8Array | undefined> {
    if (options !== undefined) checkWaitOptions(options);
    let message = this.#begin("peek()", options) ? this.#try() : WAIT;
    if (message === WAIT && this.#receiving.turns.spin()) message = this.#try();
    if (message === WAIT) return this.#receiving.turns.wait(this.#turn("peek()"), options);
    return this.#pause.due() ? this.#afterPause("peek()", message) : message;
  }

  tryPeek(): Uint8Array | undefined {
    const message = this.#begin("tryPeek()") ? this.#try() : WAIT;
    return message === WAIT ? undefined : message;
  }

  peekSync(options: WaitOptions = {}): Uint8Array | undefined {
    checkSyncOptions(options);
    const message = this.#begin("peekSync()") ? this.#try() : WAIT;
    return message === WAIT ? this.#receiving.turns.waitSync(this.#turn("peekSync()"), options.timeout) : message;
  }

  batches(max: number, options: WaitOptions): AsyncIterableIterator<Uint8Array[]> {
    const call = "peekBatches()";
    this.#checkSupport(call);
    this.#receiving.checkOpen(call);
    let given: Uint8Array[] | undefined;
    const attempt = () => {
      const batch = this.#tryMany(max);
      if (batch !== WAIT) given = batch;
      return batch;
    };
    const take = () => {
      if (!this.#begin(call, options) || this.#pause.isNext) return WAIT;
      const batch = attempt();
      if (batch !== WAIT) this.#pause.due();
      return batch;
    };
    const wait = async () => {
      if (this.#pause.due()) await this.#afterPause(call, undefined);
      const batch = this.#receiving.turns.spin() ? attempt() : WAIT;
      return batch === WAIT ? this.#receiving.turns.wait({ call, attempt }, options) : batch;
    };
    const letGo = () => {
      const isHeld = given !== undefined && given === this.#peeked && !this.#receiving.closed;
      given = undefined;
      if (isHeld) this.release();
    };
    return new ChannelIterator<Uint8Array[]>(
      this.#receiving,
      take,
      wait,
      (batch) => (batch as Uint8Array[]).length === 0,
      letGo,
    );
  }

  release(): void {
    this.#receiving.checkOpen("release()");
    if (this.#peeked === undefined) {
      throw new TypeError(`release() on ${this.#link.address}: no message is peeked at. Call peek() first`);
    }
    for (const { length } of this.#peeked) this.#receiving.count(length);
    this.#peeked = undefined;
    try {
      this.#link.release?.();
    } finally {
      this.#receiving.turns.letGo();
    }
  }

  /** @returns whether the call may look now, and does not have to wait for others */
  #begin(call: string, options?: WaitOptions): boolean {
    this.#checkSupport(call);
    this.#receiving.refuseWhileHeld(call);
    this.#receiving.checkOpen(call, options);
    return this.#receiving.turns.idle;
  }

  #checkSupport(call: string): void {
    if (this.#link.supports.zeroCopy) return;
    throw new IpcError(
      "IPC_UNSUPPORTED",
      `${call} on ${this.#link.address}: this kind of channel has no memory of its own to look at. Call receive()`,
    );
  }

  #try(): Uint8Array | undefined | typeof WAIT {
    const message = this.#look();
    if (message !== WAIT && message !== undefined) {
      this.#peeked = [message];
      this.#receiving.turns.hold();
    }
    return message;
  }

  /** At least one message and at most `max`; none at the end. */
  #tryMany(max: number): Uint8Array[] | typeof WAIT {
    const first = this.#look();
    if (first === WAIT) return WAIT;
    if (first === undefined) return [];
    const batch = [first];
    try {
      let bytes = first.length;
      while (batch.length < max && bytes < BATCH_BYTES) {
        const message = this.#link.tryPeekNext?.();
        if (message === undefined) break;
        batch.push(message);
        bytes += message.length;
      }
    } catch (error) {
      this.#receiving.failNext(error);
    }
    this.#peeked = batch;
    // a loop over batches would wait for itself
    this.#receiving.turns.hold("a batch is peeked at, up to the next one. Call release() first");
    return batch;
  }

  #look(): Uint8Array | undefined | typeof WAIT {
    this.#receiving.throwFailure();
    const message = this.#link.tryPeek?.();
    if (message === undefined) return WAIT;
    return message === null ? this.#receiving.end() : message;
  }

  /** The message is not there any more when the channel was closed meanwhile. */
  async #afterPause<Seen>(call: string, seen: Seen): Promise<Seen> {
    await this.#pause.take(undefined);
    this.#receiving.checkOpen(call);
    return seen;
  }

  #turn(call: string): Turn<Uint8Array | undefined> {
    return { call, attempt: () => this.#try() };
  }
}
