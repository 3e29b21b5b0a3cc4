/** `postMessage` from a worker thread with a transfer list, which moves the message's memory. The receiver starts the worker. */
import { parentPort } from "node:worker_threads";
import type { Job } from "../job.ts";
import { stamp } from "../numbered.ts";
import { post } from "./worker-post.ts";

export { receive } from "./worker-post.ts";

export async function send(job: Job): Promise<void> {
  const { size } = job;
  await post(job, (number) => {
    const message = new Uint8Array(size); // what was transferred is gone
    stamp(message, 0, size, number);
    parentPort?.postMessage(message, [message.buffer]);
  });
}
