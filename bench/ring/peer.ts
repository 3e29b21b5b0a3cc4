/**
 * One process of a measurement: `peer.ts JOB`. It says `ready` when the other one may start, where that matters, and prints
 * `{ "ns": … }` at the end when it is the one with the clock.
 */
import type { Job, Way } from "./job.ts";

const job = JSON.parse(process.argv[2] as string) as Job;
const extension = import.meta.url.endsWith(".js") ? "js" : "ts";
const way = (await import(new URL(`./ways/${job.way}.${extension}`, import.meta.url).href)) as Way;
const run = way[job.role];
if (run === undefined) throw new Error(`${job.way} cannot ${job.role}`);
const ns = await run(job);
if (ns !== undefined) console.log(JSON.stringify({ ns }));
process.exit(0);
