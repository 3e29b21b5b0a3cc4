import { CLOCK_MONOTONIC, PTHREAD_PROCESS_SHARED } from "./abi/current.ts";
import { EOWNERDEAD, ETIMEDOUT } from "./abi/errno.ts";
import { lazyBind } from "./bind.ts";
import { checkInt32, checkSize, checkTimeout } from "./check.ts";
import { OWNER_DIED } from "./pthread-mutex.ts";
import { TIMED_OUT } from "./results.ts";
import { scratch } from "./scratch.ts";
import { SystemError } from "./system-error.ts";
import { deadline, isForEver } from "./timespec.ts";

/**
 * The C library's condition variables, shared between processes, in memory of the caller's: native addresses, multiples of 8, that
 * stay mapped while the condition is used. A process that is killed while it waits may leave a condition on which
 * {@link pthreadCondDestroy} waits for ever. Signals do not end these waits.
 */

// these functions return the errno
const calls = lazyBind({
  pthread_condattr_init: { parameters: ["buffer"], result: "i32" },
  pthread_condattr_setpshared: { parameters: ["buffer", "i32"], result: "i32" },
  pthread_condattr_setclock: { parameters: ["buffer", "i32"], result: "i32" },
  pthread_condattr_destroy: { parameters: ["buffer"], result: "i32" },
  pthread_cond_init: { parameters: ["pointer", "buffer"], result: "i32" },
  pthread_cond_destroy: { parameters: ["pointer"], result: "i32" },
  pthread_cond_wait: { parameters: ["pointer", "pointer"], result: "i32" },
  pthread_cond_timedwait: { parameters: ["pointer", "pointer", "pointer"], result: "i32" },
  pthread_cond_signal: { parameters: ["pointer"], result: "i32" },
  pthread_cond_broadcast: { parameters: ["pointer"], result: "i32" },
});

// glibc before 2.30 has none
const clockCalls = lazyBind({
  pthread_cond_clockwait: { parameters: ["pointer", "pointer", "i32", "pointer"], result: "i32" },
});

/**
 * `int pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attr)` — Makes a condition, shared between processes, in
 * memory of `PTHREAD_COND.sizeof` bytes.
 *
 * @param cond native address, where no condition is
 * @param clock of {@link pthreadCondTimedwait}: `CLOCK_MONOTONIC` or `CLOCK_REALTIME`
 * @throws {SystemError} `EAGAIN`, `ENOMEM` not enough of a resource
 * @throws {SystemError} `EINVAL` another clock
 * @see https://man7.org/linux/man-pages/man3/pthread_cond_init.3p.html
 */
export function pthreadCondInit(cond: number, clock: number = CLOCK_MONOTONIC): void {
  checkSize("cond", cond);
  checkInt32("clock", clock);
  const c = calls();
  check("pthread_condattr_init", c.pthread_condattr_init(scratch));
  try {
    check("pthread_condattr_setpshared", c.pthread_condattr_setpshared(scratch, PTHREAD_PROCESS_SHARED));
    check("pthread_condattr_setclock", c.pthread_condattr_setclock(scratch, clock));
    check("pthread_cond_init", c.pthread_cond_init(cond, scratch));
  } finally {
    c.pthread_condattr_destroy(scratch);
  }
}

/**
 * `int pthread_cond_destroy(pthread_cond_t *cond)` — Ends a condition. Blocks the thread until everybody who was woken has gone on.
 *
 * @see https://man7.org/linux/man-pages/man3/pthread_cond_destroy.3p.html
 */
export function pthreadCondDestroy(cond: number): void {
  checkSize("cond", cond);
  check("pthread_cond_destroy", calls().pthread_cond_destroy(cond));
}

/**
 * `int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)` — Gives the mutex up, blocks the thread until it is woken, and
 * takes the mutex again. It may also return without a reason, so look at what was waited for.
 *
 * @param mutex locked by this thread
 * @returns 0, or {@link OWNER_DIED} of the mutex; this thread has it in both cases
 * @throws {SystemError} `ENOTRECOVERABLE` of the mutex, which this thread does not have then
 * @throws {SystemError} `EPERM` this thread has not locked the mutex (`robust`, `errorcheck`)
 * @see https://man7.org/linux/man-pages/man3/pthread_cond_wait.3p.html
 */
