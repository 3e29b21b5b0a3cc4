import { IpcError } from "../errors.ts";
import type { WaitOptions } from "../wait/wait-options.ts";
import { abortedError, checkSyncOptions, checkWaitOptions } from "../wait/wait-options.ts";
import type { Link } from "./link.ts";
import { noDescriptors } from "./no-descriptors.ts";
import type { Codec } from "./options.ts";
import { Pause } from "./pause.ts";
import { BATCH_BYTES } from "./recommended.ts";
import { closedError, type Turn, Turns, WAIT } from "./turns.ts";

/**
 * The receiving half of a channel: takes messages from the link, turns them into values and lets calls wait for their turn.
 * Nothing is read before somebody asks for it.
 */
export class Receiving {
  readonly turns: Turns;
  readonly #link: Link;
  readonly #codec: Codec<unknown>;
  readonly #closeLink: () => void;
  readonly #pause = new Pause();
  #closed = false;
  #ended = false;
  #failure: { error: unknown } | undefined;
  #messages = 0;
  #bytes = 0;

  constructor(link: Link, codec: Codec<unknown>, closeLink: () => void) {
    this.#link = link;
    this.#closeLink = closeLink;
    this.#codec = codec;
    this.turns = new Turns(link, "read");
  }

  /** This end was closed. */
  get closed(): boolean {
    return this.#closed;
  }

  /** A call has met the end of the stream. */
  get ended(): boolean {
    return this.#ended;
  }

  get messages(): number {
    return this.#messages;
  }

  get bytes(): number {
    return this.#bytes;
  }

