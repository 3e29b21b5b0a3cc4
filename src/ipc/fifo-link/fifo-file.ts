import { unlinkSync } from "node:fs";
import { domainError } from "../../error-table.ts";
import { IpcError } from "../../errors.ts";
import { O_PATH, S_IFIFO, S_IFMT } from "../../ffi/abi/current.ts";
import { close, fstat, open } from "../../ffi/fd.ts";
import { mkfifo } from "../../ffi/fifo.ts";
import type { SystemError } from "../../ffi/system-error.ts";

/** Which file a path names, whatever becomes of the path. */
export interface FileIdentity {
  readonly dev: number;
  readonly ino: number;
}

/**
 * Makes the FIFO when nothing has its path.
 *
 * @param what begins the message of an error, such as `Cannot open fifo:/tmp/frames as sender`
 * @returns the FIFO that was made, `undefined` when there was one
 * @throws {IpcError} `IPC_EXISTS` when the path names something that is not a FIFO
 */
export function makeFifo(path: string, mode: number, what: string): FileIdentity | undefined {
  try {
    mkfifo(path, mode);
  } catch (error) {
    if ((error as SystemError).code === "EEXIST") return void identify(path, what);
    throw domainError("create", error, what);
  }
  return identify(path, what);
}

/**
 * The FIFO that has the path now, `undefined` when nothing has it. Only looks: opening it for real would wake those who wait for it.
 *
 * @throws {IpcError} `IPC_EXISTS` when the path names something that is not a FIFO
 */
export function identify(path: string, what: string): FileIdentity | undefined {
  const fd = openPath(path, what);
  if (fd === undefined) return undefined;
  try {
    return checkedIdentity(fd, what);
  } finally {
    close(fd);
  }
}

/**
 * The identity of an open FIFO.
 *
 * @throws {IpcError} `IPC_EXISTS` when it is not a FIFO
 */
export function checkedIdentity(fd: number, what: string): FileIdentity {
  const { dev, ino, mode } = fstat(fd);
  if ((mode & S_IFMT) === S_IFIFO) return { dev, ino };
  throw new IpcError("IPC_EXISTS", `${what}: there is something at this path that is not a FIFO. Use another path`);
}

/** A descriptor that only names the file; `undefined` when there is none. */
export function openPath(path: string, what: string): number | undefined {
  try {
    return open(path, O_PATH);
  } catch (error) {
    if ((error as SystemError).code === "ENOENT") return undefined;
    throw domainError("open", error, what);
  }
}

/** Removes the path when it still names this FIFO; false when it does not. */
export function removeFifo(path: string, { dev, ino }: FileIdentity): boolean {
  const what = `Cannot remove ${path}`;
  const fd = openPath(path, what);
  if (fd === undefined) return false;
  try {
    const found = fstat(fd);
    if (found.dev !== dev || found.ino !== ino) return false;
    unlinkSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw domainError("remove", error, what);
  } finally {
    close(fd);
  }
}
