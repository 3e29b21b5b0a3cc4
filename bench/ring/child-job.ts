import type { Job } from "./job.ts";

/** How a receiver that starts its sender itself, as the way wants it, does so: the same program, on the same runtime, with the other role. */
export function childJob(job: Job): { command: string; args: string[]; json: string } {
  const json = JSON.stringify({ ...job, role: "send" } satisfies Job);
  return { command: process.execPath, args: [...process.execArgv, process.argv[1] as string, json], json };
}
