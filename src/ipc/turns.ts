import { IpcError } from "../errors.ts";
import type { WaitOptions } from "../wait/wait-options.ts";
import { abortedError, timeoutError } from "../wait/wait-options.ts";
import type { Direction, Link } from "./link.ts";

/** What a turn answers that has to wait for the transport. */
export const WAIT: unique symbol = Symbol("wait");

/** What calls wait for: a link, or an object that waits like one. */
export type Waitable = Pick<Link, "address" | "ready" | "readySync" | "spin">;

/** One call that waits, such as a `send()` while the transport is full. */
export interface Turn<Result> {
  /** Names the call in errors, such as `send()`. */
  readonly call: string;
  /** One try. It does not wait: `WAIT` means again when the link is ready. A throw ends the turn with that error. */
  attempt(): Result | typeof WAIT;
  /** Undoes what was begun, for a call that ends early; false when it will be carried out all the same. Without it nothing was begun. */
  retract?(): boolean;
}

/** A turn in the queue, with what ends its wait. */
interface Entry {
  readonly turn: Turn<unknown>;
  resolve(result: unknown): void;
  reject(error: unknown): void;
  /** Ends the timer and the listener of the caller's signal. */
  forget(): void;
}

/** The longest time that `setTimeout` takes; longer ones run in pieces. */
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * The calls that wait at one end of a channel, in the order in which they were made.
 *
 * Only the first of them tries, so none overtakes another. One `link.ready()` is pending while any call waits, and none while the
 * thread blocks in `link.readySync()`. A call that is cancelled leaves the others where they are.
 *
 * While a claim or a peek is `held`, the calls behind it stay in the queue and nothing waits for the transport.
 */
export class Turns {
  readonly #link: Waitable;
  readonly #direction: Direction;
  readonly #queue = new Set<Entry>();
  #held = false;
  #refusal: string | undefined;
  #watching = false;
  #waiting: AbortController | undefined;

  constructor(link: Waitable, direction: Direction) {
    this.#link = link;
    this.#direction = direction;
  }

  /** Nobody waits and nothing is held, so a call may go straight to the link. */
  get idle(): boolean {
    return this.#queue.size === 0 && !this.#held;
  }

  get length(): number {
    return this.#queue.size;
  }

  /** Looks for some microseconds for what a call would have to wait for, where nobody waits yet; true when another try may succeed. */
  spin(): boolean {
    return this.idle && this.#link.spin?.() === true;
  }

  /** A claim or a peek is in the caller's hands. */
  get held(): boolean {
    return this.#held;
  }

  /** @param refusal for what would be waited for in vain: calls that come meanwhile fail with it, instead of waiting for the end of the hold */
  hold(refusal?: string): void {
    this.#held = true;
    this.#refusal = refusal;
  }

  /** Ends the hold and lets the next call go on. */
  letGo(): void {
    this.#held = false;
    this.#refusal = undefined;
    this.#goOn();
  }

