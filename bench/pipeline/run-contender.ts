import type { Contender } from "./contenders.ts";
import type { Totals } from "./rows.ts";
import { type Run, run } from "./run.ts";

/**
 * Runs a contender's pipeline once, in processes of its own.
 *
 * @param right what it has to find
 * @throws {Error} when a sum is another
 */
export async function runContender(
  { name, prepare }: Contender,
  file: string,
  env: Readonly<Record<string, string>>,
  right: Totals,
): Promise<Run> {
  const { commands, started, parse, finish } = prepare(file);
  try {
    const result = await run(name, commands, env, started, parse);
    verify(name, result.totals, right);
    return result;
  } finally {
    await finish?.();
  }
}

function verify(name: string, found: Totals, right: Totals): void {
  for (const [region, { rows, amount }] of Object.entries(right)) {
    const sums = found[region];
    if (sums?.rows === rows && sums.amount === amount) continue;
    throw new Error(`${name}: ${region} has ${sums?.rows} rows of ${sums?.amount}, not ${rows} of ${amount}`);
  }
}
