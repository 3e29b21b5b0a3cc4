import { FIONREAD } from "./abi/current.ts";
import { lazyBind } from "./bind.ts";
import { checkInt32 } from "./check.ts";
import { scratch } from "./scratch.ts";
import { failedCall } from "./system-error.ts";

// ioctl(2) is variadic in C; on Linux, x86-64 and arm64, that makes no difference to the call
const calls = lazyBind({
  ioctl: { parameters: ["i32", "usize", "buffer"], result: "i32" },
});

/**
 * `ioctl(fd, FIONREAD, &count)` — How many bytes can be read now: of a pipe or FIFO, asked at either end, all that is in it; of a stream
 * socket, what has arrived; of a file, what is left up to its end.
 *
 * @returns bytes
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `ENOTTY`, `EINVAL` the file has no such count
 * @see https://man7.org/linux/man-pages/man2/ioctl_tty.2.html
 *
 * @example How full a pipe is
 * ```ts
 * import { close, fionread, pipe2, write } from "millrace/ffi";
 *
 * const [readEnd, writeEnd] = pipe2();
 * write(writeEnd, new Uint8Array(100));
 * console.log(fionread(readEnd), fionread(writeEnd)); // 100 100
 * close(readEnd);
 * close(writeEnd);
 * ```
 */
export function fionread(fd: number): number {
  checkInt32("fd", fd);
  if (calls().ioctl(fd, FIONREAD, scratch) !== 0) throw failedCall("ioctl");
  return scratch.getInt32(0, true);
}
