import { lazyBind } from "./bind.ts";
import { checkInt32 } from "./check.ts";
import { scratchAddress } from "./scratch.ts";
import { failedCall } from "./system-error.ts";

const calls = lazyBind({
  sigemptyset: { parameters: ["pointer"], result: "i32" },
  sigaddset: { parameters: ["pointer", "i32"], result: "i32" },
  sigismember: { parameters: ["pointer", "i32"], result: "i32" },
  __libc_current_sigrtmin: { parameters: [], result: "i32" },
  __libc_current_sigrtmax: { parameters: [], result: "i32" },
});

/**
 * Writes a `sigset_t` into the scratch memory.
 *
 * @param base where it begins there
 * @throws {SystemError} `EINVAL` no such signal, or one that the C library keeps for itself
 */
export function fillSignalSet(signals: readonly number[], base: number): void {
  const set = scratchAddress() + base;
  calls().sigemptyset(set);
  for (const signal of signals) {
    checkInt32("a signal", signal);
    if (calls().sigaddset(set, signal) !== 0) throw failedCall("sigaddset");
  }
}

/** The signals of a `sigset_t` in the scratch memory. */
export function readSignalSet(base: number): number[] {
  const signals: number[] = [];
  const last = sigrtmax();
  for (let signal = 1; signal <= last; signal++) {
    if (calls().sigismember(scratchAddress() + base, signal) === 1) signals.push(signal);
  }
  return signals;
}

/**
 * `SIGRTMIN` — The first real-time signal that programs may use. Of those each one sent arrives, in order.
 *
 * @see https://man7.org/linux/man-pages/man7/signal.7.html
 */
export function sigrtmin(): number {
  return calls().__libc_current_sigrtmin();
}

/**
 * `SIGRTMAX` — The last real-time signal.
 *
 * @see https://man7.org/linux/man-pages/man7/signal.7.html
 */
export function sigrtmax(): number {
  return calls().__libc_current_sigrtmax();
}
