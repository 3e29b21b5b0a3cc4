import { AT_FDCWD, RENAME_EXCHANGE } from "./abi/current.ts";
import { lazyBind } from "./bind.ts";
import { cString } from "./c-string.ts";
import { failedCall } from "./system-error.ts";

const c = lazyBind({
  renameat2: { parameters: ["i32", "buffer", "i32", "buffer", "u32"], result: "i32" },
});

/**
 * `int renameat2(int olddirfd, const char *oldpath, int newdirfd, const char *newpath, unsigned int flags)` with `RENAME_EXCHANGE`:
 * exchanges what two names lead to, in one step, so that neither name is ever absent.
 *
 * @param path one name
 * @param other the other; both must exist
 * @throws {SystemError} `ENOENT` when one does not exist
 * @throws {SystemError} `EINVAL` when the file system cannot exchange
 * @throws {SystemError} `EXDEV` when they are on different file systems
 * @throws {SystemError} `EACCES`, `EPERM` when a directory may not be written
 * @throws {SystemError} `EBUSY` when one is a mount point
 * @throws {SystemError} `ELOOP`, `ENAMETOOLONG`, `ENOTDIR` when a path leads nowhere
 * @throws {SystemError} `EROFS` a read-only file system
 * @see https://man7.org/linux/man-pages/man2/rename.2.html
 */
export function renameExchange(path: string, other: string): void {
  if (c().renameat2(AT_FDCWD, cString(path), AT_FDCWD, cString(other), RENAME_EXCHANGE) < 0)
    throw failedCall("renameat2", path);
}
