import { CLOCK_REALTIME } from "./abi/current.ts";
import { EAGAIN, EINTR, ETIMEDOUT } from "./abi/errno.ts";
import { lazyBind } from "./bind.ts";
import { cString } from "./c-string.ts";
import { checkInt32, checkSize, checkTimeout, checkUint32 } from "./check.ts";
import { INTERRUPTED, TIMED_OUT, WOULD_BLOCK } from "./results.ts";
import { scratch } from "./scratch.ts";
import { failedCall, lastErrno, SystemError } from "./system-error.ts";
import { deadline, isForEver } from "./timespec.ts";

/**
 * POSIX semaphores: counters at a native address, from {@link semOpen}, or made by {@link semInit} in memory of the caller's, which
 * has to stay mapped meanwhile. A wrong address destroys other memory of the process, and the process with it.
 */

const calls = lazyBind({
  // sem_open(3) is variadic in C; see fd.ts
  sem_open: { parameters: ["buffer", "i32", "u32", "u32"], result: "pointer" },
  sem_close: { parameters: ["pointer"], result: "i32" },
  sem_unlink: { parameters: ["buffer"], result: "i32" },
  sem_init: { parameters: ["pointer", "i32", "u32"], result: "i32" },
  sem_destroy: { parameters: ["pointer"], result: "i32" },
  sem_wait: { parameters: ["pointer"], result: "i32" },
  sem_trywait: { parameters: ["pointer"], result: "i32" },
  sem_timedwait: { parameters: ["pointer", "pointer"], result: "i32" },
  sem_post: { parameters: ["pointer"], result: "i32" },
  sem_getvalue: { parameters: ["pointer", "buffer"], result: "i32" },
});

// glibc before 2.30 has none
const clockCalls = lazyBind({
  sem_clockwait: { parameters: ["pointer", "i32", "pointer"], result: "i32" },
});

/**
 * `sem_t *sem_open(const char *name, int oflag, mode_t mode, unsigned int value)` — Opens a named semaphore: a file of `/dev/shm`
 * whose name is `sem.` and the name's. It stays until {@link semUnlink} or the next boot. Nothing checks what is in such a file.
 *
 * @param name such as `"/turn"`: a slash at the beginning and none after it
 * @param flags `O_CREAT`, `O_EXCL`, or 0
 * @param mode permission bits of a semaphore that is created, less the umask; who may not write may not open it
 * @param value of a semaphore that is created
 * @returns native address, the same for every open of that name in this process; to be closed as many times with {@link semClose}
 * @throws {SystemError} `EACCES` no permission
 * @throws {SystemError} `EEXIST` `O_CREAT | O_EXCL` and there is one
 * @throws {SystemError} `EINVAL` a value beyond `SEM_VALUE_MAX`, or a name that is not allowed
 * @throws {SystemError} `EMFILE`, `ENFILE` the limit of open descriptors of the process, or of the system
 * @throws {SystemError} `ENAMETOOLONG` the name is longer than 251 bytes. glibc 2.36 says `EINVAL`
 * @throws {SystemError} `ENOENT` no semaphore of that name
 * @throws {SystemError} `ENOMEM`, `ENOSPC` no memory, or no space for the new semaphore
 * @throws {RangeError} the name holds a NUL character
 * @see https://man7.org/linux/man-pages/man3/sem_open.3.html
 *
 * @example Count down to nothing
 * ```ts
 * import { O_CREAT, semClose, semOpen, semTrywait, semUnlink, WOULD_BLOCK } from "millrace/ffi";
 *
 * const semaphore = semOpen("/sem-open-example", O_CREAT, 0o600, 1);
 * console.log(semTrywait(semaphore)); // 0
 * console.log(semTrywait(semaphore) === WOULD_BLOCK); // true
 * semClose(semaphore);
 * semUnlink("/sem-open-example");
 * ```
 */
export function semOpen(name: string, flags: number, mode = 0o600, value = 0): number {
  checkInt32("flags", flags);
  checkUint32("mode", mode);
  checkUint32("value", value);
  const cName = cString(name);
  for (;;) {
    const semaphore: number = calls().sem_open(cName, flags, mode, value);
    if (semaphore !== 0) return semaphore;
    const errno = lastErrno();
    if (errno !== EINTR) throw new SystemError("sem_open", errno, name);
  }
}

/**
 * `int sem_close(sem_t *sem)` — Closes a named semaphore. After the last close of that name in this process its address is not valid.
 *
 * @throws {SystemError} `EINVAL` not the address of a named semaphore that is open
 * @see https://man7.org/linux/man-pages/man3/sem_close.3.html
 */
export function semClose(semaphore: number): void {
  checkSize("semaphore", semaphore);
  if (calls().sem_close(semaphore) !== 0) throw failedCall("sem_close");
}

/**
 * `int sem_unlink(const char *name)` — Removes the name of a semaphore. Who has it open keeps it.
 *
 * @throws {SystemError} `EACCES` no permission, also for the semaphore of another user
 * @throws {SystemError} `ENAMETOOLONG` the name is too long. glibc 2.36 says `ENOENT`
 * @throws {SystemError} `ENOENT` no semaphore of that name, or a name that is not allowed
 * @throws {RangeError} the name holds a NUL character
 * @see https://man7.org/linux/man-pages/man3/sem_unlink.3.html
 */
