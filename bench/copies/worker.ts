/**
 * One process of a transport: `worker.ts JOB`. It says `{ "ready": [pid, …] }`, then takes orders on standard input: `pass BYTES`, upon which it
 * moves so much and says a `Report`, and `end`.
 */
import { appendFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { CLOCK_MONOTONIC } from "../../src/ffi/abi/current.ts";
import { clockGettime } from "../../src/ffi/clock.ts";
import { CopyCount } from "./copy-count.ts";
import type { Job, Report, Way } from "./job.ts";

const job = JSON.parse(process.argv[2] as string) as Job;
const count = job.counting ? new CopyCount() : undefined;
const way = (await import(new URL(`./ways/${job.way}.ts`, import.meta.url).href)) as Way;
const open = way[job.role];
if (open === undefined) throw new Error(`${job.way} has no ${job.role}`);
const end = await open(job);
/** By its sink, to which it has nothing to say but the file. */
const isStarted = job.nested && job.role === "source";
if (!isStarted) say({ ready: end.child === undefined ? [process.pid] : [process.pid, end.child] });
for await (const line of createInterface({ input: process.stdin })) {
  const [order, bytes] = line.split(" ");
  if (order !== "pass") break;
  const before = count?.bytes ?? 0;
  mark();
  const started = clockGettime(CLOCK_MONOTONIC);
  await end.pass(Number(bytes));
  const ended = clockGettime(CLOCK_MONOTONIC);
  mark();
  say({ started, ended, copied: (count?.bytes ?? 0) - before } satisfies Report);
}
await end.close();
process.exit(0);

function say(what: object): void {
  const line = `${JSON.stringify(what)}\n`;
  if (isStarted) appendFileSync(job.reports, line);
  else process.stdout.write(line);
}

/** A system call that does nothing, to be found in a trace. */
function mark(): void {
  if (job.counting) process.kill(process.pid, 0);
}
