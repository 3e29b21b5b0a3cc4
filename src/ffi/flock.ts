import { LOCK_NB } from "./abi/current.ts";
import { EAGAIN, EINTR } from "./abi/errno.ts";
import { lazyBind } from "./bind.ts";
import { checkInt32 } from "./check.ts";
import { WOULD_BLOCK } from "./results.ts";
import { lastErrno, SystemError } from "./system-error.ts";

const calls = lazyBind({
  flock: { parameters: ["i32", "i32"], result: "i32" },
});

/**
 * `int flock(int fd, int operation)` — Locks a whole file, or gives its lock up. Also a directory can be locked, and a file that is open
 * for reading only, which `tryLock` cannot. The lock is the open file's: duplicates share it, and it goes when the last of them is closed.
 * It has nothing to do with the locks of `tryLock`. Goes on when a signal interrupts it.
 *
 * @param operation `LOCK_SH`, `LOCK_EX` or `LOCK_UN`; with `LOCK_NB` it does not wait
 * @returns 0, or `WOULD_BLOCK` with `LOCK_NB` when another open file has a lock that conflicts
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `EINVAL` no such operation
 * @throws {SystemError} `ENOLCK` no memory for the lock
 * @see https://man7.org/linux/man-pages/man2/flock.2.html
 *
 * @example Only one at a time in a folder
 * ```ts
 * import { close, flock, LOCK_EX, O_DIRECTORY, O_RDONLY, open } from "millrace/ffi";
 *
 * const folder = open("/tmp", O_RDONLY | O_DIRECTORY);
 * console.log(flock(folder, LOCK_EX)); // 0
 * close(folder); // which gives it up
 * ```
 */
export function flock(fd: number, operation: number): number {
  checkInt32("fd", fd);
  checkInt32("operation", operation);
  for (;;) {
    if (calls().flock(fd, operation) === 0) return 0;
    const errno = lastErrno();
    if (errno === EAGAIN && (operation & LOCK_NB) !== 0) return WOULD_BLOCK;
    if (errno !== EINTR) throw new SystemError("flock", errno);
  }
}