export function pthreadCondWait(cond: number, mutex: number): number {
  checkSize("cond", cond);
  checkSize("mutex", mutex);
  return outcome("pthread_cond_wait", calls().pthread_cond_wait(cond, mutex));
}

/**
 * `int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *abstime)` —
 * {@link pthreadCondWait}, which waits at most so long. To take the mutex again may take longer.
 *
 * @param timeout milliseconds, also fractions; `Infinity` waits for ever
 * @param clock the one that the condition was made with
 * @returns 0, {@link OWNER_DIED} of the mutex, or {@link TIMED_OUT}; this thread has the mutex in all cases
 * @throws {SystemError} as {@link pthreadCondWait}
 * @see https://man7.org/linux/man-pages/man3/pthread_cond_timedwait.3p.html
 */
export function pthreadCondTimedwait(
  cond: number,
  mutex: number,
  timeout: number,
  clock: number = CLOCK_MONOTONIC,
): number {
  checkSize("cond", cond);
  checkSize("mutex", mutex);
  checkTimeout(timeout);
  if (isForEver(timeout)) return pthreadCondWait(cond, mutex);
  const until = deadline(clock, timeout);
  return outcome("pthread_cond_timedwait", calls().pthread_cond_timedwait(cond, mutex, until));
}

/**
 * `int pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock, const struct timespec *abstime)` —
 * {@link pthreadCondTimedwait} by a clock of the caller's, whichever one the condition was made with.
 *
 * @param clock `CLOCK_MONOTONIC` or `CLOCK_REALTIME`
 * @param timeout milliseconds, also fractions; `Infinity` waits for ever
 * @returns 0, {@link OWNER_DIED} of the mutex, or {@link TIMED_OUT}; this thread has the mutex in all cases
 * @throws {SystemError} `EINVAL` another clock, or as {@link pthreadCondWait}
 * @throws {IpcError} `IPC_UNSUPPORTED` glibc is older than 2.30
 * @see https://sourceware.org/glibc/manual/latest/html_node/Waiting-with-Explicit-Clocks.html
 */
export function pthreadCondClockwait(cond: number, mutex: number, clock: number, timeout: number): number {
  checkSize("cond", cond);
  checkSize("mutex", mutex);
  checkInt32("clock", clock);
  checkTimeout(timeout);
  if (isForEver(timeout)) return pthreadCondWait(cond, mutex);
  const until = deadline(clock, timeout);
  return outcome("pthread_cond_clockwait", clockCalls().pthread_cond_clockwait(cond, mutex, clock, until));
}

/**
 * `int pthread_cond_signal(pthread_cond_t *cond)` — Wakes at least one thread, of any process, that waits.
 *
 * @see https://man7.org/linux/man-pages/man3/pthread_cond_signal.3p.html
 */
export function pthreadCondSignal(cond: number): void {
  checkSize("cond", cond);
  check("pthread_cond_signal", calls().pthread_cond_signal(cond));
}

/**
 * `int pthread_cond_broadcast(pthread_cond_t *cond)` — Wakes all threads, of all processes, that wait.
 *
 * @see https://man7.org/linux/man-pages/man3/pthread_cond_broadcast.3p.html
 */
export function pthreadCondBroadcast(cond: number): void {
  checkSize("cond", cond);
  check("pthread_cond_broadcast", calls().pthread_cond_broadcast(cond));
}

function check(syscall: string, errno: number): void {
  if (errno !== 0) throw new SystemError(syscall, errno);
}

function outcome(syscall: string, errno: number): number {
  if (errno === 0) return 0;
  if (errno === EOWNERDEAD) return OWNER_DIED;
  if (errno === ETIMEDOUT) return TIMED_OUT;
  throw new SystemError(syscall, errno);
}
