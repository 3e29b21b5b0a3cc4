import { readFileSync } from "node:fs";
import { commandFor, type RuntimeName } from "../test/support/runtimes.ts";
import { compareOutput, expectedOutput } from "./output-pattern.ts";
import { runIsolated } from "./test-runner/run-isolated.ts";

const TIMEOUT = 60_000;

/**
 * Runs an example and compares what it prints with the comment lines after `// Output:` at its end.
 *
 * @returns what is wrong: it printed something else, failed, took too long, or left a process or a file behind
 */
export async function checkExample(runtime: RuntimeName, path: string): Promise<string | undefined> {
  const expected = expectedOutput(readFileSync(path, "utf8"));
  if (expected === undefined) return 'does not end in "// Output:" and the lines that it prints, each after "// "';
  const { stdout, output, ending, leftovers } = await runIsolated(commandFor(runtime, path), TIMEOUT);
  if (ending !== "") return `${ending}\n${output}`;
  return compareOutput(stdout, expected) ?? (leftovers.length > 0 ? `left behind ${leftovers.join(", ")}` : undefined);
}
