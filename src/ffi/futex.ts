import { FUTEX_WAIT, FUTEX_WAKE, SYS_futex, TIMESPEC } from "./abi/current.ts";
import { EAGAIN, EINTR, ETIMEDOUT } from "./abi/errno.ts";
import { lazyBind } from "./bind.ts";
import { checkInt32, checkSize, checkTimeout, checkWord } from "./check.ts";
import { scratch, scratchAddress } from "./scratch.ts";
import { setMember } from "./struct.ts";
import { failedCall, lastErrno, SystemError } from "./system-error.ts";

const calls = lazyBind({
  // long syscall(long number, uint32_t *uaddr, int futex_op, uint32_t val, const struct timespec *timeout)
  syscall: { parameters: ["i64", "pointer", "i32", "i32", "pointer"], result: "i32" },
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
  let timespec = 0;
  // longer than a century is for ever
  if (timeout < 2 ** 42) {
    const seconds = Math.floor(timeout / 1000);
    setMember(scratch, TIMESPEC.tv_sec, seconds);
    setMember(scratch, TIMESPEC.tv_nsec, Math.floor((timeout - seconds * 1000) * 1e6));
    timespec = scratchAddress();
  }
  if (calls().syscall(SYS_futex, address, FUTEX_WAIT, expected | 0, timespec) === 0) return "woken";
  const errno = lastErrno();
  if (errno === EAGAIN) return "changed";
  if (errno === ETIMEDOUT) return "timeout";
  if (errno === EINTR) return "woken";
  throw new SystemError("futex", errno);
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