export function semUnlink(name: string): void {
  if (calls().sem_unlink(cString(name)) !== 0) throw failedCall("sem_unlink", name);
}

/**
 * `int sem_init(sem_t *sem, int pshared, unsigned int value)` — Makes a semaphore without a name, shared between processes, in memory
 * of `SEM_T.sizeof` bytes.
 *
 * @param semaphore native address, a multiple of 8, in memory that the processes share
 * @throws {SystemError} `EINVAL` a value beyond `SEM_VALUE_MAX`
 * @see https://man7.org/linux/man-pages/man3/sem_init.3.html
 */
export function semInit(semaphore: number, value: number): void {
  checkSize("semaphore", semaphore);
  checkUint32("value", value);
  if (calls().sem_init(semaphore, 1, value) !== 0) throw failedCall("sem_init");
}

/**
 * `int sem_destroy(sem_t *sem)` — Ends a semaphore of {@link semInit}, for which nobody may wait.
 *
 * @see https://man7.org/linux/man-pages/man3/sem_destroy.3.html
 */
export function semDestroy(semaphore: number): void {
  checkSize("semaphore", semaphore);
  if (calls().sem_destroy(semaphore) !== 0) throw failedCall("sem_destroy");
}

/**
 * `int sem_wait(sem_t *sem)` — Takes one from the value, and blocks the thread while it is 0.
 *
 * @returns 0 when taken, {@link INTERRUPTED} when a signal ended the wait
 * @see https://man7.org/linux/man-pages/man3/sem_wait.3.html
 */
export function semWait(semaphore: number): number {
  checkSize("semaphore", semaphore);
  return outcome("sem_wait", calls().sem_wait(semaphore));
}

/**
 * `int sem_trywait(sem_t *sem)` — Takes one from the value, if it is not 0.
 *
 * @returns 0 when taken, {@link WOULD_BLOCK} when the value is 0
 * @see https://man7.org/linux/man-pages/man3/sem_wait.3.html
 */
export function semTrywait(semaphore: number): number {
  checkSize("semaphore", semaphore);
  return outcome("sem_trywait", calls().sem_trywait(semaphore));
}

/**
 * `int sem_timedwait(sem_t *sem, const struct timespec *abs_timeout)` — {@link semWait}, which waits at most so long by
 * `CLOCK_REALTIME`: when somebody sets the clock meanwhile, longer or shorter. {@link semClockwait} does not depend on that.
 *
 * @param timeout milliseconds, also fractions; `Infinity` waits for ever
 * @returns 0 when taken, {@link TIMED_OUT}, {@link INTERRUPTED} when a signal ended the wait
 * @see https://man7.org/linux/man-pages/man3/sem_wait.3.html
 */
export function semTimedwait(semaphore: number, timeout: number): number {
  checkSize("semaphore", semaphore);
  checkTimeout(timeout);
  if (isForEver(timeout)) return semWait(semaphore);
  return outcome("sem_timedwait", calls().sem_timedwait(semaphore, deadline(CLOCK_REALTIME, timeout)));
}

/**
 * `int sem_clockwait(sem_t *sem, clockid_t clockid, const struct timespec *abs_timeout)` — {@link semWait}, which waits at most so long
 * by a clock.
 *
 * @param clock `CLOCK_MONOTONIC` or `CLOCK_REALTIME`
 * @param timeout milliseconds, also fractions; `Infinity` waits for ever
 * @returns 0 when taken, {@link TIMED_OUT}, {@link INTERRUPTED} when a signal ended the wait
 * @throws {SystemError} `EINVAL` another clock
 * @throws {IpcError} `IPC_UNSUPPORTED` glibc is older than 2.30
 * @see https://sourceware.org/glibc/manual/latest/html_node/Waiting-with-Explicit-Clocks.html
 */
export function semClockwait(semaphore: number, clock: number, timeout: number): number {
  checkSize("semaphore", semaphore);
  checkTimeout(timeout);
  if (isForEver(timeout)) return semWait(semaphore);
  const timespec = deadline(clock, timeout);
  return outcome("sem_clockwait", clockCalls().sem_clockwait(semaphore, clock, timespec));
}

/**
 * `int sem_post(sem_t *sem)` — Adds one to the value, and wakes a thread that waits.
 *
 * @throws {SystemError} `EOVERFLOW` the value is `SEM_VALUE_MAX`
 * @see https://man7.org/linux/man-pages/man3/sem_post.3.html
 */
export function semPost(semaphore: number): void {
  checkSize("semaphore", semaphore);
  if (calls().sem_post(semaphore) !== 0) throw failedCall("sem_post");
}

/**
 * `int sem_getvalue(sem_t *sem, int *sval)` — The value, 0 while somebody waits.
 *
 * @see https://man7.org/linux/man-pages/man3/sem_getvalue.3.html
 */
export function semGetvalue(semaphore: number): number {
  checkSize("semaphore", semaphore);
  if (calls().sem_getvalue(semaphore, scratch) !== 0) throw failedCall("sem_getvalue");
  return scratch.getInt32(0, true);
}

function outcome(syscall: string, result: number): number {
  if (result === 0) return 0;
  const errno = lastErrno();
  if (errno === EINTR) return INTERRUPTED;
  if (errno === EAGAIN) return WOULD_BLOCK;
  if (errno === ETIMEDOUT) return TIMED_OUT;
  throw new SystemError(syscall, errno);
}
