/** `bun bench/suite/run-part.ts PART [--quick] [--json] [--only NAME,…]`: one part of the suite by itself. */
import { parseArgs } from "node:util";
import type { Figure, Part, PartName } from "./result.ts";

const PARTS: readonly PartName[] = ["copies", "throughput", "latency", "pipeline", "costs"];

const { values, positionals } = parseArgs({
  options: { quick: { type: "boolean" }, json: { type: "boolean" }, only: { type: "string" } },
  allowPositionals: true,
});
const name = PARTS.find((known) => known === positionals[0]);
if (name === undefined) throw new RangeError(`No part ${positionals[0]}: ${PARTS.join(", ")} would be right`);
const { part } = (await import(`./${name}.ts`)) as { part: Part };
const only = values.only === undefined ? {} : { only: values.only.split(",") };
const result = await part({ quick: values.quick ?? false, ...only });
if (values.json) console.log(JSON.stringify(result));
else print(result.figures);

function print(figures: readonly Figure[]): void {
  for (const [job, some] of Map.groupBy(figures, ({ job }) => job)) {
    console.log(job);
    console.table(
      some.map(({ contender, runtime, unit, samples, more }) => {
        const sorted = samples.toSorted((a, b) => a - b);
        const range = `${round(sorted[0])} - ${round(sorted.at(-1))}`;
        return { contender, runtime, [unit]: round(sorted[sorted.length >> 1]), range, ...more };
      }),
    );
  }
}

function round(value: number | undefined): number | string {
  return value === undefined ? "none" : Number(value.toPrecision(3));
}
