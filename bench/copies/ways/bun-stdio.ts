/** The standard output of a child of Bun's: the sink starts the source, which writes to `Bun.stdout`. */
import { readInPieces, writeInPieces } from "../chunks.ts";
import type { End, Job } from "../job.ts";
import { sourceCommand } from "./source-command.ts";

export async function source({ source, chunkBytes }: Job): Promise<End> {
  const room = new Uint8Array(chunkBytes);
  const out = Bun.stdout.writer({ highWaterMark: chunkBytes });
  return {
    async pass(bytes) {
      await readInPieces(source, bytes, room, async (piece) => {
        out.write(piece);
        await out.flush();
      });
    },
    async close() {
      await out.end();
    },
  };
}

export async function sink(job: Job): Promise<End> {
  const child = Bun.spawn(sourceCommand(job), { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const chunks = child.stdout[Symbol.asyncIterator]();
  return {
    child: child.pid,
    async pass(bytes) {
      child.stdin.write(`pass ${bytes}\n`);
      child.stdin.flush();
      await writeInPieces(job.destination, bytes, async (write) => {
        const { value } = await chunks.next();
        if (value === undefined) throw new Error("The source has ended");
        write(value);
      });
    },
    async close() {
      child.stdin.write("end\n");
      await child.stdin.end();
      await child.exited;
    },
  };
}
