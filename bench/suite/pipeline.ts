import { Workspace } from "../../src/cli/demo/workspace.ts";
import { type Contender, PIPELINE_CONTENDERS } from "../pipeline/contenders.ts";
import { generate } from "../pipeline/generate.ts";
import { LEAST_AMOUNT } from "../pipeline/rows.ts";
import type { Run } from "../pipeline/run.ts";
import { runContender } from "../pipeline/run-contender.ts";
import { type Entry, interleaved } from "./interleaved.ts";
import { median } from "./median.ts";
import type { Part } from "./result.ts";
import { rounded } from "./rounded.ts";
import { sizeName } from "./size-name.ts";

const MIB = 2 ** 20;
const FULL = { bytes: 1024 * MIB, rounds: 3 };
const QUICK = { bytes: 64 * MIB, rounds: 2 };
const SEED = 20_261_126;
const BASE = "Bun stdio, a line of JSON for each row";

/** Three processes that parse, filter and add up lines of JSON. */
export const part: Part = ({ quick, only }) => measurePipelines({ ...(quick ? QUICK : FULL), only });

/** Sizes of the job. */
export interface PipelineSetup {
  readonly bytes: number;
  readonly rounds: number;
  /** Parts of names of contenders; all without. */
  readonly only?: readonly string[] | undefined;
}

/** As {@link part}, of any size. */
export async function measurePipelines({ bytes, rounds, only }: PipelineSetup): ReturnType<Part> {
  const say = (text: string) => process.stderr.write(`pipeline: ${text}\n`);
  const chosen = PIPELINE_CONTENDERS.filter(({ name }) => only?.some((part) => name.includes(part)) ?? true);
  const job = `${sizeName(bytes)} of JSON lines`;
  const workspace = new Workspace();
  try {
    const file = workspace.file("lines");
    const { rows, totals } = generate(file, bytes, SEED);
    say(`${rows} rows are there`);
    const env = { MILLRACE_DIR: workspace.path, LC_ALL: "C" };
    const entries = chosen.map((contender) =>
      entryOf(job, contender, rows, () => runContender(contender, file, env, totals)),
    );
    return {
      part: "pipeline",
      title: "A pipeline of three processes",
      explanation:
        `The first process parses ${rows} lines of JSON, the second keeps purchases of ${LEAST_AMOUNT} and more, the third adds them up by region. ` +
        "Rows per second from the start of the first process to the end of the last one; all have to find the sums that the " +
        "generator of the lines has kept. Processor time and memory are those of all processes together.",
      bases: { [job]: BASE },
      figures: await interleaved([entries], rounds, say),
    };
  } finally {
    workspace.close();
  }
}

function entryOf(
  job: string,
  { name, kind, runtime, note }: Contender,
  rows: number,
  runOnce: () => Promise<Run>,
): Entry {
  const runs: Run[] = [];
  const middle = (of: (run: Run) => number) => rounded(median(runs.map(of)));
  return {
    figure: { job, contender: name, kind, runtime, unit: "rows/s", ...(note === undefined ? {} : { note }) },
    async measure() {
      const run = await runOnce();
      runs.push(run);
      return rows / run.seconds;
    },
    more: () => ({
      seconds: middle(({ seconds }) => seconds),
      "processor time (s)": middle(({ cpuSeconds }) => cpuSeconds),
      "peak memory (MiB)": middle(({ peakMiB }) => peakMiB),
    }),
  };
}
