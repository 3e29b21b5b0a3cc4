/** `bun bench/suite/run-part.ts PART [--quick] [--json] [--only NAME,…]`: one part of the suite by itself. */
import { parseArgs } from "node:util";
import { median } from "./median.ts";
import type { Figure, Part, PartName } from "./result.ts";
import { rounded } from "./rounded.ts";

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
        const range = `${rounded(Math.min(...samples))} - ${rounded(Math.max(...samples))}`;
        return { contender, runtime, [unit]: rounded(median(samples)), range, ...more };
      }),
    );
  }
}
