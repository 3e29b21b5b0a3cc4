/** `bun bench/suite/run-part.ts PART [--quick] [--json] [--only NAME,…]`: one part of the suite by itself. */
import { parseArgs } from "node:util";
import { partNamed } from "./part-named.ts";
import { printPart } from "./print-part.ts";
import type { Part } from "./result.ts";

/** Names have commas with a space behind them. */
const SEPARATOR = /,(?! )/;

const { values, positionals } = parseArgs({
  options: { quick: { type: "boolean" }, json: { type: "boolean" }, only: { type: "string" } },
  allowPositionals: true,
});
const name = partNamed(positionals[0]);
const { part } = (await import(`./${name}.ts`)) as { part: Part };
const only = values.only === undefined ? {} : { only: values.only.split(SEPARATOR) };
const result = await part({ quick: values.quick ?? false, ...only });
if (values.json) console.log(JSON.stringify(result));
else printPart(result);
