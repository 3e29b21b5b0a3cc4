import { IpcError } from "../errors.ts";
import type { WaitOptions } from "../wait/wait-options.ts";
import { abortedError, checkSyncOptions, checkWaitOptions } from "../wait/wait-options.ts";
import { BEGUN, FULL, type Link, TAKEN, type WriteResult } from "./link.ts";
import { noDescriptors } from "./no-descriptors.ts";
import type { Codec } from "./options.ts";
import { Pause } from "./pause.ts";
import { DISPOSE_TIMEOUT } from "./recommended.ts";
import { closedError, type Turn, Turns, WAIT } from "./turns.ts";

function checkDescriptor(fd: unknown): void {
  if (typeof fd !== "number") throw new TypeError(`The descriptor is ${String(fd)}, but must be a number`);
  if (Number.isInteger(fd) && fd >= 0 && fd < 2 ** 31) return;
  throw new RangeError(`The descriptor is ${fd}, but must be a whole number from 0 to 2147483647`);
}

/** A promise for the calls that were done at once; they share it. */
const DONE: Promise<void> = Promise.resolve();

/**
 * The sending half of a channel: turns values into bytes, offers them to the link and lets calls wait for their turn.
 *
 * A message that the link only began to take is finished by the call that sent it, or, when that call has ended, by a turn of its
 * own in the background. An error there belongs to no call; the next one to send or close reports it.
 */
export class Sending {
  readonly turns: Turns;
  readonly maxBytes: number;
  readonly #link: Link;
  readonly #codec: Codec<unknown>;
  readonly #emptyMessages: boolean;
  readonly #closeLink: (abandon?: boolean) => void;
  readonly #pause = new Pause();
  #corked = false;
  #ending = false;
  #closing: Promise<void> | undefined;
  #failure: { error: unknown } | undefined;
  #messages = 0;
  #bytes = 0;

  constructor(link: Link, codec: Codec<unknown>, maxBytes: number, closeLink: (abandon?: boolean) => void) {
    this.#link = link;
    this.#closeLink = closeLink;
    this.#codec = codec;
    this.#emptyMessages = link.supports.emptyMessages;
    this.maxBytes = maxBytes;
    this.turns = new Turns(link, "write");
  }

  /** This end was closed, or is being closed. */
  get closed(): boolean {
    return this.#closing !== undefined;
  }

  get messages(): number {
    return this.#messages;
  }

  get bytes(): number {
    return this.#bytes;
  }

