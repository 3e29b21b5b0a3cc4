import { CLOCK_REALTIME, PTHREAD_PROCESS_SHARED } from "./abi/current.ts";
import { EBUSY, ETIMEDOUT } from "./abi/errno.ts";
import { lazyBind } from "./bind.ts";
import { checkInt32, checkSize, checkTimeout } from "./check.ts";
import { TIMED_OUT, WOULD_BLOCK } from "./results.ts";
import { scratch } from "./scratch.ts";
import { SystemError } from "./system-error.ts";
import { deadline, isForEver } from "./timespec.ts";

/**
 * The C library's locks for many readers or one writer, shared between processes, in memory of the caller's: native addresses,
 * multiples of 8, that stay mapped while the lock is used. They are not robust: a process that ends with the lock keeps it for
 * ever. Readers come before waiting writers. Signals do not end these waits.
 */

// these functions return the errno
const calls = lazyBind({
  pthread_rwlockattr_init: { parameters: ["buffer"], result: "i32" },
  pthread_rwlockattr_setpshared: { parameters: ["buffer", "i32"], result: "i32" },
  pthread_rwlockattr_destroy: { parameters: ["buffer"], result: "i32" },
  pthread_rwlock_init: { parameters: ["pointer", "buffer"], result: "i32" },
  pthread_rwlock_destroy: { parameters: ["pointer"], result: "i32" },
  pthread_rwlock_rdlock: { parameters: ["pointer"], result: "i32" },
  pthread_rwlock_tryrdlock: { parameters: ["pointer"], result: "i32" },
  pthread_rwlock_timedrdlock: { parameters: ["pointer", "pointer"], result: "i32" },
  pthread_rwlock_wrlock: { parameters: ["pointer"], result: "i32" },
  pthread_rwlock_trywrlock: { parameters: ["pointer"], result: "i32" },
  pthread_rwlock_timedwrlock: { parameters: ["pointer", "pointer"], result: "i32" },
  pthread_rwlock_unlock: { parameters: ["pointer"], result: "i32" },
});

// glibc before 2.30 has none
const clockCalls = lazyBind({
  pthread_rwlock_clockrdlock: { parameters: ["pointer", "i32", "pointer"], result: "i32" },
  pthread_rwlock_clockwrlock: { parameters: ["pointer", "i32", "pointer"], result: "i32" },
});

/**
 * `int pthread_rwlock_init(pthread_rwlock_t *rwlock, const pthread_rwlockattr_t *attr)` — Makes a lock, shared between processes, in
 * memory of `PTHREAD_RWLOCK.sizeof` bytes.
 *
 * @param rwlock native address, where no lock is
 * @throws {SystemError} `EAGAIN`, `ENOMEM` not enough of a resource
 * @see https://man7.org/linux/man-pages/man3/pthread_rwlock_init.3p.html
 */
export function pthreadRwlockInit(rwlock: number): void {
  checkSize("rwlock", rwlock);
  const c = calls();
  check("pthread_rwlockattr_init", c.pthread_rwlockattr_init(scratch));
  try {
    check("pthread_rwlockattr_setpshared", c.pthread_rwlockattr_setpshared(scratch, PTHREAD_PROCESS_SHARED));
    check("pthread_rwlock_init", c.pthread_rwlock_init(rwlock, scratch));
  } finally {
    c.pthread_rwlockattr_destroy(scratch);
  }
}

/**
 * `int pthread_rwlock_destroy(pthread_rwlock_t *rwlock)` — Ends a lock, which nobody may have.
 *
 * @see https://man7.org/linux/man-pages/man3/pthread_rwlock_destroy.3p.html
 */
export function pthreadRwlockDestroy(rwlock: number): void {
  checkSize("rwlock", rwlock);
  check("pthread_rwlock_destroy", calls().pthread_rwlock_destroy(rwlock));
}

