/**
 * `bun bench/import-time.ts [--json]`: what importing millrace costs a script, per runtime: the median time of a process that imports it
 * less that of one that does not, started alternately, and the time that the import statement itself takes inside of the process.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { commandFor, type RuntimeName } from "../test/support/runtimes.ts";

const ROUNDS = 21;
const root = resolve(import.meta.dirname, "..");
const CASES: readonly [runtime: RuntimeName, what: string, module: string][] = [
  ["bun", "source", "src/mod.ts"],
  ["bun", "dist", "dist/bundle/millrace.js"],
  ["node20", "dist", "dist/bundle/millrace.js"],
  ["node26", "source", "src/mod.ts"],
  ["node26", "dist", "dist/bundle/millrace.js"],
  ["deno", "source", "src/mod.ts"],
  ["deno", "dist", "dist/bundle/millrace.js"],
];

const scratch = mkdtempSync(join(tmpdir(), "millrace-import-"));
try {
  const rows = CASES.map(([runtime, what, module]) => ({ runtime, imports: what, ...measure(runtime, module) }));
  if (process.argv.includes("--json")) console.log(JSON.stringify({ rounds: ROUNDS, rows }));
  else console.table(rows);
} finally {
  rmSync(scratch, { recursive: true });
}

function measure(runtime: RuntimeName, module: string): { importMs: number; processMs: number } {
  const empty = join(scratch, "empty.mjs");
  const importing = join(scratch, "importing.mjs");
  writeFileSync(empty, "console.log(0);");
  const path = JSON.stringify(join(root, module));
  writeFileSync(importing, `const t = performance.now(); await import(${path}); console.log(performance.now() - t);`);
  const imports: number[] = [];
  const differences: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const without = run(runtime, empty);
    const withIt = run(runtime, importing);
    imports.push(Number(withIt.output));
    differences.push(withIt.ms - without.ms);
  }
  return { importMs: median(imports), processMs: median(differences) };
}

function run(runtime: RuntimeName, file: string): { ms: number; output: string } {
  const { command, args, env } = commandFor(runtime, file);
  const start = performance.now();
  const { stdout, status } = spawnSync(command, args, { env: { ...process.env, ...env }, encoding: "utf8" });
  const ms = performance.now() - start;
  if (status !== 0) throw new Error(`${runtime} ended with status ${status}`);
  return { ms, output: stdout };
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Number((sorted[sorted.length >> 1] as number).toFixed(2));
}
