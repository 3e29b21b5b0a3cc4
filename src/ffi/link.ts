import { AT_FDCWD, AT_SYMLINK_FOLLOW } from "./abi/current.ts";
import { lazyBind } from "./bind.ts";
import { cString } from "./c-string.ts";
import { checkInt32 } from "./check.ts";
import { failedCall } from "./system-error.ts";

const calls = lazyBind({
  linkat: { parameters: ["i32", "buffer", "i32", "buffer", "i32"], result: "i32" },
});

/**
 * `int linkat(int olddirfd, const char *oldpath, int newdirfd, const char *newpath, int flags)` with `/proc/self/fd/N` and
 * `AT_SYMLINK_FOLLOW`: gives an open file a name, also one that has none yet (`O_TMPFILE`). It never replaces a file.
 *
 * @param fd an open file, not made with `O_TMPFILE | O_EXCL`
 * @param path its new name, on the same file system
 * @throws {SystemError} `EACCES` no permission to write to the folder, or to search one of the path
 * @throws {SystemError} `EDQUOT`, `ENOSPC` no space for the name
 * @throws {SystemError} `EEXIST` the path exists
 * @throws {SystemError} `ELOOP`, `ENAMETOOLONG`, `ENOTDIR` the path leads nowhere
 * @throws {SystemError} `EMLINK` the file has too many names
 * @throws {SystemError} `ENOENT` no such folder, not an open descriptor, a file whose names are all gone, or no `/proc`
 * @throws {SystemError} `EPERM` a file system without links, or another user's file
 * @throws {SystemError} `EROFS` a read-only file system
 * @throws {SystemError} `EXDEV` another file system
 * @throws {RangeError} the path holds a NUL character
 * @see https://man7.org/linux/man-pages/man2/link.2.html
 */
export function linkDescriptor(fd: number, path: string): void {
  checkInt32("fd", fd);
  const source = cString(`/proc/self/fd/${fd}`);
  if (calls().linkat(AT_FDCWD, source, AT_FDCWD, cString(path), AT_SYMLINK_FOLLOW) !== 0)
    throw failedCall("linkat", path);
}
