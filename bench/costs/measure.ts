/** `measure.ts RUNTIME MILLISECONDS`: runs every task for so long on this runtime, and prints a JSON array of {@link Cost}. */
import process from "node:process";
import { Bench } from "tinybench";
import { openKoffi } from "../../src/ffi/backend/koffi.ts";
import { recommendedLibrary } from "../../src/ffi/recommended.ts";
import { codecs } from "./codecs.ts";
import { ffiCalls } from "./ffi-calls.ts";
import { framing } from "./framing.ts";
import { opening } from "./opening.ts";
import { ringCalls } from "./ring-calls.ts";
import type { Task } from "./task.ts";

/** What doing something once took. */
export interface Cost {
  readonly job: string;
  readonly contender: string | undefined;
  /** Nanoseconds, of the fastest half of the calls the slowest. */
  readonly ns?: number;
  /** Why there is none. */
  readonly failure?: string;
}

const [runtime = "", milliseconds = ""] = process.argv.slice(2);
const library = recommendedLibrary();
const tasks: Task[] = [...ffiCalls(library, runtime)];
if (library.name === "bun:ffi") tasks.push(...ffiCalls(openKoffi(), runtime));
// on Node everything but the calls would be measured twice
if (library.name !== "node:ffi") tasks.push(...ringCalls(), ...framing(), ...(await codecs()), ...opening(runtime));

const time = Number(milliseconds);
const bench = new Bench({ time, warmupTime: time / 4, warmupIterations: 4, iterations: 8 });
for (const [number, task] of tasks.entries()) bench.add(String(number), task.run);
await bench.run();
for (const task of tasks) await task.close?.();
const costs = tasks.map(({ job, contender, times }, number): Cost => {
  const result = bench.tasks[number]?.result;
  if (result?.state === "completed") return { job, contender, ns: (result.latency.p50 * 1e6) / times };
  const failure = result?.state === "errored" ? result.error.message : `it is ${result?.state}`;
  return { job, contender, failure };
});
console.log(JSON.stringify(costs));
process.exit(0);
