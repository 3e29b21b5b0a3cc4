/**
 * `npm run bench:compare -- REF [--only throughput,…] [--contender NAME,…] [--rounds 8] [--json FILE]`: is this working tree faster than
 * the commit REF? Checks REF out into a temporary folder, puts this tree's `bench` and packages beside its source, so that both are measured
 * in the same way, and runs the parts (quick) in turns, each time in fresh processes, every other round in the reverse order. Says which
 * differences are beyond the noise and by which statistic. The folder is removed in the end.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { checkOut } from "./compare/check-out.ts";
import { type Comparison, compareSamples } from "./compare/compare-samples.ts";
import { printComparison } from "./compare/print-comparison.ts";
import { buildForNode } from "./suite/build-for-node.ts";
import { commitOf } from "./suite/commit-of.ts";
import { median } from "./suite/median.ts";
import { partNamed } from "./suite/part-named.ts";
import type { PartName } from "./suite/result.ts";
import { runPart } from "./suite/start-part.ts";

const { values, positionals } = parseArgs({
  options: {
    only: { type: "string", default: "throughput,latency" },
    contender: { type: "string" },
    rounds: { type: "string", default: "8" },
    json: { type: "string" },
  },
  allowPositionals: true,
});
const [ref] = positionals;
if (ref === undefined) throw new TypeError("Compare with which commit? npm run bench:compare -- REF");
const rounds = Number(values.rounds);
const parts = values.only.split(",").map(partNamed);
const found = new Map<string, Comparison>();
const checkout = checkOut(ref);
try {
  buildForNode();
  buildForNode(checkout.folder);
  for (let round = 0; round < rounds; round++) {
    for (const part of parts) {
      const sides = round % 2 === 0 ? (["before", "after"] as const) : (["after", "before"] as const);
      for (const side of sides) await measureSide(side, part);
    }
    console.error(`round ${round + 1} of ${rounds}`);
  }
} finally {
  checkout.remove();
}
const compared = compareSamples([...found.values()]);
printComparison(compared, `${ref} (${checkout.commit})`, `this tree (${commitOf()})`);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(compared, undefined, 1)}\n`);

async function measureSide(side: "before" | "after", part: PartName): Promise<void> {
  const root = side === "before" ? { root: checkout.folder } : {};
  const { figures } = await runPart(part, { quick: true, only: values.contender, ...root });
  for (const { job, contender, runtime, unit, samples } of figures) {
    if (samples.length === 0) continue;
    const key = JSON.stringify([part, job, contender, runtime, unit]);
    const comparison = found.get(key) ?? { part, job, contender, runtime, unit, before: [], after: [] };
    found.set(key, comparison);
    comparison[side].push(median(samples));
  }
}
