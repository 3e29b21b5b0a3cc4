import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { Channel } from "../../src/mod.ts";
import type { Task } from "./task.ts";

/** How the names of these jobs begin. */
export const OPENING = "opening and closing both ends";

/** Both ends of a channel, opened and closed, in one process, in which one of each kind was open before. */
export function opening(runtime: string): Task[] {
  const folder = mkdtempSync(join(tmpdir(), "millrace-costs-"));
  const job = `${OPENING}, ${runtime}`;
  const addresses = {
    "memory:": "memory:costs",
    "ring:": `ring:costs-${process.pid}`,
    "fifo:": `fifo:${join(folder, "fifo")}`,
    "unix:": `unix:${join(folder, "socket")}`,
    "sysv:": `sysv:${join(folder, "..")}#${(process.pid % 255) + 1}`,
    "mq:": `mq:/millrace-costs-${process.pid}`,
  };
  const named = Object.entries(addresses).map(([contender, address]) => ({
    job,
    contender,
    times: 1,
    async run() {
      const [receiver, sender] = await Promise.all([Channel.receiver(address), Channel.sender(address)]);
      await sender.close();
      await receiver.close();
    },
  }));
  const pipe = {
    job,
    contender: "pipe:",
    times: 1,
    async run() {
      const { sender, receiver } = await Channel.pipe();
      await sender.close();
      await receiver.close();
    },
    async close() {
      rmSync(folder, { recursive: true });
    },
  };
  return [...named, pipe];
}
