/** One process of a latency test: `peer.ts JOB`. An echo says `ready` where it has to be first; who pings writes the samples. */
import { writeFileSync } from "node:fs";
import { closedLoop } from "./closed-loop.ts";
import type { LatencyJob, LineModule } from "./job.ts";
import { openLoop } from "./open-loop.ts";

const job = JSON.parse(process.argv[2] as string) as LatencyJob;
const extension = import.meta.url.endsWith(".js") ? "js" : "ts";
const module = (await import(new URL(`./lines/${job.line}.${extension}`, import.meta.url).href)) as LineModule;
if (job.role === "echo") {
  await module.echo(job);
} else {
  const line = await module.connect(job);
  const samples = job.rate > 0 ? await openLoop(line, job) : await closedLoop(line, job);
  writeFileSync(job.samples, new Uint8Array(samples.buffer));
  await line.close();
}
process.exit(0);
