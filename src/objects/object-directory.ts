import { existsSync, lstatSync, mkdirSync } from "node:fs";
import { IpcError } from "../errors.ts";
import { geteuid } from "../ffi/ids.ts";

const prepared = new Set<string>();

/** Where {@link objectDirectory} is, whether it is there or not. */
export function objectDirectoryPath(): string {
  return process.env.MILLRACE_DIR || `/dev/shm/millrace-${geteuid()}`;
}

/**
 * The directory in which this user's named objects live: `$MILLRACE_DIR`, else `/dev/shm/millrace-UID`. It is made at the first call,
 * with mode 0700, and refused when it is somebody else's or open to others: whoever can write there could put other objects in place.
 *
 * @returns an absolute path
 * @throws {IpcError} `IPC_PERMISSION` when the directory is not this user's alone; `IPC_NOT_FOUND` when there is no place for it
 */
export function objectDirectory(): string {
  const user = geteuid();
  const path = objectDirectoryPath();
  if (prepared.has(path) && existsSync(path)) return path;
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw new IpcError(
        "IPC_NOT_FOUND",
        `Cannot make the directory ${path} for named objects: its parent does not exist. Set MILLRACE_DIR to a directory of your own on a tmpfs`,
        { cause: error },
      );
    }
    if (code === "EACCES" || code === "EPERM" || code === "EROFS") {
      throw new IpcError(
        "IPC_PERMISSION",
        `Cannot make the directory ${path} for named objects. Set MILLRACE_DIR to a directory of your own on a tmpfs`,
        { cause: error },
      );
    }
    if (code !== "EEXIST") throw error;
  }
  const status = lstatSync(path);
  const { uid, mode } = status;
  const found = !status.isDirectory()
    ? "is not a directory"
    : uid !== user
      ? `belongs to user ${uid}, not to ${user}`
      : (mode & 0o077) !== 0
        ? `has mode 0${(mode & 0o777).toString(8)}, which lets others in; 0700 would be right`
        : undefined;
  if (found !== undefined) {
    throw new IpcError(
      "IPC_PERMISSION",
      `The directory ${path} for named objects ${found}. Mend it, or set MILLRACE_DIR to another one`,
    );
  }
  prepared.add(path);
  return path;
}