  send(value: unknown, options?: WaitOptions): Promise<void> {
    try {
      if (options !== undefined) checkWaitOptions(options);
      const message = this.encode("send()", value, options);
      return this.offer("send()", message, options) ?? (this.#pause.due() ? this.#pause.take(undefined) : DONE);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  trySend(value: unknown): boolean {
    const message = this.encode("trySend()", value);
    this.refuseWhileHeld("trySend()");
    if (!this.turns.idle) return false;
    const result = this.#link.tryWrite(message);
    if (result === BEGUN) {
      this.#link.keepRest();
      this.#flushInBackground();
    } else if (result !== TAKEN) {
      return false;
    }
    this.count(message.length);
    return true;
  }

  sendSync(value: unknown, options: WaitOptions = {}): void {
    checkSyncOptions(options);
    const message = this.encode("sendSync()", value);
    this.refuseWhileHeld("sendSync()");
    const result = this.turns.idle ? this.#write(message) : undefined;
    if (result === TAKEN) {
      this.count(message.length);
      return;
    }
    this.uncork();
    this.turns.waitSync(this.#messageTurn("sendSync()", message, result === BEGUN), options.timeout);
  }

  /** Sends a copy of a descriptor in its turn. */
  sendDescriptor(fd: number, options: WaitOptions = {}): Promise<void> {
    try {
      checkWaitOptions(options);
      const turn = this.#descriptorTurn("sendDescriptor()", fd, options);
      if (this.turns.idle && turn.attempt() === undefined) return DONE;
      return this.turns.wait(turn, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  trySendDescriptor(fd: number): boolean {
    const turn = this.#descriptorTurn("trySendDescriptor()", fd);
    return this.turns.idle && turn.attempt() === undefined;
  }

  sendDescriptorSync(fd: number, options: WaitOptions = {}): void {
    checkSyncOptions(options);
    const turn = this.#descriptorTurn("sendDescriptorSync()", fd);
    if (!this.turns.idle || turn.attempt() === WAIT) this.turns.waitSync(turn, options.timeout);
  }

  /** Offers a message to the link, or puts it behind the calls that wait; `undefined` when it was taken at once. */
  offer(call: string, message: Uint8Array, options?: WaitOptions): Promise<void> | undefined {
    let begun = false;
    if (this.turns.idle) {
      const result = this.#write(message);
      if (result === TAKEN) {
        this.count(message.length);
        return undefined;
      }
      begun = result === BEGUN;
    }
    this.uncork();
    return this.turns.wait(this.#messageTurn(call, message, begun), options);
  }

  /** Offers a message to the link for a call that waits if need be: where there is no room, once more after a look. */
  #write(message: Uint8Array): WriteResult {
    const result = this.#link.tryWrite(message, true);
    if (result !== FULL) return result;
    this.uncork();
    return this.turns.spin() ? this.#link.tryWrite(message, true) : result;
  }

  /** The bytes of a message. Checks in this order: misuse, state, size. */
  encode(call: string, value: unknown, options?: WaitOptions): Uint8Array {
    const message = this.#codec.encode(value);
    this.checkOpen(call, options);
    if (message.length > this.maxBytes) throw this.tooLarge(call, message.length);
    if (message.length === 0 && !this.#emptyMessages) {
      throw new IpcError(
        "IPC_UNSUPPORTED",
        `${call} on ${this.#link.address}: a message of 0 bytes cannot be told from nothing there. Send at least 1 byte`,
      );
    }
    return message;
  }

  checkOpen(call: string, options?: WaitOptions): void {
    if (this.#closing !== undefined) throw closedError(`${call} on ${this.#link.address}`);
    if (this.#failure !== undefined) this.#throwFailure();
    if (options?.signal?.aborted) throw abortedError(`${call} on ${this.#link.address}`, options.signal);
  }

  /** For a call that cannot wait until an open claim ends, because it would wait for its own caller. */
  refuseWhileHeld(call: string): void {
    if (!this.turns.held) return;
    throw new TypeError(`${call} on ${this.#link.address}: a claim is open. Call commit() or abort() first`);
  }

  tooLarge(call: string, length: number): IpcError {
    const remedy = length > this.#link.maxMessageBytes ? (this.#link.tooLargeRemedy ?? "") : "";
    return new IpcError(
      "IPC_TOO_LARGE",
      `${call} on ${this.#link.address}: the message has ${length} bytes, but at most ${this.maxBytes} fit in one${remedy}`,
    );
  }

  count(length: number): void {
    this.#messages++;
    this.#bytes += length;
  }

  /** From here to `uncork` the link may collect messages. Nothing waits in between. */
  cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#link.cork();
  }

  uncork(): void {
    if (!this.#corked) return;
    this.#corked = false;
    this.#link.uncork();
  }

  /** Uncorks and hands over what the link collected; a promise when that has to wait. */
  publish(call: string, options?: WaitOptions): Promise<void> | undefined {
    this.uncork();
    if (!this.turns.idle || this.#link.flush()) return undefined;
    return this.turns.wait(this.#flushTurn(call), options);
  }

  /** The same for a call that has failed and has no use for another error. */
  publishInBackground(): void {
    this.uncork();
    if (this.turns.idle && !this.closed) this.#flushInBackground();
  }

  close(options: WaitOptions): Promise<void> {
    this.#closing ??= this.#close(options);
    return this.#closing;
  }

  async #close(options: WaitOptions): Promise<void> {
    try {
      if (!this.#drainNow()) await this.turns.wait(this.#drainTurn(), options);
    } finally {
      this.#release();
    }
    this.#throwFailure();
  }

  /** Closes with the thread blocked until everything is handed over, for `using`. */
  closeSync(): void {
    if (this.#closing !== undefined && this.turns.idle) return;
    this.#closing ??= DONE;
    try {
      if (!this.#drainNow()) this.turns.waitSync(this.#drainTurn(), DISPOSE_TIMEOUT);
    } finally {
      this.#release();
    }
    this.#throwFailure();
  }

  /** Gives this end up as if the process had died, with what was not handed over. */
  abandon(): void {
    this.#closing ??= DONE;
    try {
      this.#closeLink(true);
    } finally {
      this.turns.failAll((what) => closedError(what));
    }
  }

  #drainNow(): boolean {
    this.uncork();
    return this.turns.idle && this.#drain();
  }

  #release(): void {
    try {
      this.#closeLink();
    } finally {
      this.turns.failAll((what) => closedError(what));
    }
  }

  /** Hands over what is left, then announces the end; true when both are done. */
  #drain(): boolean {
    if (!this.#ending) {
      if (!this.#link.flush()) return false;
      if (this.#link.end === undefined) return true;
      this.#ending = true;
      this.#link.end();
    }
    try {
      return this.#link.flush();
    } catch (error) {
      // everything was handed over before, and a receiver that has left needs no end
      if (error instanceof IpcError && (error.code === "IPC_CLOSED" || error.code === "IPC_PEER_GONE")) return true;
      throw error;
    }
  }

  #messageTurn(call: string, message: Uint8Array, begun: boolean): Turn<void> {
    let detached = false;
    return {
      call,
      attempt: () => {
        if (detached) return this.#keepFailure();
        if (!this.#link.flush()) return WAIT;
        if (!begun) {
          const result = this.#link.tryWrite(message, true);
          begun = result === BEGUN;
          if (result !== TAKEN) return WAIT;
        }
        this.count(message.length);
      },
      retract: () => {
        if (!begun || this.#link.retract()) return true;
        this.#link.keepRest();
        this.count(message.length);
        detached = true;
        return false;
      },
    };
  }

  #descriptorTurn(call: string, fd: number, options?: WaitOptions): Turn<undefined> {
    checkDescriptor(fd);
    this.checkOpen(call, options);
    if (this.#link.supports.descriptors !== true) throw noDescriptors(call, this.#link.address);
    return { call, attempt: () => (this.#link.trySendDescriptor?.(fd) ? undefined : WAIT) };
  }

  #flushTurn(call: string): Turn<void> {
    return { call, attempt: () => (this.#link.flush() ? undefined : WAIT) };
  }

  #drainTurn(): Turn<void> {
    return { call: "close()", attempt: () => (this.#drain() ? undefined : WAIT) };
  }

  #flushInBackground(): void {
    if (this.#keepFailure() !== WAIT) return;
    // it is only given up by a close() whose time is over, which says so itself, or when it cannot be waited for, which the next call meets too
    const retract = () => this.#link.retract();
    this.turns.wait({ call: "flush", attempt: () => this.#keepFailure(), retract }).catch(() => {});
  }

  /** Flushes for no call that waits: an error is kept for the next one. */
  #keepFailure(): undefined | typeof WAIT {
    try {
      return this.#link.flush() ? undefined : WAIT;
    } catch (error) {
      this.#failure = { error };
      return undefined;
    }
  }

  #throwFailure(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure.error;
  }
}