  receive(options?: WaitOptions): Promise<unknown> {
    try {
      if (options !== undefined) checkWaitOptions(options);
      this.checkOpen("receive()", options);
      const value = this.#takeInTurn();
      if (value === WAIT) return this.turns.wait(this.#valueTurn("receive()"), options);
      return this.#pause.due() ? this.#pause.take(value) : Promise.resolve(value);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** The next value, `undefined` at the end, `WAIT` when the caller has to wait for it or for the event loop. */
  takeNow(): unknown {
    if (!this.turns.idle || this.#pause.isNext) return WAIT;
    const value = this.#take();
    if (value !== WAIT) this.#pause.due();
    return value;
  }

  /** The same for what {@link receiveBatch} gives. */
  takeBatchNow(max: number): unknown[] | typeof WAIT {
    if (!this.turns.idle || this.#pause.isNext) return WAIT;
    const values = this.#takeMany(max);
    if (values !== WAIT) this.#pause.due();
    return values;
  }

  tryReceive(): unknown {
    this.checkOpen("tryReceive()");
    this.refuseWhileHeld("tryReceive()");
    if (!this.turns.idle) return undefined;
    const value = this.#take();
    return value === WAIT ? undefined : value;
  }

  receiveSync(options: WaitOptions = {}): unknown {
    checkSyncOptions(options);
    this.checkOpen("receiveSync()");
    this.refuseWhileHeld("receiveSync()");
    const value = this.#takeInTurn();
    return value === WAIT ? this.turns.waitSync(this.#valueTurn("receiveSync()"), options.timeout) : value;
  }

  /** The next item, which has to be a descriptor; `undefined` at the end. */
  receiveDescriptor(options: WaitOptions = {}): Promise<number | undefined> {
    try {
      checkWaitOptions(options);
      const turn = this.#descriptorTurn("receiveDescriptor()", options);
      const descriptor = this.turns.idle ? turn.attempt() : WAIT;
      return descriptor === WAIT ? this.turns.wait(turn, options) : Promise.resolve(descriptor);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  tryReceiveDescriptor(): number | undefined {
    const turn = this.#descriptorTurn("tryReceiveDescriptor()");
    const descriptor = this.turns.idle ? turn.attempt() : WAIT;
    return descriptor === WAIT ? undefined : descriptor;
  }

  receiveDescriptorSync(options: WaitOptions = {}): number | undefined {
    checkSyncOptions(options);
    const turn = this.#descriptorTurn("receiveDescriptorSync()");
    const descriptor = this.turns.idle ? turn.attempt() : WAIT;
    return descriptor === WAIT ? this.turns.waitSync(turn, options.timeout) : descriptor;
  }

  /** At least one value and at most `max`, all that are there; none at the end. */
  receiveBatch(call: string, max: number, options?: WaitOptions): Promise<unknown[]> {
    try {
      this.checkOpen(call, options);
      let values = this.turns.idle ? this.#takeMany(max) : WAIT;
      if (values === WAIT && this.turns.spin()) values = this.#takeMany(max);
      if (values === WAIT) return this.turns.wait({ call, attempt: () => this.#takeMany(max) }, options);
      return this.#pause.due() ? this.#pause.take(values) : Promise.resolve(values);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  checkOpen(call: string, options?: WaitOptions): void {
    if (this.#closed) throw closedError(`${call} on ${this.#link.address}`);
    if (options?.signal?.aborted) throw abortedError(`${call} on ${this.#link.address}`, options.signal);
  }

  /** For a call that cannot wait until an open peek ends, because it would wait for its own caller. */
  refuseWhileHeld(call: string): void {
    if (!this.turns.held) return;
    throw new TypeError(`${call} on ${this.#link.address}: a message is peeked at. Call release() first`);
  }

  count(length: number): void {
    this.#messages++;
    this.#bytes += length;
  }

  end(): undefined {
    this.#ended = true;
  }

  /** What went wrong behind the last message of a batch, which is given out first. */
  failNext(error: unknown): void {
    this.#failure = { error };
  }

  /** Throws what was given to {@link failNext}. */
  throwFailure(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure.error;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#closeLink();
    } finally {
      this.turns.failAll((what) => closedError(what));
    }
  }

  /** The next value, `undefined` at the end. */
  #take(): unknown {
    if (this.#failure !== undefined) this.throwFailure();
    const bytes = this.#link.tryRead();
    if (bytes === undefined) return WAIT;
    if (bytes === null) return this.end();
    this.count(bytes.length);
    return this.#decode(bytes);
  }

  /** The same for a call that waits if need be: not before others, and where nothing is there, once more after a look. */
  #takeInTurn(): unknown {
    const value = this.turns.idle ? this.#take() : WAIT;
    return value === WAIT && this.turns.spin() ? this.#take() : value;
  }

  #takeDescriptor(): number | undefined | typeof WAIT {
    if (this.#failure !== undefined) this.throwFailure();
    const descriptor = this.#link.tryReadDescriptor?.();
    if (descriptor === undefined) return WAIT;
    return descriptor === null ? this.end() : descriptor;
  }

  #takeMany(max: number): unknown[] | typeof WAIT {
    this.#link.cork();
    try {
      return this.#takeCorked(max);
    } finally {
      this.#link.uncork();
    }
  }

  #takeCorked(max: number): unknown[] | typeof WAIT {
    const first = this.#take();
    if (first === WAIT) return WAIT;
    if (first === undefined) return [];
    const values = [first];
    try {
      const end = this.#bytes + BATCH_BYTES;
      while (values.length < max && this.#bytes < end) {
        const value = this.#take();
        if (value === WAIT || value === undefined) break;
        values.push(value);
      }
    } catch (error) {
      // a descriptor behind the last message: it stays where it is, so the next call meets it again
      if (!(error instanceof IpcError && error.code === "IPC_UNSUPPORTED")) this.failNext(error);
    }
    return values;
  }

  #decode(bytes: Uint8Array): unknown {
    let value: unknown;
    try {
      value = this.#codec.decode(bytes);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new IpcError(
        "IPC_CORRUPT",
        `Cannot decode message ${this.#messages} of ${this.#link.address}, ${bytes.length} bytes: ${why}. Open both ends with the same codec`,
        { cause },
      );
    }
    if (value !== undefined) return value;
    throw new TypeError(
      `The codec decoded a message of ${this.#link.address} to undefined, which means the end of the stream`,
    );
  }

  #descriptorTurn(call: string, options?: WaitOptions): Turn<number | undefined> {
    this.checkOpen(call, options);
    if (this.#link.supports.descriptors !== true) throw noDescriptors(call, this.#link.address);
    return { call, attempt: () => this.#takeDescriptor() };
  }

  #valueTurn(call: string): Turn<unknown> {
    return { call, attempt: () => this.#take() };
  }
}