  /** Puts a call at the end of the queue. */
  wait<Result>(turn: Turn<Result>, options: WaitOptions = {}): Promise<Result> {
    if (this.#refusal !== undefined) return Promise.reject(new TypeError(`${this.#describe(turn)}: ${this.#refusal}`));
    const { promise, resolve, reject } = withResolvers<Result>();
    const entry: Entry = { turn, resolve: resolve as Entry["resolve"], reject, forget: ignore };
    this.#queue.add(entry);
    this.#limit(entry, options);
    this.#watch();
    return promise;
  }

  /** Puts a call at the end of the queue and blocks the thread until it is done. */
  waitSync<Result>(turn: Turn<Result>, timeout = Number.POSITIVE_INFINITY): Result {
    let outcome: { result: unknown } | { error: unknown } | undefined;
    const entry: Entry = {
      turn,
      resolve: (result) => {
        outcome = { result };
      },
      reject: (error) => {
        outcome = { error };
      },
      forget: ignore,
    };
    this.#queue.add(entry);
    // two waits at one link would disturb each other; the other one begins again once the thread is free
    this.#waiting?.abort();
    const end = performance.now() + timeout;
    this.serve();
    while (outcome === undefined) {
      const left = end - performance.now();
      if (left > 0 && this.#block(entry, left)) this.serve();
      else if (outcome === undefined) this.#cancel(entry, timeoutError(this.#describe(turn), timeout));
    }
    this.#watch();
    if ("error" in outcome) throw outcome.error;
    return outcome.result as Result;
  }

  /** Lets the calls try, first come first served, until one has to wait. */
  serve(): void {
    for (const entry of this.#queue) {
      if (this.#held) return;
      try {
        const result = entry.turn.attempt();
        if (result === WAIT) return;
        this.#remove(entry);
        entry.resolve(result);
      } catch (error) {
        this.#remove(entry);
        entry.reject(error);
      }
    }
  }

  /** Ends every call with the error that `reason` makes of its description. */
  failAll(reason: (what: string) => unknown): void {
    for (const entry of this.#queue) {
      this.#remove(entry);
      entry.reject(reason(this.#describe(entry.turn)));
    }
    this.#goOn();
  }

  /** The wait itself has failed, and with it every call; what they began must not stay open for the next one. */
  #failWaits(error: unknown): void {
    for (const { turn } of this.#queue) turn.retract?.();
    this.failAll(() => error);
  }

  /** Starts the time limit and the signal of a call. */
  #limit(entry: Entry, { timeout = Number.POSITIVE_INFINITY, signal }: WaitOptions): void {
    if (timeout === Number.POSITIVE_INFINITY && signal === undefined) return;
    if (signal?.aborted || timeout === 0) {
      const what = this.#describe(entry.turn);
      this.#cancel(entry, signal?.aborted ? abortedError(what, signal) : timeoutError(what, timeout));
      return;
    }
    let timer: ReturnType<typeof setTimeout> | undefined;
    const aborted = () => this.#cancel(entry, abortedError(this.#describe(entry.turn), signal as AbortSignal));
    const end = performance.now() + timeout;
    const expired = () => {
      const left = end - performance.now();
      if (left > 0) timer = setTimeout(expired, Math.min(Math.ceil(left), LONGEST_TIMER));
      else this.#cancel(entry, timeoutError(this.#describe(entry.turn), timeout));
    };
    if (timeout !== Number.POSITIVE_INFINITY) timer = setTimeout(expired, Math.min(Math.ceil(timeout), LONGEST_TIMER));
    signal?.addEventListener("abort", aborted, { once: true });
    entry.forget = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", aborted);
    };
  }

  /** Ends one call early. What it began and cannot take back stays in the queue, and the call counts as done. */
  #cancel(entry: Entry, error: unknown): void {
    if (entry.turn.retract?.() ?? true) {
      this.#remove(entry);
      entry.reject(error);
    } else {
      entry.forget();
      entry.resolve(undefined);
    }
    this.#goOn();
  }

  #remove(entry: Entry): void {
    this.#queue.delete(entry);
    entry.forget();
  }

  /** After the queue changed: the next call may be able to go on, or there is nothing left to wait for. */
  #goOn(): void {
    this.serve();
    if (this.#queue.size === 0 || this.#held) this.#waiting?.abort();
    else this.#watch();
  }

  #block(entry: Entry, timeout: number): boolean {
    try {
      return this.#link.readySync(this.#direction, timeout);
    } catch (error) {
      this.#cancel(entry, error);
      return false;
    }
  }

  #watch(): void {
    if (this.#watching || this.#queue.size === 0 || this.#held) return;
    this.#watching = true;
    void this.#serveWhenReady();
  }

  async #serveWhenReady(): Promise<void> {
    while (this.#queue.size > 0 && !this.#held) {
      if (this.#waiting === undefined || this.#waiting.signal.aborted) this.#waiting = new AbortController();
      const { signal } = this.#waiting;
      try {
        await this.#link.ready(this.#direction, signal);
      } catch (error) {
        if (!signal.aborted) this.#failWaits(error);
      }
      this.serve();
    }
    this.#waiting = undefined;
    this.#watching = false;
  }

  #describe(turn: Turn<unknown>): string {
    return `${turn.call} on ${this.#link.address}`;
  }
}

/** The error of a call on a channel that its own side has closed. */
export function closedError(what: string): IpcError {
  return new IpcError("IPC_CLOSED", `${what}: this end was closed. Open the channel again`);
}

/** `Promise.withResolvers`, which Node 20 lacks. */
function withResolvers<Value>() {
  let resolve!: (value: Value) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<Value>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

function ignore(): void {}
