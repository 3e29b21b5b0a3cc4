/**
 * Has a wait for a descriptor in the state that its first argument names, and ends in the way that the second one names. With a third
 * one, `"worker"`, all of that happens in a Worker.
 *
 * States: `none` (all waits are over), `pending`. Endings: `natural`, `exit` (status 7), `throw`, `input` (it waits for its
 * descriptor 3, and nothing else keeps it), `terminate` (of the Worker), `main-exit` (status 7, of the thread that started the Worker).
 */
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { EFD_NONBLOCK } from "../../../src/ffi/abi/current.ts";
import { eventfd } from "../../../src/ffi/eventfd.ts";
import { waitForFd } from "../../../src/ffi/off-thread/reactor.ts";

const [state, ending, place] = isMainThread ? process.argv.slice(2) : (workerData as string[]);

if (isMainThread && place === "worker") await startWorker();
else await wait();

async function wait(): Promise<void> {
  await waitForFd(eventfd(1), "read");
  if (state === "pending") waitForFd(eventfd(0, EFD_NONBLOCK), "read").then(() => say("an end that must not be"));
  say("ready");
  if (ending === "exit") process.exit(7);
  if (ending === "throw") throw new Error("Thrown on purpose");
  if (ending === "input") {
    await waitForFd(3, "read");
    say("input");
  }
}

async function startWorker(): Promise<void> {
  const worker = new Worker(new URL(import.meta.url), { workerData: [state, ending, place] });
  const ended = new Promise((resolve) => worker.on("exit", resolve));
  worker.on("error", () => say("error"));
  // what it says just before its end may be lost
  for await (const line of messages(worker, ended)) {
    say(line);
    if (line === "ready") break;
  }
  if (ending === "terminate") await worker.terminate();
  if (ending === "main-exit") process.exit(7);
  await ended;
  say("worker ended");
}

async function* messages(worker: Worker, ended: Promise<unknown>): AsyncGenerator<string> {
  for (;;) {
    const line = await Promise.race([new Promise<string>((resolve) => worker.once("message", resolve)), ended]);
    if (typeof line !== "string") return;
    yield line;
  }
}

function say(line: string): void {
  if (isMainThread) console.log(line);
  else parentPort?.postMessage(line);
}
