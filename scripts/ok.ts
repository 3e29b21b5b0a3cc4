/**
 * `npm run ok` is the gate: format, lint, types, layers, build, exports, docs, examples, tests. Everything runs, also after a
 * failure; `--no-tests` leaves the tests out. The exit status is 1 when one step failed.
 */
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";

const STEPS: [name: string, ...command: string[]][] = [
  ["format and lint", "node_modules/@biomejs/biome/bin/biome", "ci", "--error-on-warnings"],
  ["types", "node_modules/typescript/bin/tsc"],
  ["layers", "scripts/check-layers.ts"],
  ["build", "scripts/build.ts"],
  ["exports", "scripts/check-exports.ts"],
  ["table of transports", "scripts/adapters-table.ts", "--check"],
  ["docs", "scripts/check-docs.ts"],
  ["examples", "scripts/check-examples.ts"],
  ["tests", "scripts/test.ts"],
];

process.chdir(resolve(import.meta.dirname, ".."));
const failed: string[] = [];
for (const [name, ...command] of STEPS) {
  if (name === "tests" && process.argv.includes("--no-tests")) continue;
  if (name === "tests" && failed.length > 0) console.error(`Failed before the tests: ${failed.join(", ")}`);
  console.log(`--- ${name}`);
  const { status } = spawnSync(process.execPath, command, { stdio: "inherit" });
  if (status !== 0) failed.push(name);
}
if (failed.length > 0) {
  console.error(`Failed: ${failed.join(", ")}`);
  process.exitCode = 1;
}
