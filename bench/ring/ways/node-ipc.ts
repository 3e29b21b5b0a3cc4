/** `child_process.fork` with `serialization: "advanced"`. The receiver starts the sender. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { childJob } from "../child-job.ts";
import { Counting } from "../counting.ts";
import { Credit, windowOf } from "../credit.ts";
import type { Job } from "../job.ts";
import { stamp } from "../numbered.ts";

export async function receive(job: Job): Promise<number> {
  const counting = new Counting(job);
  const child = fork(process.argv[1] as string, [childJob(job).json], { serialization: "advanced" });
  const exited = once(child, "exit");
  child.on("message", (message) => {
    if (counting.take(message as unknown as Uint8Array)) child.send("done");
  });
  const taken = await counting.done;
  await exited;
  return taken;
}

export async function send({ size, warmUp, count }: Job): Promise<void> {
  const done = once(process, "message");
  const credit = new Credit(windowOf(size));
  const message = new Uint8Array(size);
  const written = (error: Error | null) => {
    if (error) throw error;
    credit.arrived(1);
  };
  for (let i = 1; i <= warmUp + count; i++) {
    stamp(message, 0, size, i);
    process.send?.(message, undefined, undefined, written);
    const full = credit.sent();
    if (full) await full;
  }
  await done;
}
