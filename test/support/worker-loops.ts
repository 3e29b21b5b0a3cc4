import type { Worker } from "node:worker_threads";
import { runtime } from "../../src/runtime.ts";

/** The worker threads of this process that live, each with its being ready or over. */
const living = new Map<Worker, Promise<void>>();

// when a test's imports are evaluated, which is before it has started a thread
if (runtime === "node") process.on("worker", follow);

/**
 * The worker threads that have made their event loops and not yet closed them. On Node an event loop has a pipe with both ends in this
 * process. Bun and Deno have no such pipes, and the answer is empty there.
 */
export async function loopsOfWorkers(): Promise<Set<Worker>> {
  await Promise.all(living.values());
  return new Set(living.keys());
}

function follow(worker: Worker): void {
  const started = new Promise<void>((resolve) => {
    worker.once("online", resolve);
    worker.once("exit", resolve);
  });
  living.set(worker, started);
  worker.once("exit", () => living.delete(worker));
}
