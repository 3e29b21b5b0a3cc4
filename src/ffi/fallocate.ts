import { EINTR } from "./abi/errno.ts";
import { lazyBind } from "./bind.ts";
import { checkInt32, checkInteger } from "./check.ts";
import { lastErrno, SystemError } from "./system-error.ts";

const calls = lazyBind({
  fallocate: { parameters: ["i32", "i32", "i64", "i64"], result: "i32" },
});

/**
 * `int fallocate(int fd, int mode, off_t offset, off_t size)` — Gives a part of a file its space, or takes it away. Goes on when a signal
 * interrupts it. Where the file system cannot, it says so, while {@link posixFallocate} writes to each block instead.
 *
 * @param mode 0 takes the space and grows the file where needed; `FALLOC_FL_KEEP_SIZE` does not grow it;
 * `FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE` gives the space back, and the part reads as zeros; `FALLOC_FL_ZERO_RANGE` makes it zeros and keeps
 * the space; `FALLOC_FL_COLLAPSE_RANGE` and `FALLOC_FL_INSERT_RANGE` take a part out, and put one in
 * @param offset bytes
 * @param length bytes, more than 0
 * @throws {SystemError} `EBADF` not a descriptor open for writing
 * @throws {SystemError} `EFBIG` past the largest file size
 * @throws {SystemError} `EINVAL` a negative offset, or a length below 1
 * @throws {SystemError} `EIO` an input or output error
 * @throws {SystemError} `ENODEV` not a regular file, nor a folder
 * @throws {SystemError} `ENOSPC` not enough space left
 * @throws {SystemError} `ENOTSUP` the file system cannot do that
 * @throws {SystemError} `EPERM` a seal forbids it, or a part taken out of a file that only grows
 * @throws {SystemError} `ESPIPE` a pipe
 * @throws {SystemError} `ETXTBSY` a part taken out of a file that swaps
 * @see https://man7.org/linux/man-pages/man2/fallocate.2.html
 *
 * @example Give the memory of a part back, and keep the rest
 * ```ts
 * import { close, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, fallocate, fstat, memfdCreate } from "millrace/ffi";
 *
 * const fd = memfdCreate("frames");
 * fallocate(fd, 0, 0, 1 << 20);
 * fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1 << 19);
 * console.log(fstat(fd).size); // 1048576
 * close(fd);
 * ```
 */
export function fallocate(fd: number, mode: number, offset: number, length: number): void {
  checkInt32("fd", fd);
  checkInt32("mode", mode);
  checkInteger("offset", offset);
  checkInteger("length", length);
  for (;;) {
    if (calls().fallocate(fd, mode, offset, length) === 0) return;
    const errno = lastErrno();
    if (errno !== EINTR) throw new SystemError("fallocate", errno);
  }
}
