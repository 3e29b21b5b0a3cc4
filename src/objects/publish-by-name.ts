import { randomBytes } from "node:crypto";
import { linkSync, unlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { O_CREAT, O_EXCL, O_RDWR } from "../ffi/abi/current.ts";
import { close, open, posixFallocate } from "../ffi/fd.ts";
import { getpid } from "../ffi/ids.ts";

/**
 * What {@link publishFile} does, for file systems that cannot make a file without a name: it is built under a temporary name beside its
 * path. A process that is killed on the way leaves that behind.
 *
 * @throws {SystemError} as {@link publishFile}
 */
export function publishByName(path: string, size: number, mode: number): number {
  const temporary = join(dirname(path), `.tmp-${getpid()}-${randomBytes(6).toString("hex")}`);
  const fd = open(temporary, O_RDWR | O_CREAT | O_EXCL, mode);
  try {
    posixFallocate(fd, 0, size);
    // link, not rename: it does not replace what is there
    linkSync(temporary, path);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  } finally {
    unlinkSync(temporary);
  }
}
