import { SKIP_MARK } from "../../test/support/skip.ts";

export interface Summary {
  passed: number;
  failed: number;
  /** the reasons */
  skips: string[];
  /** why the file as a whole failed */
  problems: string[];
}

/**
 * Reads what uvu printed. uvu exits with status 0 when a `before` hook throws, when a suite was never `.run()`, and when the
 * process ends before the tests do, so the numbers decide together with the ending.
 *
 * @param ending how the process ended, or "" when well
 */
export function readSummary(output: string, ending: string): Summary {
  const total = sum(output, /^ {2}Total: +(\d+)$/gm);
  const passed = sum(output, /^ {2}Passed: +(\d+)$/gm);
  const silentSkips = sum(output, /^ {2}Skipped: +(\d+)$/gm);
  const skips = output
    .split("\n")
    .flatMap((line) => (line.startsWith(SKIP_MARK) ? [line.slice(SKIP_MARK.length)] : []));
  const failed = total - passed;
  const problems: string[] = [];
  if (failed > 0 && !output.includes(" FAIL "))
    problems.push("a before or after hook threw, whose error uvu drops: throw in a test");
  if (total === 0) problems.push("ran no test");
  if (silentSkips > 0)
    problems.push(`used uvu's skip or only (${silentSkips}), which say no reason: use test/support/skip.ts`);
  if (ending !== "" && (failed === 0 || ending !== "ended with status 1")) problems.push(ending);
  return { passed: passed - skips.length, failed, skips, problems };
}

/** @returns the names of the tests of which uvu printed that they failed */
export function failedTests(output: string): string[] {
  return [...output.matchAll(/^ +FAIL +(.*)$/gm)].map(([, name]) => `${name}`);
}

function sum(text: string, pattern: RegExp): number {
  let sum = 0;
  for (const [, count] of text.matchAll(pattern)) sum += Number(count);
  return sum;
}
