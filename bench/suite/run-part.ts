/** `bun bench/suite/run-part.ts PART [--quick] [--json] [--only NAME,…]`: one part of the suite by itself. */
import { parseArgs } from "node:util";
import { printPart } from "./print-part.ts";
import type { Part, PartName } from "./result.ts";

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
else printPart(result);
