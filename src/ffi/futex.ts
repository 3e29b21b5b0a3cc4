import {
  FUTEX_BITSET_MATCH_ANY,
  FUTEX_WAIT,
  FUTEX_WAIT_BITSET,
  FUTEX_WAKE,
  FUTEX_WAKE_BITSET,
  SYS_futex,
} from "./abi/current.ts";
import { EAGAIN, EINTR, ETIMEDOUT } from "./abi/errno.ts";
import { lazyBind } from "./bind.ts";
import { checkInt32, checkSize, checkTimeout, checkWord } from "./check.ts";
import { failedCall, lastErrno, SystemError } from "./system-error.ts";
import { interval, isForEver } from "./timespec.ts";

const calls = lazyBind({
  // long syscall(long number, uint32_t *uaddr, int futex_op, uint32_t val, const struct timespec *timeout)
  syscall: { parameters: ["i64", "pointer", "i32", "i32", "pointer"], result: "i32" },
});

const bitsetCalls = lazyBind({
  // the same, with uint32_t *uaddr2, uint32_t val3
  syscall: { parameters: ["i64", "pointer", "i32", "i32", "pointer", "pointer", "i32"], result: "i32" },
});

/** Why {@link futexWait} returned. */
export type FutexResult = "woken" | "changed" | "timeout";

/**
 * `syscall(SYS_futex, uaddr, FUTEX_WAIT, expected, timeout)` — Blocks the thread until another thread or process wakes it on that
 * word, but only if the word holds `expected` at that moment. The word is shared between processes (not `FUTEX_PRIVATE_FLAG`).
 *
 * @param address native address of a 4-byte word in memory that stays mapped meanwhile, a multiple of 4
 * @param expected the 32-bit value, signed or unsigned
 * @param timeout milliseconds, also fractions
 * @returns `"woken"`, perhaps by a signal or a wake meant for an earlier use of the word, so look at the word again;
 * `"changed"` when the word held another value; `"timeout"`
 * @throws {SystemError} `EFAULT` nothing is mapped there
 * @throws {SystemError} `EINVAL` not a multiple of 4
 * @see https://man7.org/linux/man-pages/man2/FUTEX_WAIT.2const.html
 */
export function futexWait(address: number, expected: number, timeout = Number.POSITIVE_INFINITY): FutexResult {
  checkSize("address", address);
  checkWord("expected", expected);
  checkTimeout(timeout);
  const timespec = isForEver(timeout) ? 0 : interval(timeout);
  return outcome(calls().syscall(SYS_futex, address, FUTEX_WAIT, expected | 0, timespec));
}

/**
 * `syscall(SYS_futex, uaddr, FUTEX_WAIT_BITSET, expected, end, NULL, bitset)` — {@link futexWait} up to a moment, so that a wait that
 * is begun again ends at the same time, and only for the wakes that have a bit of `bitset`; {@link futexWake} has all.
 *
 * @param end milliseconds of `CLOCK_MONOTONIC`, as `clockGettime` gives, also fractions; `Infinity` waits for ever
 * @param bitset 32 bits, not 0
 * @returns as {@link futexWait}
 * @throws {SystemError} `EFAULT` nothing is mapped there
 * @throws {SystemError} `EINVAL` not a multiple of 4, or a bitset of 0
 * @see https://man7.org/linux/man-pages/man2/FUTEX_WAIT_BITSET.2const.html
 */
export function futexWaitBitset(
  address: number,
  expected: number,
  end: number = Number.POSITIVE_INFINITY,
  bitset: number = FUTEX_BITSET_MATCH_ANY,
): FutexResult {
  checkSize("address", address);
  checkWord("expected", expected);
  checkTimeout(end);
  checkWord("bitset", bitset);
  const timespec = isForEver(end) ? 0 : interval(end);
  const result = bitsetCalls().syscall(SYS_futex, address, FUTEX_WAIT_BITSET, expected | 0, timespec, 0, bitset | 0);
  return outcome(result);
}

/**
 * `syscall(SYS_futex, uaddr, FUTEX_WAKE, count)` — Wakes threads, of any process, that wait on that word.
 *
 * @param address native address of the word, a multiple of 4
 * @param count how many at most
 * @returns how many were woken
 * @throws {SystemError} `EFAULT` nothing is mapped there
 * @throws {SystemError} `EINVAL` not a multiple of 4
 * @see https://man7.org/linux/man-pages/man2/FUTEX_WAKE.2const.html
 */
export function futexWake(address: number, count: number): number {
  checkSize("address", address);
  checkInt32("count", count);
  const woken: number = calls().syscall(SYS_futex, address, FUTEX_WAKE, count, 0);
  if (woken < 0) throw failedCall("futex");
  return woken;
}

/**
 * `syscall(SYS_futex, uaddr, FUTEX_WAKE_BITSET, count, NULL, NULL, bitset)` — {@link futexWake} for those whose
 * {@link futexWaitBitset} has a bit of `bitset`; {@link futexWait} has all.
 *
 * @param bitset 32 bits, not 0
 * @returns how many were woken
 * @throws {SystemError} `EFAULT` nothing is mapped there
 * @throws {SystemError} `EINVAL` not a multiple of 4, or a bitset of 0
 * @see https://man7.org/linux/man-pages/man2/FUTEX_WAKE_BITSET.2const.html
 */
export function futexWakeBitset(address: number, count: number, bitset: number): number {
  checkSize("address", address);
  checkInt32("count", count);
  checkWord("bitset", bitset);
  const woken: number = bitsetCalls().syscall(SYS_futex, address, FUTEX_WAKE_BITSET, count, 0, 0, bitset | 0);
  if (woken < 0) throw failedCall("futex");
  return woken;
}

function outcome(result: number): FutexResult {
  if (result === 0) return "woken";
  const errno = lastErrno();
  if (errno === EAGAIN) return "changed";
  if (errno === ETIMEDOUT) return "timeout";
  if (errno === EINTR) return "woken";
  throw new SystemError("futex", errno);
}
