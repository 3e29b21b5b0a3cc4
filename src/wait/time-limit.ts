import { IpcError } from "../errors.ts";
import { abortedError, timeoutError, type WaitOptions } from "./wait-options.ts";

/** The time-out and the signal of a call that waits several times. */
export class TimeLimit {
  readonly #what: string;
  readonly #signal: AbortSignal | undefined;
  readonly #timeout: number;
  readonly #end: number;

  /** @param what the call and its channel, such as `sendMany() on ring:frames` */
  constructor(what: string, { timeout = Number.POSITIVE_INFINITY, signal }: WaitOptions) {
    this.#what = what;
    this.#signal = signal;
    this.#timeout = timeout;
    this.#end = timeout === Number.POSITIVE_INFINITY ? timeout : performance.now() + timeout;
  }

  /** What is left for the next wait, `undefined` when there is no limit. */
  left(): WaitOptions | undefined {
    if (this.#end === Number.POSITIVE_INFINITY) return this.#signal && { signal: this.#signal };
    const timeout = Math.max(0, this.#end - performance.now());
    return this.#signal === undefined ? { timeout } : { timeout, signal: this.#signal };
  }

  throwIfAborted(): void {
    if (this.#signal?.aborted) throw abortedError(this.#what, this.#signal);
  }

  throwIfOver(): void {
    this.throwIfAborted();
    if (this.#end !== Number.POSITIVE_INFINITY && performance.now() >= this.#end)
      throw timeoutError(this.#what, this.#timeout);
  }

  /** A wait that used up what was left of the time says how much there was in all. */
  explain(error: unknown): unknown {
    return error instanceof IpcError && error.code === "IPC_TIMEOUT" ? timeoutError(this.#what, this.#timeout) : error;
  }

  /** Waits for `work`, which goes on by itself when the limit comes first. */
  async race<Value>(work: Promise<Value>): Promise<Value> {
    try {
      this.throwIfOver();
    } catch (error) {
      // nobody waits for it any more, and mostly the caller ends it now
      work.catch(() => {});
      throw error;
    }
    const signal = this.#signal;
    if (this.#end === Number.POSITIVE_INFINITY && signal === undefined) return work;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let aborted: (() => void) | undefined;
    const over = new Promise<never>((_, reject) => {
      // Bun warns of a negative one
      const left = Math.max(0, this.#end - performance.now());
      // a limit past what a timer takes is none for a single value
      if (left < 2 ** 31) timer = setTimeout(() => reject(timeoutError(this.#what, this.#timeout)), left);
      aborted = () => reject(abortedError(this.#what, signal as AbortSignal));
      signal?.addEventListener("abort", aborted, { once: true });
    });
    try {
      return await Promise.race([work, over]);
    } finally {
      clearTimeout(timer);
      if (aborted !== undefined) signal?.removeEventListener("abort", aborted);
    }
  }
}
