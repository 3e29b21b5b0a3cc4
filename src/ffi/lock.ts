/**
 * Open-file-description locks on ranges of bytes. Such a lock belongs to the open file, not to the process: it conflicts with
 * locks of other opens in the same process too, is shared by duplicated and inherited descriptors, and goes when the last of
 * them is closed, for whatever reason, also with `SIGKILL`. All of it is advisory.
 *
 * @see https://man7.org/linux/man-pages/man2/F_OFD_SETLK.2const.html
 */
import { F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW, F_RDLCK, F_UNLCK, F_WRLCK, FLOCK, SEEK_SET } from "./abi/current.ts";
import { EACCES, EAGAIN, EINTR } from "./abi/errno.ts";
import { lazyBind } from "./bind.ts";
import { checkInt32, checkInteger } from "./check.ts";
import { scratch } from "./scratch.ts";
import { clear, getMember, setMember } from "./struct.ts";
import { failedCall, lastErrno, SystemError } from "./system-error.ts";

const calls = lazyBind({
  fcntl: { parameters: ["i32", "i32", "buffer"], result: "i32" },
});

/** A lock to read excludes locks to write; a lock to write excludes all others. */
export type LockType = "read" | "write";

/**
 * `fcntl(fd, F_OFD_SETLK, &flock)` — Takes a lock when nobody else holds one that conflicts. A lock that this open file holds already
 * on those bytes is replaced.
 *
 * @param start first byte, which may lie past the end of the file
 * @param length bytes; 0 means all to the end, however large the file grows
 * @returns false when another open file holds a conflicting lock
 * @throws {SystemError} `EBADF` not an open descriptor, or not open for reading (`"read"`) or writing (`"write"`)
 * @throws {SystemError} `EINVAL` a negative range, or a file that cannot be locked
 * @throws {SystemError} `ENOLCK` too many locks
 *
 * @example Only one at a time
 * ```ts
 * import { close, memfdCreate, tryLock, unlock } from "millrace/ffi";
 *
 * const fd = memfdCreate("locked");
 * console.log(tryLock(fd, "write", 0, 1)); // true
 * unlock(fd, 0, 1);
 * close(fd);
 * ```
 */
export function tryLock(fd: number, type: LockType, start: number, length: number): boolean {
  fillFlock(fd, lockType(type), start, length);
  for (;;) {
    if (calls().fcntl(fd, F_OFD_SETLK, scratch) === 0) return true;
    const errno = lastErrno();
    if (errno === EAGAIN || errno === EACCES) return false;
    if (errno !== EINTR) throw new SystemError("fcntl", errno);
  }
}

/**
 * `fcntl(fd, F_OFD_SETLKW, &flock)` — Takes a lock, and blocks the thread until it is free. The kernel finds no deadlocks among
 * these locks. Goes on when a signal interrupts it.
 *
 * @throws {SystemError} as {@link tryLock}
 */
export function lockWait(fd: number, type: LockType, start: number, length: number): void {
  fillFlock(fd, lockType(type), start, length);
  for (;;) {
    if (calls().fcntl(fd, F_OFD_SETLKW, scratch) === 0) return;
    const errno = lastErrno();
    if (errno !== EINTR) throw new SystemError("fcntl", errno);
  }
}

/**
 * `fcntl(fd, F_OFD_SETLK, &flock)` with `F_UNLCK` — Gives up what this open file has locked of those bytes, if anything.
 *
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `EINVAL` a negative range
 * @throws {SystemError} `ENOLCK` too many locks, when it splits one
 */
export function unlock(fd: number, start: number, length: number): void {
  fillFlock(fd, F_UNLCK, start, length);
  if (calls().fcntl(fd, F_OFD_SETLK, scratch) !== 0) throw failedCall("fcntl");
}

/**
 * `fcntl(fd, F_OFD_GETLK, &flock)` — Whether another open file holds a lock that conflicts with this one. Takes nothing.
 *
 * @param type `"write"` asks for any lock, `"read"` only for one to write
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `EINVAL` a negative range
 */
export function queryLock(fd: number, type: LockType, start: number, length: number): boolean {
  fillFlock(fd, lockType(type), start, length);
  if (calls().fcntl(fd, F_OFD_GETLK, scratch) !== 0) throw failedCall("fcntl");
  return getMember(scratch, FLOCK.l_type) !== F_UNLCK;
}

function lockType(type: LockType): number {
  if (type === "write") return F_WRLCK;
  if (type === "read") return F_RDLCK;
  throw new TypeError(`type is ${JSON.stringify(type)}, but must be "read" or "write"`);
}

function fillFlock(fd: number, type: number, start: number, length: number): void {
  checkInt32("fd", fd);
  checkInteger("start", start);
  checkInteger("length", length);
  clear(scratch, FLOCK.sizeof); // l_pid has to be 0
  setMember(scratch, FLOCK.l_type, type);
  setMember(scratch, FLOCK.l_whence, SEEK_SET);
  setMember(scratch, FLOCK.l_start, start);
  setMember(scratch, FLOCK.l_len, length);
}
