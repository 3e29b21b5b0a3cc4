/** `process.send()` and `child_process.spawn()` with an "ipc" stream and `serialization: "advanced"`. The sink starts the source. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readInPieces, writeInPieces } from "../chunks.ts";
import type { End, Job } from "../job.ts";
import { MessageQueue } from "./message-queue.ts";
import { sourceCommand } from "./source-command.ts";

export async function source({ source, chunkBytes }: Job): Promise<End> {
  const room = new Uint8Array(chunkBytes);
  return {
    // the next piece when this one has gone, so that no more than one lies in memory
    pass: (bytes) => readInPieces(source, bytes, room, (piece) => new Promise((resolve) => sendOne(piece, resolve))),
    async close() {
      process.disconnect?.();
    },
  };
}

export async function sink(job: Job): Promise<End> {
  const messages = new MessageQueue();
  const [command, ...args] = sourceCommand(job) as [string, ...string[]];
  const child = spawn(command, args, { stdio: ["pipe", "inherit", "inherit", "ipc"], serialization: "advanced" });
  child.on("message", (message) => messages.put(message as unknown as Uint8Array));
  return {
    child: child.pid as number,
    async pass(bytes) {
      child.stdin?.write(`pass ${bytes}\n`);
      await writeInPieces(job.destination, bytes, async (write) => write(await messages.take()));
    },
    async close() {
      const exited = once(child, "exit");
      child.stdin?.end("end\n");
      await exited;
    },
  };
}

function sendOne(piece: Uint8Array, sent: (value: undefined) => void): void {
  process.send?.(piece, undefined, undefined, (error) => {
    if (error !== null && error !== undefined) throw error;
    sent(undefined);
  });
}
