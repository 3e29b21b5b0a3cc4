import { IOVEC } from "./abi/current.ts";
import { EAGAIN, EINTR } from "./abi/errno.ts";
import { lazyBind } from "./bind.ts";
import { checkInt32, checkInteger, checkSize, checkUint32, checkView } from "./check.ts";
import { recommendedLibrary } from "./recommended.ts";
import { WOULD_BLOCK } from "./results.ts";
import { scratch, scratchAddress } from "./scratch.ts";
import { setMember } from "./struct.ts";
import { lastErrno, SystemError } from "./system-error.ts";

/** Moving data through pipes inside the kernel, without copying it into this process. */

// a pipe holds less than 2^31 bytes, so an i32 result is enough
const calls = lazyBind({
  splice: { parameters: ["i32", "pointer", "i32", "pointer", "usize", "u32"], result: "i32" },
  tee: { parameters: ["i32", "i32", "usize", "u32"], result: "i32" },
  vmsplice: { parameters: ["i32", "buffer", "usize", "u32"], result: "i32" },
});

/**
 * `ssize_t splice(int fd_in, off_t *off_in, int fd_out, off_t *off_out, size_t size, unsigned int flags)` — Moves bytes from one
 * descriptor to another, at least one of which is a pipe, and blocks the thread while the pipe is empty, or full. Goes on when a
 * signal interrupts it.
 *
 * @param length bytes at most
 * @param flags `SPLICE_F_NONBLOCK` (of the pipe), `SPLICE_F_MORE`
 * @param offsets from where in the file `in`, or to where in the file `out`; else from its position, which moves on
 * @returns bytes moved; 0 at the end of `fdIn`; {@link WOULD_BLOCK}
 * @throws {SystemError} `EBADF` not open, or not for reading and writing
 * @throws {SystemError} `EINVAL` no pipe, both ends of one pipe, a file that cannot do it, or one that appends
 * @throws {SystemError} `ENOMEM` no memory
 * @throws {SystemError} `EPIPE` nobody has the pipe open for reading
 * @throws {SystemError} `ESPIPE` an offset for a pipe
 * @see https://man7.org/linux/man-pages/man2/splice.2.html
 *
 * @example From a file into a pipe
 * ```ts
 * import { close, O_RDONLY, open, pipe2, splice } from "millrace/ffi";
 *
 * const [readEnd, writeEnd] = pipe2();
 * const file = open("/etc/hostname", O_RDONLY);
 * console.log(splice(file, writeEnd, 100, 0, { in: 1 }) > 0); // true
 * for (const fd of [file, readEnd, writeEnd]) close(fd);
 * ```
 */
export function splice(
  fdIn: number,
  fdOut: number,
  length: number,
  flags = 0,
  offsets: { in?: number; out?: number } = {},
): number {
  checkInt32("fdIn", fdIn);
  checkInt32("fdOut", fdOut);
  checkSize("length", length);
  checkUint32("flags", flags);
  const from = offsetAddress("in", 0, offsets.in);
  const to = offsetAddress("out", OFFSET_BYTES, offsets.out);
  return countOf("splice", () => calls().splice(fdIn, from, fdOut, to, length, flags));
}

/**
 * `ssize_t tee(int fd_in, int fd_out, size_t size, unsigned int flags)` — Copies bytes from one pipe to another, and leaves them in
 * the first one. Blocks the thread while the first is empty or the second full, and goes on when a signal interrupts it.
 *
 * @param length bytes at most
 * @param flags `SPLICE_F_NONBLOCK`
 * @returns bytes copied; 0 when the first is empty and has no writer; {@link WOULD_BLOCK}
 * @throws {SystemError} `EBADF` not open, or not for reading and writing
 * @throws {SystemError} `EINVAL` not two pipes, or ends of the same
 * @throws {SystemError} `ENOMEM` no memory
 * @throws {SystemError} `EPIPE` nobody has the second open for reading
 * @see https://man7.org/linux/man-pages/man2/tee.2.html
 */
export function tee(fdIn: number, fdOut: number, length: number, flags = 0): number {
  checkInt32("fdIn", fdIn);
  checkInt32("fdOut", fdOut);
  checkSize("length", length);
  checkUint32("flags", flags);
  return countOf("tee", () => calls().tee(fdIn, fdOut, length, flags));
}

/**
 * `ssize_t vmsplice(int fd, const struct iovec *iov, size_t nr_segs, unsigned int flags)` — Puts the pages of a view into a pipe
 * (its write end), or reads a pipe (its read end) into the view. Goes on when a signal interrupts it.
 *
 * @param view what goes into the pipe is not copied: a change before somebody has read it is seen there, and the memory has to stay
 * @param flags `SPLICE_F_NONBLOCK`
 * @returns bytes moved, perhaps less than the view has; {@link WOULD_BLOCK}
 * @throws {SystemError} `EBADF` not open, or not a pipe
 * @throws {SystemError} `EINVAL` an unknown flag
 * @throws {SystemError} `ENOMEM` no memory
 * @throws {SystemError} `EPIPE` nobody has the pipe open for reading
 * @throws {RangeError} an empty view
 * @see https://man7.org/linux/man-pages/man2/vmsplice.2.html
 */
export function vmsplice(fd: number, view: ArrayBufferView, flags = 0): number {
  checkInt32("fd", fd);
  checkView("view", view);
  checkUint32("flags", flags);
  setMember(scratch, IOVEC.iov_base, recommendedLibrary().address(view));
  setMember(scratch, IOVEC.iov_len, view.byteLength);
  return countOf("vmsplice", () => calls().vmsplice(fd, scratch, 1, flags));
}

const OFFSET_BYTES = 8;

/** NULL without an offset. */
function offsetAddress(name: string, base: number, offset: number | undefined): number {
  if (offset === undefined) return 0;
  checkInteger(`offsets.${name}`, offset);
  scratch.setBigInt64(base, BigInt(offset), true);
  return scratchAddress() + base;
}

function countOf(syscall: string, call: () => number): number {
  for (;;) {
    const count = call();
    if (count >= 0) return count;
    const errno = lastErrno();
    if (errno === EAGAIN) return WOULD_BLOCK;
    if (errno !== EINTR) throw new SystemError(syscall, errno);
  }
}
