import { Workspace } from "../../src/cli/demo/workspace.ts";
import { type Contender, PIPELINE_CONTENDERS } from "../pipeline/contenders.ts";
import { type Generated, generate } from "../pipeline/generate.ts";
import type { Totals } from "../pipeline/rows.ts";
import { type Run, run } from "../pipeline/run.ts";
import { median } from "./median.ts";
import type { Part } from "./result.ts";
import { rounded } from "./rounded.ts";

const MIB = 2 ** 20;
const FULL = { bytes: 1024 * MIB, rounds: 2 };
const QUICK = { bytes: 64 * MIB, rounds: 2 };
const SEED = 20_261_126;
const BASE = "Bun stdio, a line of JSON for each row";

/** Three processes that parse, filter and add up lines of JSON. */
export const part: Part = ({ quick, only }) => measurePipelines({ ...(quick ? QUICK : FULL), only });

/** Sizes of the job. */
export interface PipelineSetup {
  readonly bytes: number;
  readonly rounds: number;
  readonly only?: readonly string[] | undefined;
}

/** As {@link part}, of any size. */
export async function measurePipelines({ bytes, rounds, only }: PipelineSetup): ReturnType<Part> {
  const contenders = PIPELINE_CONTENDERS.filter(({ name }) => only?.some((part) => name.includes(part)) ?? true);
  const workspace = new Workspace();
  try {
    const file = workspace.file("lines");
    const generated = generate(file, bytes, SEED);
    const env = { MILLRACE_DIR: workspace.path, LC_ALL: "C" };
    const runs = new Map<Contender, Run[]>(contenders.map((contender) => [contender, []]));
    for (let round = 0; round < rounds; round++) {
      for (const [contender, done] of round % 2 === 0 ? runs : [...runs].reverse()) {
        done.push(await runOnce(contender, file, env, generated));
      }
      process.stderr.write(`pipeline: round ${round + 1} of ${rounds}\n`);
    }
    const job = `${bytes / MIB} MiB of JSON lines`;
    return {
      part: "pipeline",
      title: "A pipeline of three processes",
      explanation: `One process parses ${generated.rows} lines of JSON, the next keeps the purchases of ${500} or more, the third adds them up by region. Rows per second from the start of the first process to the end of the last; the sums of all are compared.`,
      bases: { [job]: BASE },
      figures: [...runs].map(([{ name, kind, runtime, note }, done]) => ({
        job,
        contender: name,
        kind,
        runtime,
        unit: "rows/s",
        samples: done.map(({ seconds }) => generated.rows / seconds),
        more: {
          seconds: rounded(median(done.map(({ seconds }) => seconds))),
          "processor time (s)": rounded(median(done.map(({ cpuSeconds }) => cpuSeconds))),
          "peak memory (MiB)": rounded(median(done.map(({ peakMiB }) => peakMiB))),
        },
        ...(note === undefined ? {} : { note }),
      })),
    };
  } finally {
    workspace.close();
  }
}

async function runOnce(
  { name, prepare }: Contender,
  file: string,
  env: Readonly<Record<string, string>>,
  { totals }: Generated,
): Promise<Run> {
  const { commands, started, parse, finish } = prepare(file);
  try {
    const result = await run(name, commands, env, started, parse);
    verify(name, result.totals, totals);
    return result;
  } finally {
    await finish?.();
  }
}

/** @throws {Error} when a sum is not what it was when the lines were made */
function verify(name: string, found: Totals, right: Totals): void {
  for (const [region, { rows, amount }] of Object.entries(right)) {
    const sums = found[region];
    if (sums?.rows === rows && sums.amount === amount) continue;
    throw new Error(`${name}: ${region} has ${sums?.rows} rows of ${sums?.amount}, not ${rows} of ${amount}`);
  }
}
