import {
  CLOCK_REALTIME,
  PTHREAD_MUTEX_ERRORCHECK,
  PTHREAD_MUTEX_NORMAL,
  PTHREAD_MUTEX_RECURSIVE,
  PTHREAD_MUTEX_ROBUST,
  PTHREAD_PROCESS_SHARED,
} from "./abi/current.ts";
import { EBUSY, EOWNERDEAD, ETIMEDOUT } from "./abi/errno.ts";
import { lazyBind } from "./bind.ts";
import { checkSize, checkTimeout } from "./check.ts";
import { TIMED_OUT, WOULD_BLOCK } from "./results.ts";
import { scratch } from "./scratch.ts";
import { SystemError } from "./system-error.ts";
import { deadline, isForEver } from "./timespec.ts";

/**
 * The C library's mutexes, shared between processes, in memory of the caller's: native addresses, multiples of 8, that stay mapped
 * while the mutex is used. Its owner is a thread, so only the thread that locked one may unlock it. A wrong address destroys
 * other memory of the process, and the process with it. Signals do not end these waits.
 *
 * Results from 0 say that the caller has the lock, negative ones that it has not.
 */

// these functions return the errno
const calls = lazyBind({
  pthread_mutexattr_init: { parameters: ["buffer"], result: "i32" },
  pthread_mutexattr_setpshared: { parameters: ["buffer", "i32"], result: "i32" },
  pthread_mutexattr_setrobust: { parameters: ["buffer", "i32"], result: "i32" },
  pthread_mutexattr_settype: { parameters: ["buffer", "i32"], result: "i32" },
  pthread_mutexattr_destroy: { parameters: ["buffer"], result: "i32" },
  pthread_mutex_init: { parameters: ["pointer", "buffer"], result: "i32" },
  pthread_mutex_destroy: { parameters: ["pointer"], result: "i32" },
  pthread_mutex_lock: { parameters: ["pointer"], result: "i32" },
  pthread_mutex_trylock: { parameters: ["pointer"], result: "i32" },
  pthread_mutex_timedlock: { parameters: ["pointer", "pointer"], result: "i32" },
  pthread_mutex_unlock: { parameters: ["pointer"], result: "i32" },
  pthread_mutex_consistent: { parameters: ["pointer"], result: "i32" },
});

// glibc before 2.30 has none
const clockCalls = lazyBind({
  pthread_mutex_clocklock: { parameters: ["pointer", "i32", "pointer"], result: "i32" },
});

/** The lock was taken, but its owner ended while it had it (`EOWNERDEAD`): repair the data, then {@link pthreadMutexConsistent}. */
export const OWNER_DIED = 1;

/** How a mutex behaves. */
export interface MutexAttributes {
  /** Whether the next one gets the lock, and {@link OWNER_DIED}, when its owner ends with it; else that one waits for ever. */
  robust?: boolean;
  /** What locking it again does: wait for ever, be `EDEADLK`, or count. */
  type?: "normal" | "errorcheck" | "recursive";
}

/**
 * `int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attr)` — Makes a mutex, shared between processes, in
 * memory of `PTHREAD_MUTEX.sizeof` bytes.
 *
 * @param mutex native address, where no mutex is
 * @throws {SystemError} `EAGAIN`, `ENOMEM` not enough of a resource
 * @throws {SystemError} `ENOTSUP` the kernel has no robust mutexes
 * @see https://man7.org/linux/man-pages/man3/pthread_mutex_init.3p.html
 */
export function pthreadMutexInit(mutex: number, { robust = false, type = "normal" }: MutexAttributes = {}): void {
  checkSize("mutex", mutex);
  const kind = TYPES[type];
  if (kind === undefined)
    throw new TypeError(`type is ${JSON.stringify(type)}, but must be "normal", "errorcheck" or "recursive"`);
  const c = calls();
  check("pthread_mutexattr_init", c.pthread_mutexattr_init(scratch));
  try {
    check("pthread_mutexattr_setpshared", c.pthread_mutexattr_setpshared(scratch, PTHREAD_PROCESS_SHARED));
    if (robust) check("pthread_mutexattr_setrobust", c.pthread_mutexattr_setrobust(scratch, PTHREAD_MUTEX_ROBUST));
    check("pthread_mutexattr_settype", c.pthread_mutexattr_settype(scratch, kind));
    check("pthread_mutex_init", c.pthread_mutex_init(mutex, scratch));
  } finally {
    c.pthread_mutexattr_destroy(scratch);
  }
}

/**
 * `int pthread_mutex_destroy(pthread_mutex_t *mutex)` — Ends a mutex.
 *
 * @throws {SystemError} `EBUSY` it is locked
 * @see https://man7.org/linux/man-pages/man3/pthread_mutex_destroy.3p.html
 */
export function pthreadMutexDestroy(mutex: number): void {
  checkSize("mutex", mutex);
  check("pthread_mutex_destroy", calls().pthread_mutex_destroy(mutex));
}

/**
 * `int pthread_mutex_lock(pthread_mutex_t *mutex)` — Takes the lock, and blocks the thread until it is free.
 *
 * @returns 0, or {@link OWNER_DIED}
 * @throws {SystemError} `EAGAIN` locked too often (`recursive`)
 * @throws {SystemError} `EDEADLK` this thread has it (`errorcheck`)
 * @throws {SystemError} `ENOTRECOVERABLE` it was unlocked after {@link OWNER_DIED} without {@link pthreadMutexConsistent}
 * @see https://man7.org/linux/man-pages/man3/pthread_mutex_lock.3p.html
 */
