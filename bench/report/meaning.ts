import { isMoreBetter } from "./is-more-better.ts";
import type { JobRows } from "./rows.ts";

const UNITS: Readonly<Record<string, string>> = {
  ns: "nanoseconds",
  us: "microseconds",
  ms: "milliseconds",
  s: "seconds",
  "GB/s": "gigabytes for each second",
  "rows/s": "rows for each second",
  "messages/s": "messages for each second",
  MiB: "mebibytes",
  copies: "the time of one memcpy of the same bytes in C in the same run, taken as 1",
};

/** What the figure of a job is, in a sentence or two. */
export function meaning({ unit, base, rows }: JobRows): string {
  const rounds = Math.max(0, ...rows.map(({ samples }) => samples.length));
  const spread = rounds > 1 ? `median of ${rounds} rounds, range from the lowest to the highest` : "one round";
  const better = isMoreBetter(unit) ? "more is better" : "less is better";
  const ratio =
    base === undefined ? "" : ` The ratio in the table is to "${base}" within each round, and the median of these.`;
  return `In ${UNITS[unit] ?? unit}, ${better}; ${spread}.${ratio}`;
}
