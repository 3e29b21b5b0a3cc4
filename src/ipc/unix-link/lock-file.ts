import { lstatSync, unlinkSync } from "node:fs";
import { domainError } from "../../error-table.ts";
import { IpcError } from "../../errors.ts";
import { O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDWR, S_IFMT, S_IFREG } from "../../ffi/abi/current.ts";
import { close, fstat, open } from "../../ffi/fd.ts";
import { queryLock, tryLock, unlock } from "../../ffi/lock.ts";
import { waitForLock } from "../../objects/wait-for-lock.ts";

/** Which byte of the file an end locks as long as it lives. */
export type Role = "receiver" | "sender";

const ROLE_BYTES: { readonly [R in Role]: number } = { receiver: 0, sender: 1 };
/** Locked for a moment by those who come and go, so that the file goes with the last of them and nobody locks one that has gone. */
const SETUP_BYTE = 2;

/** The file beside a socket that keeps its ends exclusive. */
export function lockPath(socketPath: string): string {
  return `${socketPath}.lock`;
}

/**
 * Who holds an end of a socket that has a path. The kernel drops the lock of a process that ends, however it ends, so a socket's file
 * whose lock is free is nobody's and may be replaced, and one whose lock is held is never touched.
 *
 * A process that ends without closing may leave the file. It is empty, and whoever comes next uses it; a cleaner that knows only of the
 * dead one must not remove it, since the other end may hold it.
 */
export class LockFile {
  /**
   * Takes an end.
   *
   * @param what begins the message of an error
   * @throws {IpcError} `IPC_BUSY` when another one holds it; `IPC_EXISTS` when the lock's path names something else; `IPC_NOT_FOUND`,
   *   `IPC_PERMISSION`, `IPC_LIMIT`
   */
  static take(socketPath: string, role: Role, mode: number, what: string): LockFile {
    const path = lockPath(socketPath);
    for (;;) {
      const fd = openLock(path, mode, what);
      let taken = false;
      try {
        waitForLock(fd, "write", SETUP_BYTE, 1);
        if (!isAt(path, fd)) continue;
        if (!tryLock(fd, "write", ROLE_BYTES[role], 1)) {
          throw new IpcError(
            "IPC_BUSY",
            `${what}: another process, or another channel of this one, already holds that end. Close it there, or use another address`,
          );
        }
        unlock(fd, SETUP_BYTE, 1);
        taken = true;
        return new LockFile(path, fd);
      } finally {
        if (!taken) close(fd);
      }
    }
  }

  /**
   * Removes the file, unless somebody holds an end.
   *
   * @param whenFree called when nobody does, before the file goes
   * @returns what `whenFree` gave; `undefined` when an end is held
   */
  static whenFree<Result>(socketPath: string, what: string, whenFree: () => Result): Result | undefined {
    const path = lockPath(socketPath);
    for (;;) {
      if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return whenFree();
      const fd = openLock(path, undefined, what);
      if (fd < 0) continue;
      try {
        waitForLock(fd, "write", SETUP_BYTE, 1);
        if (!isAt(path, fd)) continue;
        if (queryLock(fd, "write", 0, SETUP_BYTE)) return undefined;
        const result = whenFree();
        unlinkSync(path);
        return result;
      } finally {
        close(fd);
      }
    }
  }

  readonly #path: string;
  readonly #fd: number;
  #closed = false;

  private constructor(path: string, fd: number) {
    this.#path = path;
    this.#fd = fd;
  }

  /** Gives the end up, and removes the file when nobody holds the other one. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      waitForLock(this.#fd, "write", SETUP_BYTE, 1);
      // of this open file's own locks the query says nothing
      if (!queryLock(this.#fd, "write", 0, SETUP_BYTE) && isAt(this.#path, this.#fd)) unlinkSync(this.#path);
    } catch (error) {
      // a folder that may not be written to any more: the next one finds a file that nobody has locked
      if (!["EACCES", "EPERM", "EROFS", "ENOENT"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    } finally {
      close(this.#fd);
    }
  }
}

/** @returns -1 when there is none and none shall be made */
function openLock(path: string, mode: number | undefined, what: string): number {
  let fd: number;
  const flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK;
  try {
    fd = mode === undefined ? open(path, flags) : open(path, flags | O_CREAT, mode);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (mode === undefined && code === "ENOENT") return -1;
    if (code === "ELOOP" || code === "EISDIR" || code === "ENXIO") throw notALock(path, what);
    throw domainError("create", error, what);
  }
  if ((fstat(fd).mode & S_IFMT) === S_IFREG) return fd;
  close(fd);
  throw notALock(path, what);
}

function notALock(path: string, what: string): IpcError {
  return new IpcError("IPC_EXISTS", `${what}: ${path}, the file of its lock, is something else. Use another path`);
}

function isAt(path: string, fd: number): boolean {
  const now = lstatSync(path, { throwIfNoEntry: false });
  const opened = fstat(fd);
  return now !== undefined && now.dev === Number(opened.dev) && now.ino === Number(opened.ino);
}
