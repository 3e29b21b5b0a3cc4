/** `process.send()` and `Bun.spawn({ ipc })`, with structured clone. The sink starts the source. */
import { writeInPieces } from "../chunks.ts";
import type { End, Job } from "../job.ts";
import { MessageQueue } from "./message-queue.ts";
import { sourceCommand } from "./source-command.ts";

export { source } from "./node-ipc.ts";

export async function sink(job: Job): Promise<End> {
  const messages = new MessageQueue();
  const child = Bun.spawn(sourceCommand(job), {
    stdin: "pipe",
    stdout: "inherit",
    stderr: "inherit",
    serialization: "advanced",
    ipc: (message) => messages.put(message as Uint8Array),
  });
  return {
    child: child.pid,
    async pass(bytes) {
      child.stdin.write(`pass ${bytes}\n`);
      child.stdin.flush();
      await writeInPieces(job.destination, bytes, async (write) => write(await messages.take()));
    },
    async close() {
      child.stdin.write("end\n");
      await child.stdin.end();
      await child.exited;
    },
  };
}