/**
 * `int pthread_rwlock_rdlock(pthread_rwlock_t *rwlock)` — Takes the lock to read, together with other readers, and blocks the thread
 * while a writer has it.
 *
 * @throws {SystemError} `EAGAIN` too many readers
 * @throws {SystemError} `EDEADLK` this thread has it to write
 * @see https://man7.org/linux/man-pages/man3/pthread_rwlock_rdlock.3p.html
 */
export function pthreadRwlockRdlock(rwlock: number): void {
  checkSize("rwlock", rwlock);
  check("pthread_rwlock_rdlock", calls().pthread_rwlock_rdlock(rwlock));
}

/**
 * `int pthread_rwlock_tryrdlock(pthread_rwlock_t *rwlock)` — Takes the lock to read, if no writer has it.
 *
 * @returns 0, or {@link WOULD_BLOCK}
 * @throws {SystemError} `EAGAIN` too many readers
 * @see https://man7.org/linux/man-pages/man3/pthread_rwlock_rdlock.3p.html
 */
export function pthreadRwlockTryrdlock(rwlock: number): number {
  checkSize("rwlock", rwlock);
  return outcome("pthread_rwlock_tryrdlock", calls().pthread_rwlock_tryrdlock(rwlock));
}

/**
 * `int pthread_rwlock_timedrdlock(pthread_rwlock_t *rwlock, const struct timespec *abstime)` — {@link pthreadRwlockRdlock}, which waits
 * at most so long, by `CLOCK_REALTIME`.
 *
 * @param timeout milliseconds, also fractions; `Infinity` waits for ever
 * @returns 0, or {@link TIMED_OUT}
 * @throws {SystemError} as {@link pthreadRwlockRdlock}
 * @see https://man7.org/linux/man-pages/man3/pthread_rwlock_timedrdlock.3p.html
 */
export function pthreadRwlockTimedrdlock(rwlock: number, timeout: number): number {
  checkSize("rwlock", rwlock);
  checkTimeout(timeout);
  if (isForEver(timeout)) {
    pthreadRwlockRdlock(rwlock);
    return 0;
  }
  const until = deadline(CLOCK_REALTIME, timeout);
  return outcome("pthread_rwlock_timedrdlock", calls().pthread_rwlock_timedrdlock(rwlock, until));
}

/**
 * `int pthread_rwlock_clockrdlock(pthread_rwlock_t *rwlock, clockid_t clock, const struct timespec *abstime)` —
 * {@link pthreadRwlockRdlock}, which waits at most so long by a clock.
 *
 * @param clock `CLOCK_MONOTONIC` or `CLOCK_REALTIME`
 * @param timeout milliseconds, also fractions; `Infinity` waits for ever
 * @returns 0, or {@link TIMED_OUT}
 * @throws {SystemError} `EINVAL` another clock, or as {@link pthreadRwlockRdlock}
 * @throws {IpcError} `IPC_UNSUPPORTED` glibc is older than 2.30
 * @see https://sourceware.org/glibc/manual/latest/html_node/Waiting-with-Explicit-Clocks.html
 */
export function pthreadRwlockClockrdlock(rwlock: number, clock: number, timeout: number): number {
  checkSize("rwlock", rwlock);
  checkInt32("clock", clock);
  checkTimeout(timeout);
  if (isForEver(timeout)) {
    pthreadRwlockRdlock(rwlock);
    return 0;
  }
  const until = deadline(clock, timeout);
  const errno = clockCalls().pthread_rwlock_clockrdlock(rwlock, clock, until);
  return outcome("pthread_rwlock_clockrdlock", errno);
}

/**
 * `int pthread_rwlock_wrlock(pthread_rwlock_t *rwlock)` — Takes the lock to write, alone, and blocks the thread while anybody has it.
 *
 * @throws {SystemError} `EDEADLK` this thread has it to write
 * @see https://man7.org/linux/man-pages/man3/pthread_rwlock_wrlock.3p.html
 */
