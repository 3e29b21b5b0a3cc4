import { IpcError } from "../errors.ts";
import { O_NOFOLLOW, O_NONBLOCK, S_IFIFO, S_IFMT } from "../ffi/abi/current.ts";
import { close, fstat, open } from "../ffi/fd.ts";

/**
 * Opens a bell of an object, and makes sure that it is a FIFO: of a file in its place, which is always readable, a waiter would never sleep.
 *
 * @param path the bell
 * @param access `O_RDONLY` or `O_RDWR`
 * @returns a descriptor that does not block
 * @throws {IpcError} `IPC_CORRUPT` when something else is there, or nothing
 * @throws {SystemError} as of open(2): `EACCES`, `EMFILE`, `ENFILE`, `ENOMEM`
 */
export function openBell(path: string, access: number): number {
  let bell: number;
  try {
    bell = open(path, access | O_NONBLOCK | O_NOFOLLOW);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code !== undefined && NO_FIFO.includes(code)) throw noBell(path, error);
    throw error;
  }
  if ((fstat(bell).mode & S_IFMT) === S_IFIFO) return bell;
  close(bell);
  throw noBell(path, undefined);
}

/** Nothing, a symbolic link, a directory, a socket. */
const NO_FIFO = ["ENOENT", "ELOOP", "EISDIR", "ENXIO"];

function noBell(path: string, cause: unknown): IpcError {
  return new IpcError(
    "IPC_CORRUPT",
    `The object at ${path} is corrupt: that is not a FIFO. Remove the object, or use another name`,
    {
      cause,
    },
  );
}
