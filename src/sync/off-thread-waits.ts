import type { IpcError } from "../errors.ts";
import { EINTR } from "../ffi/abi/errno.ts";
import { type BlockingArgument, startBlocking } from "../ffi/off-thread/blocking-call.ts";
import type { BlockingOutcome } from "../ffi/off-thread/blocking-caller.ts";
import type { BlockingFunction } from "../ffi/off-thread/blocking-functions.ts";
import { abortedError, timeoutError, type WaitOptions } from "../wait/wait-options.ts";

/** Longest time that a timer takes, in milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** The calls of one object that block, each on a thread of its own. They can be ended all at once, before the object goes. */
export class OffThreadWaits {
  readonly #ends = new Set<(reason: IpcError) => void>();

  /**
   * Makes a call that waits. When the time is over, the signal fires or {@link OffThreadWaits.endAll} is called, the call is brought to
   * its end there and then, and with it what the object has of it.
   *
   * @param what the call and its object, for the errors
   * @param options what is left of the time, and the signal
   * @param timeout the whole time, for the error
   * @param giveBack takes back what the call did, when it came to its end just before it was given up. It may throw when that is not
   * possible. Without it, or when it throws, such a call counts as done
   * @returns what C returned, and errno
   * @throws {IpcError} `IPC_TIMEOUT`, `IPC_ABORTED`, or the reason of `endAll`: the call has had no effect
   * @throws {IpcError} `IPC_WORKER_CRASHED` when the thread ended by itself; `IPC_LIMIT` when no signal is free to interrupt it with
   */
  async call(
    what: string,
    name: BlockingFunction,
    args: readonly BlockingArgument[],
    { timeout: left = Number.POSITIVE_INFINITY, signal }: WaitOptions,
    timeout: number = left,
    giveBack?: () => void,
  ): Promise<BlockingOutcome> {
    const call = startBlocking(name, args);
    let gaveUp: IpcError | undefined;
    let ended = false;
    const end = (reason: IpcError) => {
      if (ended) return;
      ended = true;
      try {
        const done = call.settle().result !== -1;
        if (done) giveBack?.();
        if (!done || giveBack !== undefined) gaveUp = reason;
      } catch {
        // what cannot be given back is done; a thread that crashed makes `over` reject
      }
    };
    let timer: ReturnType<typeof setTimeout> | undefined;
    const over = performance.now() + left;
    const sleep = () => {
      const rest = over - performance.now();
      // a timer may come a little early
      if (rest > 0) timer = setTimeout(sleep, Math.min(Math.ceil(rest), LONGEST_TIMER));
      else end(timeoutError(what, timeout));
    };
    const aborted = () => end(abortedError(what, signal as AbortSignal));
    this.#ends.add(end);
    if (left < Number.POSITIVE_INFINITY) sleep();
    signal?.addEventListener("abort", aborted, { once: true });
    try {
      const outcome = await call.over;
      // a failure that came by itself, such as EIDRM, tells more than that the call was given up
      if (gaveUp !== undefined && (outcome.result !== -1 || outcome.errno === EINTR)) throw gaveUp;
      return outcome;
    } finally {
      this.#ends.delete(end);
      signal?.removeEventListener("abort", aborted);
      clearTimeout(timer);
    }
  }

  /** Gives up all the calls that run. None of them touches the object any more when this returns. */
  endAll(reason: IpcError): void {
    for (const end of [...this.#ends]) end(reason);
    this.#ends.clear();
  }
}
