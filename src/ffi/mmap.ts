/**
 * Mappings by native address. Nothing here gives JavaScript a view of the memory, nor keeps track of it: `src/memory` does that.
 * A wrong address or length destroys other memory of the process, and the process with it.
 */
import { lazyBind } from "./bind.ts";
import { checkInt32, checkInteger, checkSize } from "./check.ts";
import { failedCall } from "./system-error.ts";

const calls = lazyBind({
  mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
  munmap: { parameters: ["pointer", "usize"], result: "i32" },
  mprotect: { parameters: ["pointer", "usize", "i32"], result: "i32" },
  msync: { parameters: ["pointer", "usize", "i32"], result: "i32" },
  madvise: { parameters: ["pointer", "usize", "i32"], result: "i32" },
});

/** `MAP_FAILED` of C. */
const FAILED = -1;

/**
 * `void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset)` — Maps a file, or new memory, into this process.
 *
 * @param address 0 for where the kernel likes; with `MAP_FIXED` exactly there, and what was mapped there is gone
 * @param length bytes, rounded up to whole pages
 * @param prot `PROT_READ | PROT_WRITE`, or `PROT_NONE`
 * @param flags `MAP_SHARED` or `MAP_PRIVATE`, with `MAP_ANONYMOUS` and others
 * @param fd -1 with `MAP_ANONYMOUS`. It may be closed afterwards
 * @param offset bytes into the file, a multiple of the page size
 * @returns native address of the mapping, valid until {@link munmap} or until something else is mapped over it
 * @throws {SystemError} `EACCES` the descriptor's access does not allow it, or not a regular file
 * @throws {SystemError} `EAGAIN` too much locked memory, or a locked file
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `EEXIST` `MAP_FIXED_NOREPLACE` and something is there
 * @throws {SystemError} `EINVAL` a length of 0, a wrong alignment, or wrong flags
 * @throws {SystemError} `ENFILE` the limit of open files of the system
 * @throws {SystemError} `ENODEV` a file system without mappings
 * @throws {SystemError} `ENOMEM` no memory or address space, or too many mappings
 * @throws {SystemError} `EPERM` a seal of the file, or of the memory there (mseal(2)), forbids it, or `PROT_EXEC` on a `noexec` file system
 * @see https://man7.org/linux/man-pages/man2/mmap.2.html
 */
export function mmap(address: number, length: number, prot: number, flags: number, fd: number, offset: number): number {
  checkSize("address", address);
  checkSize("length", length);
  checkInt32("prot", prot);
  checkInt32("flags", flags);
  checkInt32("fd", fd);
  checkInteger("offset", offset);
  const mapped: number = calls().mmap(address, length, prot, flags, fd, offset);
  if (mapped === FAILED) throw failedCall("mmap");
  return mapped;
}

/**
 * `int munmap(void *addr, size_t length)` — Removes the mappings of whole pages. Touching them afterwards kills the process, so
 * memory that a JavaScript view covers is not unmapped: map anonymous memory over it.
 *
 * @throws {SystemError} `EINVAL` not a page boundary, or a length of 0
 * @throws {SystemError} `ENOMEM` too many mappings, when it splits one
 * @throws {SystemError} `EPERM` sealed memory (mseal(2))
 * @see https://man7.org/linux/man-pages/man2/munmap.2.html
 */
export function munmap(address: number, length: number): void {
  checkSize("address", address);
  checkSize("length", length);
  if (calls().munmap(address, length) !== 0) throw failedCall("munmap");
}

/**
 * `int mprotect(void *addr, size_t size, int prot)` — Sets the protection of whole pages. A touch that it forbids kills the process.
 *
 * @param prot `PROT_NONE`, or `PROT_READ` with `PROT_WRITE`
 * @throws {SystemError} `EACCES` more than the file was opened for
 * @throws {SystemError} `EINVAL` not a page boundary, or an unknown protection
 * @throws {SystemError} `ENOMEM` a part is not mapped, or too many mappings
 * @throws {SystemError} `EPERM` sealed memory (mseal(2))
 * @see https://man7.org/linux/man-pages/man2/mprotect.2.html
 */
export function mprotect(address: number, length: number, prot: number): void {
  checkSize("address", address);
  checkSize("length", length);
  checkInt32("prot", prot);
  if (calls().mprotect(address, length, prot) !== 0) throw failedCall("mprotect");
}

/**
 * `int msync(void *addr, size_t length, int flags)` — Writes what changed in a shared mapping back to its file.
 *
 * @param flags `MS_SYNC` (waits for the disk) or `MS_ASYNC`, and `MS_INVALIDATE`
 * @throws {SystemError} `EBUSY` `MS_INVALIDATE` on locked memory
 * @throws {SystemError} `EINVAL` not a page boundary, or wrong flags
 * @throws {SystemError} `EIO` an output error
 * @throws {SystemError} `ENOMEM` a part is not mapped
 * @see https://man7.org/linux/man-pages/man2/msync.2.html
 */
export function msync(address: number, length: number, flags: number): void {
  checkSize("address", address);
  checkSize("length", length);
  checkInt32("flags", flags);
  if (calls().msync(address, length, flags) !== 0) throw failedCall("msync");
}

/**
 * `int madvise(void *addr, size_t size, int advice)` — Tells the kernel how memory will be used. `MADV_DONTNEED` and `MADV_REMOVE`
 * throw data away.
 *
 * @param advice such as `MADV_HUGEPAGE` or `MADV_POPULATE_WRITE`
 * @throws {SystemError} `EACCES` `MADV_REMOVE` on what is not a shared writable mapping
 * @throws {SystemError} `EAGAIN` a resource is short for the moment
 * @throws {SystemError} `EBADF` the memory is not of a file
 * @throws {SystemError} `EFAULT` `MADV_POPULATE_*` where touching would be a `SIGBUS`
 * @throws {SystemError} `EINVAL` not a page boundary, or advice that does not fit or is not known
 * @throws {SystemError} `EIO` the disk failed
 * @throws {SystemError} `ENOMEM` a part is not mapped
 * @throws {SystemError} `EPERM` no privilege, or sealed memory (mseal(2))
 * @see https://man7.org/linux/man-pages/man2/madvise.2.html
 */
export function madvise(address: number, length: number, advice: number): void {
  checkSize("address", address);
  checkSize("length", length);
  checkInt32("advice", advice);
  if (calls().madvise(address, length, advice) !== 0) throw failedCall("madvise");
}
