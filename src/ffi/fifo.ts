import { lazyBind } from "./bind.ts";
import { cString } from "./c-string.ts";
import { checkUint32 } from "./check.ts";
import { failedCall } from "./system-error.ts";

const calls = lazyBind({
  mkfifo: { parameters: ["buffer", "u32"], result: "i32" },
});

/**
 * `int mkfifo(const char *path, mode_t mode)` — Makes a named pipe, which stays until its path is unlinked.
 *
 * @param mode permission bits, less the umask
 * @throws {SystemError} `EACCES` no permission to write to the folder, or to search one of the path
 * @throws {SystemError} `EDQUOT` the user's quota of disk blocks or files is used up
 * @throws {SystemError} `EEXIST` the path exists
 * @throws {SystemError} `ELOOP` too many symbolic links
 * @throws {SystemError} `ENAMETOOLONG` the path or a part of it is too long
 * @throws {SystemError} `ENOENT` the folder does not exist
 * @throws {SystemError} `ENOSPC` no space
 * @throws {SystemError} `ENOTDIR` a part of the path is not a folder
 * @throws {SystemError} `EPERM` the file system has no FIFOs
 * @throws {SystemError} `EROFS` a read-only file system
 * @throws {RangeError} the path holds a NUL character
 * @see https://man7.org/linux/man-pages/man3/mkfifo.3.html
 */
export function mkfifo(path: string, mode = 0o600): void {
  checkUint32("mode", mode);
  if (calls().mkfifo(cString(path), mode) !== 0) throw failedCall("mkfifo", path);
}
