/** `postMessage` to a worker thread and back, which copies the message. */
import { once } from "node:events";
import { parentPort, Worker } from "node:worker_threads";
import { echoJob } from "../echo-job.ts";
import type { LatencyJob, Line } from "../job.ts";

export async function connect(job: LatencyJob): Promise<Line> {
  const worker = new Worker(process.argv[1] as string, { argv: [echoJob(job).json] });
  await once(worker, "message");
  return {
    send: (message) => worker.postMessage(message),
    listen: (reply) => void worker.on("message", reply),
    close: () => worker.terminate(),
  };
}

export async function echo(): Promise<void> {
  parentPort?.on("message", (message) => parentPort?.postMessage(message));
  parentPort?.postMessage("ready");
  await new Promise(() => {});
}
