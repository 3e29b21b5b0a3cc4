import { execFileSync } from "node:child_process";
import { type MessageQueueStatus, msgctlStat, msgget } from "../../src/ffi/msg.ts";

/** What the kernel tells of the queue with this key; `undefined` when there is none. */
export function queueStatus(key: number): MessageQueueStatus | undefined {
  try {
    return msgctlStat(msgget(key, 0));
  } catch (error) {
    // or removed between the two calls
    if (["ENOENT", "EINVAL", "EIDRM"].includes((error as { code: string }).code)) return undefined;
    throw error;
  }
}

/** The line of `ipcs -q` for this key. */
export function ipcsLine(key: number): { perms: string; usedBytes: number; messages: number } | undefined {
  const hex = `0x${key.toString(16).padStart(8, "0")}`;
  const line = execFileSync("ipcs", ["-q"], { encoding: "utf8" })
    .split("\n")
    .find((text) => text.startsWith(hex));
  if (line === undefined) return undefined;
  const [, , , perms = "", usedBytes, messages] = line.split(/\s+/);
  return { perms, usedBytes: Number(usedBytes), messages: Number(messages) };
}
