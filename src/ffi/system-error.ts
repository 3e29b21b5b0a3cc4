import { ERRNO_NAMES } from "./abi/errno.ts";
import { recommendedLibrary } from "./recommended.ts";

/**
 * A failed system call, in the shape of Node's own system errors, so that code that handles `node:fs` errors handles these.
 *
 * @example Read the code of a failed call
 * ```ts
 * import { SystemError } from "millrace";
 * import { close } from "millrace/ffi";
 *
 * try {
 *   close(-1);
 * } catch (error) {
 *   if (error instanceof SystemError) console.log(error.code, error.syscall); // EBADF close
 * }
 * ```
 */
export class SystemError extends Error {
  override readonly name = "SystemError";
  /** The symbolic errno, such as `"ENOENT"`. */
  readonly code: string;
  /** The negated errno, as in Node. */
  readonly errno: number;
  /** The C function that failed. */
  readonly syscall: string;
  /** The path or name that was given to it, if any. */
  declare readonly path?: string;

  /**
   * @param syscall the C function that failed
   * @param errno the positive errno
   * @param path the path or name that was given to it, if any
   */
  constructor(syscall: string, errno: number, path?: string) {
    const [code, text] = ERRNO_NAMES.get(errno) ?? [`E${errno}`, "unknown error"];
    super(`${code}: ${text}, ${syscall}${path === undefined ? "" : ` '${path}'`}`);
    this.code = code;
    this.errno = -errno;
    this.syscall = syscall;
    if (path !== undefined) this.path = path;
  }
}

/** errno of the call made just before on this thread. The only place outside of the backends that reads it. */
export function lastErrno(): number {
  return recommendedLibrary().errno();
}

/** The `SystemError` for the call made just before, which failed. Call it directly after the call, before anything else runs. */
export function failedCall(syscall: string, path?: string): SystemError {
  return new SystemError(syscall, lastErrno(), path);
}
