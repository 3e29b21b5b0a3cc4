import { dirname } from "node:path";
import { O_RDWR, O_TMPFILE } from "../ffi/abi/current.ts";
import { close, open, posixFallocate } from "../ffi/fd.ts";
import { linkDescriptor } from "../ffi/link.ts";
import { publishByName } from "./publish-by-name.ts";

/**
 * Makes a file of zeros that appears under its name only once it is complete: it is made without a name, gets its space, and then its
 * name, in one step that never replaces another file. A process that dies on the way leaves nothing behind.
 *
 * @param path where it appears
 * @param size bytes, more than 0; their space is taken now, so that writing to them cannot fail later
 * @param mode permission bits, less the umask
 * @returns a descriptor of this process, open for reading and writing
 * @throws {SystemError} `EEXIST` the path exists; `ENOSPC`, `EDQUOT` not enough space; and what `open(2)` and `linkat(2)` say
 */
export function publishFile(path: string, size: number, mode: number): number {
  let fd: number;
  try {
    fd = open(dirname(path), O_TMPFILE | O_RDWR, mode);
  } catch (error) {
    const { code } = error as { code?: string };
    // a file system that makes no files without a name; ENOTSUP is EOPNOTSUPP on Linux
    if (code === "ENOTSUP" || code === "EOPNOTSUPP" || code === "EISDIR") return publishByName(path, size, mode);
    throw error;
  }
  try {
    posixFallocate(fd, 0, size);
    linkDescriptor(fd, path);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}
