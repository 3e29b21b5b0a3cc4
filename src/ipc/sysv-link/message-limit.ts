import { readFileSync } from "node:fs";

/** Where the kernel tells the longest message that a queue takes; 8192 bytes unless the system's administrator said otherwise. */
export const MSGMAX_FILE = "/proc/sys/kernel/msgmax";

/** The longest message, in bytes, that the kernel takes now. */
export function kernelMessageLimit(): number {
  return Number(readFileSync(MSGMAX_FILE, "utf8"));
}
