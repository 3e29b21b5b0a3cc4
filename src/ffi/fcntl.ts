import {
  F_ADD_SEALS,
  F_DUPFD_CLOEXEC,
  F_GET_SEALS,
  F_GETFD,
  F_GETFL,
  F_GETPIPE_SZ,
  F_SETFD,
  F_SETFL,
  F_SETPIPE_SZ,
} from "./abi/current.ts";
import { lazyBind } from "./bind.ts";
import { checkInt32 } from "./check.ts";
import { failedCall } from "./system-error.ts";

// fcntl(2) is variadic in C; on Linux, x86-64 and arm64, that makes no difference to the call
const calls = lazyBind({
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
});

/**
 * `fcntl(fd, F_DUPFD_CLOEXEC, lowest)` — A second descriptor for the same open file, closed in child processes.
 *
 * @param lowest the new descriptor is the first free one from here
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `EINVAL` `lowest` is negative or past the limit of descriptors
 * @throws {SystemError} `EMFILE` the limit of open descriptors
 * @see https://man7.org/linux/man-pages/man2/F_DUPFD_CLOEXEC.2const.html
 */
export function dup(fd: number, lowest = 0): number {
  checkInt32("lowest", lowest);
  return fcntl(fd, F_DUPFD_CLOEXEC, lowest);
}

/**
 * `fcntl(fd, F_GETFD)` — The descriptor's own flags: `FD_CLOEXEC` or 0.
 *
 * @throws {SystemError} `EBADF` not an open descriptor
 * @see https://man7.org/linux/man-pages/man2/F_GETFD.2const.html
 */
export function getDescriptorFlags(fd: number): number {
  return fcntl(fd, F_GETFD, 0);
}

/**
 * `fcntl(fd, F_SETFD, flags)` — Sets the descriptor's own flags. With 0, child processes inherit the descriptor.
 *
 * @param flags `FD_CLOEXEC` or 0
 * @throws {SystemError} `EBADF` not an open descriptor
 * @see https://man7.org/linux/man-pages/man2/F_GETFD.2const.html
 */
export function setDescriptorFlags(fd: number, flags: number): void {
  checkInt32("flags", flags);
  fcntl(fd, F_SETFD, flags);
}

/**
 * `fcntl(fd, F_GETFL)` — The flags of the open file, such as `O_RDWR | O_NONBLOCK`. Mask with `O_ACCMODE` for the access.
 *
 * @throws {SystemError} `EBADF` not an open descriptor
 * @see https://man7.org/linux/man-pages/man2/F_GETFL.2const.html
 */
export function getStatusFlags(fd: number): number {
  return fcntl(fd, F_GETFL, 0);
}

/**
 * `fcntl(fd, F_SETFL, flags)` — Sets `O_APPEND`, `O_NONBLOCK`, `O_DIRECT` and `O_NOATIME`; other flags are ignored. They belong to
 * the open file, so every process that has it sees the change.
 *
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `EINVAL` `O_DIRECT` where it is not possible
 * @throws {SystemError} `EPERM` clearing `O_APPEND` on an append-only file, or `O_NOATIME` on another's file
 * @see https://man7.org/linux/man-pages/man2/F_GETFL.2const.html
 *
 * @example Make a descriptor non-blocking
 * ```ts
 * import { close, getStatusFlags, O_NONBLOCK, pipe2, read, setStatusFlags, WOULD_BLOCK } from "millrace/ffi";
 *
 * const [readEnd, writeEnd] = pipe2();
 * setStatusFlags(readEnd, getStatusFlags(readEnd) | O_NONBLOCK);
 * console.log(read(readEnd, new Uint8Array(1)) === WOULD_BLOCK); // true
 * close(readEnd);
 * close(writeEnd);
 * ```
 */
export function setStatusFlags(fd: number, flags: number): void {
  checkInt32("flags", flags);
  fcntl(fd, F_SETFL, flags);
}

/**
 * `fcntl(fd, F_GETPIPE_SZ)` — The capacity of a pipe or FIFO in bytes.
 *
 * @throws {SystemError} `EBADF` not an open descriptor, or not a pipe
 * @see https://man7.org/linux/man-pages/man2/F_GETPIPE_SZ.2const.html
 */
export function getPipeSize(fd: number): number {
  return fcntl(fd, F_GETPIPE_SZ, 0);
}

/**
 * `fcntl(fd, F_SETPIPE_SZ, size)` — Sets the capacity of a pipe or FIFO.
 *
 * @param size bytes, rounded up to a power of two of whole pages
 * @returns the capacity that it got
 * @throws {SystemError} `EBADF` not an open descriptor, or not a pipe
 * @throws {SystemError} `EBUSY` the pipe holds more than that
 * @throws {SystemError} `EINVAL` 0, or past 2^31
 * @throws {SystemError} `EPERM` past `/proc/sys/fs/pipe-max-size`, or past what the user's pipes may take together
 * @see https://man7.org/linux/man-pages/man2/F_GETPIPE_SZ.2const.html
 */
export function setPipeSize(fd: number, size: number): number {
  checkInt32("size", size);
  return fcntl(fd, F_SETPIPE_SZ, size);
}

/**
 * `fcntl(fd, F_ADD_SEALS, seals)` — Forbids, for good and for everybody, what the seals say; see {@link memfdCreate}.
 *
 * @param seals `F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL`
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `EBUSY` `F_SEAL_WRITE` while a writable mapping exists
 * @throws {SystemError} `EINVAL` a file that cannot be sealed, or an unknown seal
 * @throws {SystemError} `EPERM` not open for writing, or sealed with `F_SEAL_SEAL`, which every file is that was made without
 * `MFD_ALLOW_SEALING`
 * @see https://man7.org/linux/man-pages/man2/F_GET_SEALS.2const.html
 */
export function addSeals(fd: number, seals: number): void {
  checkInt32("seals", seals);
  fcntl(fd, F_ADD_SEALS, seals);
}

/**
 * `fcntl(fd, F_GET_SEALS)` — The seals of a file.
 *
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `EINVAL` a file that cannot be sealed
 * @see https://man7.org/linux/man-pages/man2/F_GET_SEALS.2const.html
 */
export function getSeals(fd: number): number {
  return fcntl(fd, F_GET_SEALS, 0);
}

function fcntl(fd: number, operation: number, value: number): number {
  checkInt32("fd", fd);
  const result: number = calls().fcntl(fd, operation, value);
  if (result < 0) throw failedCall("fcntl");
  return result;
}
