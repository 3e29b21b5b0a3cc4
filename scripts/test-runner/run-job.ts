import { commandFor } from "../../test/support/runtimes.ts";
import type { Job } from "./plan.ts";
import { runIsolated } from "./run-isolated.ts";
import { readSummary, type Summary } from "./summary.ts";

export interface JobResult extends Summary {
  output: string;
  /** milliseconds */
  duration: number;
}

/** Runs one test file on one runtime. */
export async function runJob({ file, runtime, timeout }: Job): Promise<JobResult> {
  const started = performance.now();
  const { command, args, env } = commandFor(runtime, file);
  const result = await runIsolated({ command, args, env: { ...env, MILLRACE_TEST_RUNTIME: runtime } }, timeout);
  const summary = readSummary(result.output, result.ending);
  const problems = [...summary.problems, ...result.leftovers.map((left) => `left behind ${left}`)];
  return { ...summary, problems, output: result.output, duration: performance.now() - started };
}
