/**
 * `bun scripts/check-examples.ts [--runtime NAME] [--only TEXT] [ROOT]` runs every program in `examples/` and the folders below it
 * (on Bun unless told otherwise; with `--only`, those whose path contains the text) and compares what it prints with the comment
 * lines after `// Output:` at its end; see `output-pattern.ts` for `...` and `example-files.ts` for what is not a program of its own.
 * An example that fails, hangs, or leaves a process or a file behind is a problem as well.
 */
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { RUNTIME_NAMES } from "../test/support/runtimes.ts";
import { checkExample } from "./check-example.ts";
import { exampleFiles } from "./example-files.ts";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { runtime: { type: "string", default: "bun" }, only: { type: "string", default: "" } },
});
const root = resolve(positionals[0] ?? join(import.meta.dirname, ".."));
const runtime = RUNTIME_NAMES.find((name) => name === options.runtime);
if (runtime === undefined)
  throw new Error(`Unknown runtime "${options.runtime}", not one of ${RUNTIME_NAMES.join(", ")}`);

const files = exampleFiles(root).filter((path) => relative(root, path).includes(options.only));
let problems = 0;
for (const path of files) {
  const problem = await checkExample(runtime, path);
  if (problem === undefined) continue;
  problems++;
  console.error(`${relative(root, path)}: ${problem}`);
}
console.log(`Examples on ${runtime}: ${files.length} run, ${problems} problems`);
process.exitCode = problems > 0 ? 1 : 0;
