import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { commandFor, type RuntimeName } from "../../test/support/runtimes.ts";
import { CALL_JOB } from "../costs/ffi-calls.ts";
import type { Cost } from "../costs/measure.ts";
import { OPENING } from "../costs/opening.ts";
import type { Figure, Part } from "./result.ts";

const FULL = { milliseconds: 80, rounds: 3 };
const QUICK = { milliseconds: 20, rounds: 2 };

interface Where {
  readonly name: string;
  readonly runtime: RuntimeName;
  readonly env?: Readonly<Record<string, string>>;
}

/** Node runs the source as it is, so nothing has to be built. */
const PLACES: readonly Where[] = [
  { name: "Bun", runtime: "bun" },
  { name: "Node 26", runtime: "node26-ffi", env: { MILLRACE_FFI: "koffi" } },
  { name: "Node 26 with node:ffi", runtime: "node26-ffi" },
  { name: "Deno", runtime: "deno" },
];

const NOTES: Readonly<Record<string, string>> = { "pipe:": "It has no name, so nothing is made in a file system" };

/** What things cost inside of one process. */
export const part: Part = ({ quick, only }) => measureCosts({ ...(quick ? QUICK : FULL), only });

/** How long to measure. */
export interface CostsSetup {
  /** Of each task in each round. */
  readonly milliseconds: number;
  readonly rounds: number;
  /** Names of places: `"Bun"`, `"Node 26"`, `"Deno"`. */
  readonly only?: readonly string[] | undefined;
}

/** As {@link part}, for any time. */
export async function measureCosts({ milliseconds, rounds, only }: CostsSetup): ReturnType<Part> {
  const places = PLACES.filter(({ name }) => only?.some((part) => name.includes(part)) ?? true);
  const figures = new Map<string, Figure & { samples: number[] }>();
  const failures = new Map<Where, string>();
  for (let round = 0; round < rounds; round++) {
    for (const place of round % 2 === 0 ? places : places.toReversed()) {
      if (failures.has(place)) continue;
      try {
        for (const cost of await costsAt(place, milliseconds)) addTo(figures, cost, place);
      } catch (error) {
        failures.set(place, (error as Error).message);
      }
    }
    process.stderr.write(`costs: round ${round + 1} of ${rounds}\n`);
  }
  const failed = [...failures].map(
    ([place, message]): Figure => ({ ...figureOf(CALL_JOB, place.name, place), note: `It failed: ${message}` }),
  );
  const jobs = Map.groupBy([...figures.values(), ...failed], ({ job }) => job);
  return {
    part: "costs",
    title: "What things cost inside of one process",
    explanation:
      "How long it takes to do something once, in one thread, without another process: a call into C with each backend, a message into a " +
      "ring and out again, a message into frames and out of them, a value into bytes and back, and a channel opened and closed. " +
      "Each sample is the median of one fresh process.",
    bases: Object.fromEntries([...jobs].map(([job, some]) => [job, (some[0] as Figure).contender])),
    figures: [...jobs.values()].flat(),
  };
}

function addTo(
  figures: Map<string, Figure & { samples: number[] }>,
  { job, contender = "", ns, failure }: Cost,
  place: Where,
): void {
  const key = `${job}|${contender}|${place.name}`;
  const known = figures.get(key);
  const samples = ns === undefined ? [] : [unitOf(job) === "us" ? ns / 1000 : ns];
  if (known !== undefined) {
    known.samples.push(...samples);
    return;
  }
  const why = failure === undefined ? NOTES[contender] : `It failed: ${failure}`;
  const note = why === undefined ? {} : { note: why };
  figures.set(key, { ...figureOf(job, contender || place.name, place), samples, ...note });
}

function figureOf(job: string, contender: string, { runtime }: Where): Figure {
  const name = runtime === "node26-ffi" ? "node26" : runtime;
  return { job, contender, kind: "millrace", runtime: name, unit: unitOf(job), samples: [] };
}

/** To open a channel takes system calls, a thousand times as long as the rest. */
function unitOf(job: string): "us" | "ns" {
  return job.startsWith(OPENING) ? "us" : "ns";
}

async function costsAt({ name, runtime, env }: Where, milliseconds: number): Promise<Cost[]> {
  const script = join(import.meta.dirname, "..", "costs", "measure.ts");
  const { command, args, env: ofRuntime } = commandFor(runtime, script, [name, String(milliseconds)]);
  const child = spawn(command, args, {
    env: { ...process.env, ...ofRuntime, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const [status, signal] = await once(child, "close");
  if (status !== 0) throw new Error(`The costs on ${name} ended with ${status ?? signal}`);
  return JSON.parse(output) as Cost[];
}
