import { pthreadSigmask, sigpending } from "../../ffi/signal-wait.ts";
import { type Signal, signalName, signalNumbers } from "./signal-names.ts";

/**
 * Has this thread not get these signals for now. One that is sent to the process goes to another thread, and every runtime has others; one
 * that is sent to this thread waits. Bun's event loop unblocks all signals of the main thread whenever it waits, so there it holds only
 * until the next `await`.
 *
 * @param signals names or numbers; `SIGKILL` and `SIGSTOP` are passed over
 * @throws {TypeError} not an array
 * @throws {RangeError} no such signal
 * @see https://man7.org/linux/man-pages/man3/pthread_sigmask.3.html
 *
 * @example Block a signal for a moment
 * ```ts
 * import { signals } from "millrace";
 *
 * signals.block(["SIGUSR2"]);
 * console.log(signals.mask().includes("SIGUSR2")); // true
 * signals.unblock(["SIGUSR2"]);
 * ```
 */
export function block(signals: readonly Signal[]): void {
  pthreadSigmask("block", signalNumbers(signals));
}

/**
 * Has this thread get these signals again; those that wait come at once.
 *
 * @param signals names or numbers
 * @throws {TypeError} not an array
 * @throws {RangeError} no such signal
 * @see https://man7.org/linux/man-pages/man3/pthread_sigmask.3.html
 */
export function unblock(signals: readonly Signal[]): void {
  pthreadSigmask("unblock", signalNumbers(signals));
}

/**
 * The names of the signals that this thread does not get for now.
 *
 * @see https://man7.org/linux/man-pages/man3/pthread_sigmask.3.html
 */
export function mask(): string[] {
  return pthreadSigmask().map(signalName);
}

/**
 * The names of the signals that wait because this thread blocks them, for the thread or the process.
 *
 * @see https://man7.org/linux/man-pages/man2/sigpending.2.html
 */
export function pending(): string[] {
  return sigpending().map(signalName);
}
