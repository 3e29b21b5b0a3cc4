import { sysvKey } from "../../objects/sysv-key.ts";
import type { SysvAddress } from "../address.ts";

/**
 * The key of a queue, as an unsigned number of 32 bits: the address's own, or the one that `ftok` makes of its path and id.
 *
 * @throws {IpcError} `IPC_NOT_FOUND` when the path does not exist; `IPC_PERMISSION`
 */
export function queueKey({ key }: SysvAddress): number {
  return typeof key === "number" ? key : sysvKey(`${key.path}#${key.id}`);
}

/** The name of the presence object that belongs to a key. */
export function presenceName(key: number): string {
  return `${key.toString(16).padStart(8, "0")}.sysv`;
}
