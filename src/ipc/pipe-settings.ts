import { readFileSync } from "node:fs";
import { IpcError } from "../errors.ts";
import { SIGPIPE } from "../ffi/abi/current.ts";
import { setPipeSize } from "../ffi/fcntl.ts";
import { sigaction } from "../ffi/signal.ts";
import type { SystemError } from "../ffi/system-error.ts";

/**
 * Sets the capacity of a pipe or FIFO, for both ends of it. The kernel rounds up to a power of two of whole pages.
 *
 * @param capacity bytes; `undefined` leaves it as it is
 * @throws {IpcError} `IPC_LIMIT` when this user may not have that much
 */
export function setCapacity(fd: number, capacity: number | undefined, address: string): void {
  if (capacity === undefined) return;
  try {
    setPipeSize(fd, capacity);
  } catch (error) {
    if ((error as SystemError).code !== "EPERM") throw error;
    const most = Number(readFileSync("/proc/sys/fs/pipe-max-size", "utf8"));
    const reason =
      capacity > most
        ? `/proc/sys/fs/pipe-max-size allows ${most}`
        : "all pipes of this user together would take more than /proc/sys/fs/pipe-user-pages-soft allows";
    throw new IpcError("IPC_LIMIT", `Cannot give ${address} a capacity of ${capacity} bytes: ${reason}`, {
      cause: error,
    });
  }
}

/**
 * Makes a write to a pipe without readers fail instead of killing the process. Bun, Node and Deno ignore SIGPIPE from the start, so this
 * does something only where a program has set it back. A handler of its own is left alone: it does not kill either.
 */
export function ignoreBrokenPipes(): void {
  if (sigaction(SIGPIPE) === "default") sigaction(SIGPIPE, "ignore");
}
