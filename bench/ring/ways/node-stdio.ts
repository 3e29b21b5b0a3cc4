/** Framed messages over the standard output of a child of `node:child_process`. The receiver starts the sender. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { childJob } from "../child-job.ts";
import { Counting } from "../counting.ts";
import { FrameCheck, FrameSource } from "../framed.ts";
import type { Job } from "../job.ts";
import { writeAll } from "../write-all.ts";

export async function receive(job: Job): Promise<number> {
  const { command, args } = childJob(job);
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const check = new FrameCheck(job.size);
  const counting = new Counting(job);
  child.stdout.on("data", (chunk: Uint8Array) => {
    check.add(chunk);
    counting.reached(check.received);
  });
  const taken = await counting.done;
  await exited;
  return taken;
}

export async function send({ size, warmUp, count }: Job): Promise<void> {
  await writeAll(process.stdout, new FrameSource(size, warmUp + count));
  await new Promise<void>((resolve) => process.stdout.end(() => resolve()));
}
