/**
 * `npm run soak -- [--seconds 60] [--seed N] [--json]` kills and restarts the ends of rings with SIGKILL and checks every message.
 * `npm run soak -- --hostile [--cases 1000000] [--seed N] [--json]` lets a writer that obeys nothing loose on rings.
 *
 * The exit status is 1 when something was lost, changed, or wrong in another way.
 */
import { parseArgs } from "node:util";
import { hostileSoak } from "./hostile-soak.ts";
import { killSoak } from "./kill-soak.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    cases: { type: "string", default: "1000000" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    hostile: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const [seconds, cases, seed] = [values.seconds, values.cases, values.seed].map(Number) as [number, number, number];
for (const [name, value] of Object.entries({ seconds, cases, seed })) {
  if (!Number.isFinite(value) || value < 0) throw new RangeError(`--${name} is no number from 0`);
}

if (!values.json) console.log(`seed ${seed}`);
const result = values.hostile ? await hostileSoak(cases, seed) : await killSoak(seconds, seed);
console.log(values.json ? JSON.stringify(result) : result);
process.exit(result.problems.length > 0 ? 1 : 0);
