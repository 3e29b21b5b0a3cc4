/**
 * Blocks a thread in msgrcv on the queue whose id is the second argument, and ends in the way that the first one names: `exit` (status
 * 7), `throw`, `idle` (by itself, after a call that is over). With a third argument, `"worker"`, a Worker does that; then there are also
 * `terminate` (of the Worker) and `main-exit` (status 7, of the thread that started the Worker).
 */
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { callBlocking, callBlockingSync } from "../../../src/ffi/off-thread/blocking-call.ts";

const [ending, queue, place] = isMainThread ? process.argv.slice(2) : (workerData as string[]);
const message = new DataView(new SharedArrayBuffer(16));
const args = [Number(queue), message, 8, 0, 0];

if (isMainThread && place === "worker") {
  const worker = new Worker(new URL(import.meta.url), { workerData: [ending, queue, place] });
  worker.on("error", () => console.log("error"));
  const ended = new Promise((resolve) => worker.on("exit", resolve));
  await Promise.race([new Promise((resolve) => worker.once("message", resolve)), ended]);
  if (ending === "terminate") await worker.terminate();
  if (ending === "main-exit") process.exit(7);
  await ended;
  console.log("worker ended");
} else {
  // fails at once, so the thread is there when it is over
  await callBlocking("msgrcv", [-1, message, 8, 0, 0]);
  if (ending === "idle") {
    console.log(`${callBlockingSync("msgrcv", args, 50).errno}`);
  } else {
    callBlocking("msgrcv", args).then(({ errno }) => console.log(`an end that must not be: ${errno}`));
    // the thread has no way to say that it blocks now
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  parentPort?.postMessage("ready");
  if (ending === "exit") process.exit(7);
  if (ending === "throw") throw new Error("Thrown on purpose");
}
