import { setTimeout as sleep } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import { runtime } from "../../src/runtime.ts";

/** The worker threads of this process that live, and whether they have started. */
const living = new Map<Worker, boolean>();

// when a test's imports are evaluated, which is before it has started a thread
if (runtime === "node") process.on("worker", follow);

/**
 * The worker threads that have made their event loops and not yet closed them. On Node an event loop has a pipe with both ends in this
 * process. Bun and Deno have no such pipes, and the answer is empty there.
 */
export async function loopsOfWorkers(): Promise<Set<Worker>> {
  // an unreferenced worker does not keep the process alive until it has started, and a timer does
  while ([...living.values()].includes(false)) await sleep(1);
  return new Set(living.keys());
}

function follow(worker: Worker): void {
  living.set(worker, false);
  worker.once("online", () => living.has(worker) && living.set(worker, true));
  worker.once("exit", () => living.delete(worker));
}
