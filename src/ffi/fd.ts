import { O_CLOEXEC, STAT, SYS_fstat } from "./abi/current.ts";
import { EAGAIN, EINTR } from "./abi/errno.ts";
import { lazyBind } from "./bind.ts";
import { cString } from "./c-string.ts";
import { checkInt32, checkInteger, checkUint32, checkView } from "./check.ts";
import { WOULD_BLOCK } from "./results.ts";
import { scratch } from "./scratch.ts";
import { getMember } from "./struct.ts";
import { failedCall, lastErrno, SystemError } from "./system-error.ts";

// open(2) is variadic in C. On Linux, x86-64 and arm64, a variadic call passes these arguments as any other does
// read and write give at most 0x7ffff000, so an i32 result is enough, and costs no BigInt on the way
const calls = lazyBind({
  open: { parameters: ["buffer", "i32", "u32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  pipe2: { parameters: ["buffer", "i32"], result: "i32" },
  dup3: { parameters: ["i32", "i32", "i32"], result: "i32" },
  ftruncate: { parameters: ["i32", "i64"], result: "i32" },
  posix_fallocate: { parameters: ["i32", "i64", "i64"], result: "i32" },
});

// glibc before 2.33 has no function fstat, and the kernel's struct is the same
const rawCalls = lazyBind({
  syscall: { parameters: ["i64", "i32", "buffer"], result: "i32" },
});

/** What `fstat` tells of a file. */
export interface FileStatus {
  /** Device number, as in `node:fs`. Together with `ino` it identifies a file. */
  dev: number;
  /** Inode number. */
  ino: number;
  /** File type and permission bits: compare with `S_IFMT` and its kin. */
  mode: number;
  /** Number of names; 0 after the last was unlinked. */
  nlink: number;
  /** User id of the owner. */
  uid: number;
  /** Group id of the owner. */
  gid: number;
  /** Bytes. */
  size: number;
}

/**
 * `int open(const char *path, int flags, mode_t mode)` — Opens a file, with `O_CLOEXEC` added to the flags. Goes on when a signal
 * interrupts it.
 *
 * @param flags such as `O_RDWR | O_CREAT | O_NONBLOCK`
 * @param mode permission bits of a file that is created, less the umask
 * @returns a file descriptor of this process, to be closed with {@link close}. It is not one of `node:fs` on Deno
 * @throws {SystemError} `EACCES` no permission, or none to search a folder of the path
 * @throws {SystemError} `EBUSY` `O_EXCL` on a block device in use
 * @throws {SystemError} `EDQUOT` the user's quota of disk blocks or files is used up
 * @throws {SystemError} `EEXIST` `O_CREAT | O_EXCL` and the path exists
 * @throws {SystemError} `EINVAL` a flag or a name that the file system does not take
 * @throws {SystemError} `EISDIR` writing to a folder
 * @throws {SystemError} `ELOOP` too many symbolic links, or one with `O_NOFOLLOW`
 * @throws {SystemError} `EMFILE`, `ENFILE` the limit of open descriptors of the process, or of the system
 * @throws {SystemError} `ENAMETOOLONG` the path or a part of it is too long
 * @throws {SystemError} `ENODEV`, `ENXIO` no such device; `ENXIO` also a FIFO opened `O_WRONLY | O_NONBLOCK` without a reader, or a socket
 * @throws {SystemError} `ENOENT` no such file, or `O_CREAT` in a folder that does not exist
 * @throws {SystemError} `ENOMEM`, `ENOSPC` no memory, or no space for the new file
 * @throws {SystemError} `ENOTDIR` a part of the path is not a folder
 * @throws {SystemError} `ENOTSUP` `O_TMPFILE` on a file system without it
 * @throws {SystemError} `EPERM` `O_NOATIME` on another's file
 * @throws {SystemError} `EROFS` writing on a read-only file system
 * @throws {SystemError} `ETXTBSY` writing to a program that runs
 * @throws {SystemError} `EAGAIN` a lease held by another with `O_NONBLOCK`
 * @throws {RangeError} the path holds a NUL character
 * @see https://man7.org/linux/man-pages/man2/open.2.html
 *
 * @example Read the first bytes of a file
 * ```ts
 * import { close, O_RDONLY, open, read } from "millrace/ffi";
 *
 * const fd = open("/etc/hostname", O_RDONLY);
 * const bytes = new Uint8Array(64);
 * const count = read(fd, bytes);
 * close(fd);
 * console.log(count > 0); // true
 * ```
 */
export function open(path: string, flags: number, mode = 0o600): number {
  checkInt32("flags", flags);
  checkUint32("mode", mode);
  const cPath = cString(path);
  for (;;) {
    const fd: number = calls().open(cPath, flags | O_CLOEXEC, mode);
    if (fd >= 0) return fd;
    const errno = lastErrno();
    if (errno !== EINTR) throw new SystemError("open", errno, path);
  }
}

/**
 * `int close(int fd)` — Closes a file descriptor. The descriptor is free after every outcome but `EBADF`, so do not call it again.
 *
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `EIO`, `ENOSPC`, `EDQUOT` an earlier write failed
 * @see https://man7.org/linux/man-pages/man2/close.2.html
 */
export function close(fd: number): void {
  checkInt32("fd", fd);
  if (calls().close(fd) === 0) return;
  const errno = lastErrno();
  // Linux has closed it by then
  if (errno !== EINTR) throw new SystemError("close", errno);
}

/**
 * `ssize_t read(int fd, void *buf, size_t count)` — Reads up to `view.byteLength` bytes into `view`. Goes on when a signal interrupts it.
 *
 * @returns the bytes read, 0 at the end of the file, {@link WOULD_BLOCK} when a non-blocking descriptor has nothing yet
 * @throws {SystemError} `EBADF` not a descriptor open for reading
 * @throws {SystemError} `EFAULT` `view` lies in memory that cannot be written
 * @throws {SystemError} `EINVAL` the object cannot be read, or `O_DIRECT` with a wrong alignment
 * @throws {SystemError} `EIO` an input error
 * @throws {SystemError} `EISDIR` a folder
 * @see https://man7.org/linux/man-pages/man2/read.2.html
 */
export function read(fd: number, view: ArrayBufferView): number {
  checkInt32("fd", fd);
  checkView("view", view);
  for (;;) {
    const count: number = calls().read(fd, view, view.byteLength);
    if (count >= 0) return count;
    const errno = lastErrno();
    if (errno === EAGAIN) return WOULD_BLOCK;
    if (errno !== EINTR) throw new SystemError("read", errno);
  }
}

/**
 * `ssize_t write(int fd, const void *buf, size_t count)` — Writes up to `view.byteLength` bytes of `view`. Goes on when a signal
 * interrupts it. Writing to a pipe without readers raises `SIGPIPE`, which all supported runtimes ignore.
 *
 * @returns the bytes written, which may be fewer; {@link WOULD_BLOCK} when a non-blocking descriptor has no room
 * @throws {SystemError} `EBADF` not a descriptor open for writing
 * @throws {SystemError} `ENOTCONN` a socket that is not connected
 * @throws {SystemError} `EDQUOT`, `ENOSPC` no space left, for the user or at all
 * @throws {SystemError} `EFAULT` `view` lies in memory that cannot be read
 * @throws {SystemError} `EFBIG` past the largest file size
 * @throws {SystemError} `EINVAL` the object cannot be written, or `O_DIRECT` with a wrong alignment
 * @throws {SystemError} `EIO` an output error
 * @throws {SystemError} `EPERM` a seal forbids it
 * @throws {SystemError} `EPIPE` nobody reads the pipe or socket
 * @see https://man7.org/linux/man-pages/man2/write.2.html
 */
export function write(fd: number, view: ArrayBufferView): number {
  checkInt32("fd", fd);
  checkView("view", view);
  for (;;) {
    const count: number = calls().write(fd, view, view.byteLength);
    if (count >= 0) return count;
    const errno = lastErrno();
    if (errno === EAGAIN) return WOULD_BLOCK;
    if (errno !== EINTR) throw new SystemError("write", errno);
  }
}

/**
 * `int pipe2(int pipefd[2], int flags)` — Makes a pipe, with `O_CLOEXEC` added to the flags.
 *
 * @param flags `O_NONBLOCK`, `O_DIRECT` (packets)
 * @returns the end to read from and the end to write to
 * @throws {SystemError} `EINVAL` a flag that it does not take
 * @throws {SystemError} `EMFILE`, `ENFILE` the limit of open descriptors of the process, or of the system or of the user's pipes
 * @see https://man7.org/linux/man-pages/man2/pipe2.2.html
 *
 * @example Send a byte to oneself
 * ```ts
 * import { close, pipe2, read, write } from "millrace/ffi";
 *
 * const [readEnd, writeEnd] = pipe2();
 * write(writeEnd, new Uint8Array([42]));
 * const bytes = new Uint8Array(8);
 * console.log(read(readEnd, bytes), bytes[0]); // 1 42
 * close(readEnd);
 * close(writeEnd);
 * ```
 */
export function pipe2(flags = 0): [readEnd: number, writeEnd: number] {
  checkInt32("flags", flags);
  if (calls().pipe2(scratch, flags | O_CLOEXEC) !== 0) throw failedCall("pipe2");
  return [scratch.getInt32(0, true), scratch.getInt32(4, true)];
}

/**
 * `int dup3(int oldfd, int newfd, int flags)` — Makes `newFd` a second descriptor for what `oldFd` refers to, closing what it referred
 * to before, in one step. It does not add `O_CLOEXEC`: mostly `newFd` is one of the standard streams, which child processes inherit.
 *
 * @param flags `O_CLOEXEC` or 0
 * @throws {SystemError} `EBADF` `oldFd` is not an open descriptor, or `newFd` is past the limit of descriptors
 * @throws {SystemError} `EBUSY` a race with an open in another thread
 * @throws {SystemError} `EINVAL` both are the same, or a flag that it does not take
 * @see https://man7.org/linux/man-pages/man2/dup.2.html
 */
export function dup3(oldFd: number, newFd: number, flags = 0): void {
  checkInt32("oldFd", oldFd);
  checkInt32("newFd", newFd);
  checkInt32("flags", flags);
  for (;;) {
    if (calls().dup3(oldFd, newFd, flags) >= 0) return;
    const errno = lastErrno();
    if (errno !== EINTR) throw new SystemError("dup3", errno);
  }
}

/**
 * `int ftruncate(int fd, off_t length)` — Sets the size of a file. What is cut off is lost, and touching a mapping of it kills
 * the process (`SIGBUS`); what is added reads as zeros and takes no space until it is written: see {@link posixFallocate}.
 *
 * @param length bytes
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `EFBIG` larger than a file can be
 * @throws {SystemError} `EINVAL` negative, not open for writing, or not an object with a size
 * @throws {SystemError} `EIO` an input or output error
 * @throws {SystemError} `EPERM` a seal forbids it
 * @see https://man7.org/linux/man-pages/man2/ftruncate.2.html
 */
export function ftruncate(fd: number, length: number): void {
  checkInt32("fd", fd);
  checkInteger("length", length);
  for (;;) {
    if (calls().ftruncate(fd, length) === 0) return;
    const errno = lastErrno();
    if (errno !== EINTR) throw new SystemError("ftruncate", errno);
  }
}

/**
 * `int posix_fallocate(int fd, off_t offset, off_t length)` — Gives a part of a file its space, growing the file where needed, so that
 * later writes to it, also through a mapping, cannot run out of space. Data in that part is kept.
 *
 * @param offset bytes
 * @param length bytes, more than 0
 * @throws {SystemError} `EBADF` not a descriptor open for writing
 * @throws {SystemError} `EFBIG` past the largest file size
 * @throws {SystemError} `EINVAL` a negative offset, or a length below 1
 * @throws {SystemError} `ENODEV`, `ESPIPE` not a regular file
 * @throws {SystemError} `ENOSPC` not enough space left
 * @throws {SystemError} `EPERM` a seal forbids it
 * @see https://man7.org/linux/man-pages/man3/posix_fallocate.3.html
 */
export function posixFallocate(fd: number, offset: number, length: number): void {
  checkInt32("fd", fd);
  checkInteger("offset", offset);
  checkInteger("length", length);
  for (;;) {
    // it returns the errno and leaves the variable alone
    const errno: number = calls().posix_fallocate(fd, offset, length);
    if (errno === 0) return;
    if (errno !== EINTR) throw new SystemError("posix_fallocate", errno);
  }
}

/**
 * `int fstat(int fd, struct stat *statbuf)` — Tells about an open file.
 *
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `ENOMEM` no memory in the kernel
 * @see https://man7.org/linux/man-pages/man2/fstat.2.html
 */
export function fstat(fd: number): FileStatus {
  checkInt32("fd", fd);
  if (rawCalls().syscall(SYS_fstat, fd, scratch) !== 0) throw failedCall("fstat");
  return {
    dev: getMember(scratch, STAT.st_dev),
    ino: getMember(scratch, STAT.st_ino),
    mode: getMember(scratch, STAT.st_mode),
    nlink: getMember(scratch, STAT.st_nlink),
    uid: getMember(scratch, STAT.st_uid),
    gid: getMember(scratch, STAT.st_gid),
    size: getMember(scratch, STAT.st_size),
  };
}
