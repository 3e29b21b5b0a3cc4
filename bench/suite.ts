/**
 * `npm run bench -- [--quick] [--only copies,throughput,…] [--contender NAME,…] [--json FILE]`: the benchmark suite. Each part runs in a
 * process of its own (`bench/suite/run-part.ts`), prints its tables here, and goes into FILE, from which `npm run bench:report` makes the
 * page. How far it is goes to standard error. In full it takes less than 10 minutes, `--quick` less than one, and is less exact.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { buildForNode } from "./suite/build-for-node.ts";
import { commitOf } from "./suite/commit-of.ts";
import { machine, runtimes } from "./suite/machine.ts";
import { PARTS, partNamed } from "./suite/part-named.ts";
import { printPart } from "./suite/print-part.ts";
import type { PartResult, SuiteResult } from "./suite/result.ts";
import { runPart } from "./suite/start-part.ts";

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    contender: { type: "string" },
    json: { type: "string" },
  },
});
const chosen = values.only?.split(",").map(partNamed) ?? PARTS;

const started = performance.now();
buildForNode();
const parts: PartResult[] = [];
for (const name of chosen) {
  const began = performance.now();
  try {
    const result = await runPart(name, { quick: values.quick, only: values.contender });
    parts.push(result);
    printPart(result);
  } catch (error) {
    console.error(`${name} failed: ${(error as Error).message}`);
    process.exitCode = 1;
  }
  console.error(`${name}: ${seconds(began)} s`);
}
const result: SuiteResult = {
  date: new Date().toISOString(),
  commit: commitOf(),
  quick: values.quick,
  machine: machine(),
  runtimes: runtimes(),
  parts,
};
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(result, undefined, 1)}\n`);
console.error(`All in ${seconds(started)} s${values.quick ? ", --quick: a look, not a measurement" : ""}`);

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}
