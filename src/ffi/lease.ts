import { F_SETLEASE, F_SETSIG, F_UNLCK, F_WRLCK, SIGURG } from "./abi/current.ts";
import { EAGAIN } from "./abi/errno.ts";
import { lazyBind } from "./bind.ts";
import { checkInt32 } from "./check.ts";
import { failedCall, lastErrno, SystemError } from "./system-error.ts";

// fcntl(2) is variadic in C; on Linux, x86-64 and arm64, that makes no difference to the call
const calls = lazyBind({
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
});

/**
 * `fcntl(fd, F_SETLEASE, F_WRLCK)` — Whether somebody else has this file open for writing, or mapped from such an open, whichever process
 * and user that is: only the sole opener gets the lease, which is given back at once. Others that have it open only to read may not
 * count, by how the kernel was built.
 *
 * @param fd a regular file of this user's, open for reading and writing, once in this process
 * @returns false when there is another
 * @throws {SystemError} `EACCES` the file is another user's
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `EINVAL` not a regular file, or a file system without leases
 * @see https://man7.org/linux/man-pages/man2/F_SETLEASE.2const.html
 */
export function isSoleOpener(fd: number): boolean {
  checkInt32("fd", fd);
  // who opens the file in between makes the kernel send a signal, by default SIGIO, which would end the process
  if (calls().fcntl(fd, F_SETSIG, SIGURG) !== 0) throw failedCall("fcntl");
  if (calls().fcntl(fd, F_SETLEASE, F_WRLCK) !== 0) {
    const errno = lastErrno();
    if (errno === EAGAIN) return false;
    throw new SystemError("fcntl", errno);
  }
  if (calls().fcntl(fd, F_SETLEASE, F_UNLCK) !== 0) throw failedCall("fcntl");
  return true;
}
