import { join } from "node:path";
import type { Job } from "../job.ts";

/** How a sink starts its source, on the runtime that it runs on itself. */
export function sourceCommand(job: Job): string[] {
  const worker = join(import.meta.dirname, "..", "worker.ts");
  return [process.execPath, ...process.execArgv, worker, JSON.stringify({ ...job, role: "source" } satisfies Job)];
}