export function pthreadRwlockWrlock(rwlock: number): void {
  checkSize("rwlock", rwlock);
  check("pthread_rwlock_wrlock", calls().pthread_rwlock_wrlock(rwlock));
}

/**
 * `int pthread_rwlock_trywrlock(pthread_rwlock_t *rwlock)` — Takes the lock to write, if nobody has it.
 *
 * @returns 0, or {@link WOULD_BLOCK}
 * @see https://man7.org/linux/man-pages/man3/pthread_rwlock_wrlock.3p.html
 */
export function pthreadRwlockTrywrlock(rwlock: number): number {
  checkSize("rwlock", rwlock);
  return outcome("pthread_rwlock_trywrlock", calls().pthread_rwlock_trywrlock(rwlock));
}

/**
 * `int pthread_rwlock_timedwrlock(pthread_rwlock_t *rwlock, const struct timespec *abstime)` — {@link pthreadRwlockWrlock}, which waits
 * at most so long, by `CLOCK_REALTIME`.
 *
 * @param timeout milliseconds, also fractions; `Infinity` waits for ever
 * @returns 0, or {@link TIMED_OUT}
 * @throws {SystemError} as {@link pthreadRwlockWrlock}
 * @see https://man7.org/linux/man-pages/man3/pthread_rwlock_timedwrlock.3p.html
 */
export function pthreadRwlockTimedwrlock(rwlock: number, timeout: number): number {
  checkSize("rwlock", rwlock);
  checkTimeout(timeout);
  if (isForEver(timeout)) {
    pthreadRwlockWrlock(rwlock);
    return 0;
  }
  const until = deadline(CLOCK_REALTIME, timeout);
  return outcome("pthread_rwlock_timedwrlock", calls().pthread_rwlock_timedwrlock(rwlock, until));
}

/**
 * `int pthread_rwlock_clockwrlock(pthread_rwlock_t *rwlock, clockid_t clock, const struct timespec *abstime)` —
 * {@link pthreadRwlockWrlock}, which waits at most so long by a clock.
 *
 * @param clock `CLOCK_MONOTONIC` or `CLOCK_REALTIME`
 * @param timeout milliseconds, also fractions; `Infinity` waits for ever
 * @returns 0, or {@link TIMED_OUT}
 * @throws {SystemError} `EINVAL` another clock, or as {@link pthreadRwlockWrlock}
 * @throws {IpcError} `IPC_UNSUPPORTED` glibc is older than 2.30
 * @see https://sourceware.org/glibc/manual/latest/html_node/Waiting-with-Explicit-Clocks.html
 */
export function pthreadRwlockClockwrlock(rwlock: number, clock: number, timeout: number): number {
  checkSize("rwlock", rwlock);
  checkInt32("clock", clock);
  checkTimeout(timeout);
  if (isForEver(timeout)) {
    pthreadRwlockWrlock(rwlock);
    return 0;
  }
  const until = deadline(clock, timeout);
  const errno = clockCalls().pthread_rwlock_clockwrlock(rwlock, clock, until);
  return outcome("pthread_rwlock_clockwrlock", errno);
}

/**
 * `int pthread_rwlock_unlock(pthread_rwlock_t *rwlock)` — Gives up what this thread has, to read or to write. Nothing checks that it has.
 *
 * @see https://man7.org/linux/man-pages/man3/pthread_rwlock_unlock.3p.html
 */
export function pthreadRwlockUnlock(rwlock: number): void {
  checkSize("rwlock", rwlock);
  check("pthread_rwlock_unlock", calls().pthread_rwlock_unlock(rwlock));
}

function check(syscall: string, errno: number): void {
  if (errno !== 0) throw new SystemError(syscall, errno);
}

function outcome(syscall: string, errno: number): number {
  if (errno === 0) return 0;
  if (errno === EBUSY) return WOULD_BLOCK;
  if (errno === ETIMEDOUT) return TIMED_OUT;
  throw new SystemError(syscall, errno);
}
