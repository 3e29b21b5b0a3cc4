import type { LatencyJob } from "./job.ts";

/** How a line that starts its echo itself does so: the same program, on the same runtime, with the other role. */
export function echoJob(job: LatencyJob): { command: string; args: string[]; json: string } {
  const json = JSON.stringify({ ...job, role: "echo" } satisfies LatencyJob);
  return { command: process.execPath, args: [...process.execArgv, process.argv[1] as string, json], json };
}
