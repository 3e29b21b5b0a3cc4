/**
 * `bun scripts/check-examples.ts [--runtime NAME] [ROOT]` runs every `examples/*.ts` (on Bun unless told otherwise) and compares
 * what it prints with the comment lines after `// Output:` at its end; see `output-pattern.ts` for `...`.
 * An example that fails, hangs, or leaves a process or a file behind is a problem as well.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { commandFor, RUNTIME_NAMES } from "../test/support/runtimes.ts";
import { compareOutput, expectedOutput } from "./output-pattern.ts";
import { runIsolated } from "./test-runner/run-isolated.ts";

const TIMEOUT = 60_000;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { runtime: { type: "string", default: "bun" } },
});
const root = resolve(positionals[0] ?? join(import.meta.dirname, ".."));
const folder = join(root, "examples");
const runtime = RUNTIME_NAMES.find((name) => name === options.runtime);
if (runtime === undefined)
  throw new Error(`Unknown runtime "${options.runtime}", not one of ${RUNTIME_NAMES.join(", ")}`);

const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".ts")) : [];
let problems = 0;
for (const file of files.sort()) {
  const problem = await checkExample(join(folder, file));
  if (problem === undefined) continue;
  problems++;
  console.error(`examples/${file}: ${problem}`);
}
console.log(`Examples on ${runtime}: ${files.length} run, ${problems} problems`);
process.exitCode = problems > 0 ? 1 : 0;

async function checkExample(path: string): Promise<string | undefined> {
  const expected = expectedOutput(readFileSync(path, "utf8"));
  if (expected === undefined) return 'does not end in "// Output:" and the lines that it prints, each after "// "';
  const { stdout, output, ending, leftovers } = await runIsolated(commandFor(runtime ?? "bun", path), TIMEOUT);
  if (ending !== "") return `${ending}\n${output}`;
  return compareOutput(stdout, expected) ?? (leftovers.length > 0 ? `left behind ${leftovers.join(", ")}` : undefined);
}