export function pthreadMutexLock(mutex: number): number {
  checkSize("mutex", mutex);
  return outcome("pthread_mutex_lock", calls().pthread_mutex_lock(mutex));
}

/**
 * `int pthread_mutex_trylock(pthread_mutex_t *mutex)` — Takes the lock if it is free.
 *
 * @returns 0, {@link OWNER_DIED}, or {@link WOULD_BLOCK} when somebody has it, also this thread unless it is `recursive`
 * @throws {SystemError} `EAGAIN` locked too often (`recursive`)
 * @throws {SystemError} `EDEADLK` this thread has it (`errorcheck` and `robust`)
 * @throws {SystemError} `ENOTRECOVERABLE` as {@link pthreadMutexLock}
 * @see https://man7.org/linux/man-pages/man3/pthread_mutex_trylock.3p.html
 */
export function pthreadMutexTrylock(mutex: number): number {
  checkSize("mutex", mutex);
  return outcome("pthread_mutex_trylock", calls().pthread_mutex_trylock(mutex));
}

/**
 * `int pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *abstime)` — {@link pthreadMutexLock}, which waits at most
 * so long by `CLOCK_REALTIME`: when somebody sets the clock meanwhile, longer or shorter. {@link pthreadMutexClocklock} does not
 * depend on that.
 *
 * @param timeout milliseconds, also fractions; `Infinity` waits for ever
 * @returns 0, {@link OWNER_DIED}, or {@link TIMED_OUT}
 * @throws {SystemError} as {@link pthreadMutexLock}
 * @see https://man7.org/linux/man-pages/man3/pthread_mutex_timedlock.3p.html
 */
export function pthreadMutexTimedlock(mutex: number, timeout: number): number {
  checkSize("mutex", mutex);
  checkTimeout(timeout);
  if (isForEver(timeout)) return pthreadMutexLock(mutex);
  const until = deadline(CLOCK_REALTIME, timeout);
  return outcome("pthread_mutex_timedlock", calls().pthread_mutex_timedlock(mutex, until));
}

/**
 * `int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *abstime)` — {@link pthreadMutexLock},
 * which waits at most so long by a clock.
 *
 * @param clock `CLOCK_MONOTONIC` or `CLOCK_REALTIME`
 * @param timeout milliseconds, also fractions; `Infinity` waits for ever
 * @returns 0, {@link OWNER_DIED}, or {@link TIMED_OUT}
 * @throws {SystemError} `EINVAL` another clock, or as {@link pthreadMutexLock}
 * @throws {IpcError} `IPC_UNSUPPORTED` glibc is older than 2.30
 * @see https://sourceware.org/glibc/manual/latest/html_node/Waiting-with-Explicit-Clocks.html
 */
export function pthreadMutexClocklock(mutex: number, clock: number, timeout: number): number {
  checkSize("mutex", mutex);
  checkTimeout(timeout);
  if (isForEver(timeout)) return pthreadMutexLock(mutex);
  const until = deadline(clock, timeout);
  return outcome("pthread_mutex_clocklock", clockCalls().pthread_mutex_clocklock(mutex, clock, until));
}

/**
 * `int pthread_mutex_unlock(pthread_mutex_t *mutex)` — Gives the lock up. After {@link OWNER_DIED} without
 * {@link pthreadMutexConsistent} the mutex is of no use to anybody any more.
 *
 * @throws {SystemError} `EPERM` this thread has not locked it (`robust`, `errorcheck`, `recursive`)
 * @see https://man7.org/linux/man-pages/man3/pthread_mutex_unlock.3p.html
 */
export function pthreadMutexUnlock(mutex: number): void {
  checkSize("mutex", mutex);
  check("pthread_mutex_unlock", calls().pthread_mutex_unlock(mutex));
}

/**
 * `int pthread_mutex_consistent(pthread_mutex_t *mutex)` — Says, after {@link OWNER_DIED} and before unlocking, that the data is right
 * again.
 *
 * @throws {SystemError} `EINVAL` not a robust mutex whose owner has died
 * @see https://man7.org/linux/man-pages/man3/pthread_mutex_consistent.3.html
 */
export function pthreadMutexConsistent(mutex: number): void {
  checkSize("mutex", mutex);
  check("pthread_mutex_consistent", calls().pthread_mutex_consistent(mutex));
}

const TYPES: Readonly<Record<string, number>> = {
  normal: PTHREAD_MUTEX_NORMAL,
  errorcheck: PTHREAD_MUTEX_ERRORCHECK,
  recursive: PTHREAD_MUTEX_RECURSIVE,
};

function check(syscall: string, errno: number): void {
  if (errno !== 0) throw new SystemError(syscall, errno);
}

function outcome(syscall: string, errno: number): number {
  if (errno === 0) return 0;
  if (errno === EOWNERDEAD) return OWNER_DIED;
  if (errno === EBUSY) return WOULD_BLOCK;
  if (errno === ETIMEDOUT) return TIMED_OUT;
  throw new SystemError(syscall, errno);
}
