/** `postMessage` from a worker thread, which copies the message. The receiver starts the worker. */
import { once } from "node:events";
import { parentPort, Worker } from "node:worker_threads";
import { childJob } from "../child-job.ts";
import { Counting } from "../counting.ts";
import { Credit, windowOf } from "../credit.ts";
import type { Job } from "../job.ts";
import { stamp } from "../numbered.ts";

export async function receive(job: Job): Promise<number> {
  const counting = new Counting(job);
  const worker = new Worker(process.argv[1] as string, { argv: [childJob(job).json] });
  const exited = once(worker, "exit");
  // postMessage has no back-pressure, so each half of a window is acknowledged
  const half = windowOf(job.size) / 2;
  worker.on("message", (message: Uint8Array) => {
    const isLast = counting.take(message);
    if (isLast || counting.received % half === 0) worker.postMessage(isLast ? "done" : half);
  });
  const taken = await counting.done;
  await exited;
  return taken;
}

export async function send(job: Job): Promise<void> {
  const message = new Uint8Array(job.size);
  await post(job, (number) => {
    stamp(message, 0, job.size, number);
    parentPort?.postMessage(message);
  });
}

/** Calls `postOne` for each message, and waits while a window of them is on its way. */
export async function post({ size, warmUp, count }: Job, postOne: (number: number) => void): Promise<void> {
  const credit = new Credit(windowOf(size));
  const done = new Promise<void>((resolve) => {
    parentPort?.on("message", (reply: number | "done") => {
      if (reply === "done") resolve();
      else credit.arrived(reply);
    });
  });
  for (let i = 1; i <= warmUp + count; i++) {
    postOne(i);
    const full = credit.sent();
    if (full) await full;
  }
  await done;
}
