/** Framed messages over the standard output of a child of Bun's. The receiver starts the sender. */
import { join } from "node:path";
import { FrameCheck, FrameSource } from "../framed.ts";
import type { Job } from "../job.ts";
import { now } from "../numbered.ts";

export async function receive(job: Job): Promise<number> {
  const { size, warmUp, count } = job;
  const peer = join(import.meta.dirname, "..", "peer.ts");
  const child = Bun.spawn([process.execPath, peer, JSON.stringify({ ...job, role: "send" })], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const check = new FrameCheck(size);
  let start = now();
  let begun = false;
  for await (const chunk of child.stdout) {
    check.add(chunk);
    if (!begun && check.received >= warmUp) {
      begun = true;
      start = now();
    }
    if (check.received === warmUp + count) break;
  }
  const taken = now() - start;
  await child.exited;
  if (check.received !== warmUp + count) throw new Error(`${check.received} messages came of ${warmUp + count}`);
  return taken;
}

export async function send({ size, warmUp, count }: Job): Promise<void> {
  const source = new FrameSource(size, warmUp + count);
  const sink = Bun.stdout.writer({ highWaterMark: 65_536 });
  for (let frame = source.next(); frame !== undefined; frame = source.next()) {
    const written = sink.write(frame);
    if (typeof written !== "number") await written;
  }
  await sink.end();
}
