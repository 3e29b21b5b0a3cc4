import { abortedError, timeoutError, type WaitOptions } from "../../wait/wait-options.ts";

/** The longest time that `setTimeout` takes; longer ones run in pieces. */
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * Starts the time limit and the signal of a call.
 *
 * @param end called once with the error of a call that ends early
 * @returns forgets both, for a call that is over
 */
export function limitCall(
  what: string,
  { timeout = Number.POSITIVE_INFINITY, signal }: WaitOptions,
  end: (error: unknown) => void,
): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const aborted = () => {
    clearTimeout(timer);
    end(abortedError(what, signal as AbortSignal));
  };
  const last = performance.now() + timeout;
  const start = (left: number) => {
    timer = setTimeout(expired, Math.min(Math.ceil(left), LONGEST_TIMER));
  };
  const expired = () => {
    const left = last - performance.now();
    if (left > 0) {
      start(left);
      return;
    }
    signal?.removeEventListener("abort", aborted);
    end(timeoutError(what, timeout));
  };
  if (timeout !== Number.POSITIVE_INFINITY) start(timeout);
  signal?.addEventListener("abort", aborted, { once: true });
  return () => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", aborted);
  };
}
