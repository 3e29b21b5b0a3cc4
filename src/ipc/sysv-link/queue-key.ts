import { domainError } from "../../error-table.ts";
import { ftok } from "../../ffi/msg.ts";
import type { SysvAddress } from "../address.ts";

/**
 * The key of a queue, as an unsigned number of 32 bits: the address's own, or the one that `ftok` makes of its path and id.
 *
 * @throws {IpcError} `IPC_NOT_FOUND` when the path does not exist; `IPC_PERMISSION`
 */
export function queueKey({ key, text }: SysvAddress): number {
  if (typeof key === "number") return key;
  try {
    return ftok(key.path, key.id) >>> 0;
  } catch (error) {
    const what = `Cannot make a key for ${text}: ftok takes it from a file that exists. Create the file, or use a number, such as sysv:0x4d4c0001`;
    throw domainError("open", error, what);
  }
}

/** The name of the presence object that belongs to a key. */
export function presenceName(key: number): string {
  return `${key.toString(16).padStart(8, "0")}.sysv`;
}
