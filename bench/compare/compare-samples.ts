import { cumulativeStdNormalProbability, wilcoxonRankSum } from "simple-statistics";
import { isMoreBetter } from "../report/is-more-better.ts";
import { median } from "../suite/median.ts";
import type { PartName } from "../suite/result.ts";

/** What was measured of one contender at one job, before and after: a figure for each run. */
export interface Comparison {
  readonly part: PartName;
  readonly job: string;
  readonly contender: string;
  readonly runtime: string;
  readonly unit: string;
  readonly before: number[];
  readonly after: number[];
}

/** The same with what it says. */
export interface Compared extends Comparison {
  /** The median after divided by the median before. */
  readonly ratio: number;
  /** How probable such a difference is when nothing but chance is at work. */
  readonly p: number;
  readonly verdict: "better" | "worse" | "within the noise";
}

/** How many of the differences that are called such may be chance. */
export const FALSE_SHARE = 0.05;
/** Differences below this share are of no interest, however sure they are. */
export const LEAST_CHANGE = 0.02;

/**
 * Says of each comparison whether the difference is beyond the noise: by the Mann-Whitney test, two-sided, with the normal
 * approximation, and with Benjamini and Hochberg's limit, since among many comparisons some look different by chance.
 */
export function compareSamples(comparisons: readonly Comparison[]): Compared[] {
  const tested = comparisons
    .filter(({ before, after }) => before.length > 0 && after.length > 0)
    .map((comparison) => ({ ...comparison, p: mannWhitney(comparison.before, comparison.after) }));
  const limit = hochbergLimit(tested.map(({ p }) => p));
  return tested.map((comparison) => {
    const ratio = median(comparison.after) / median(comparison.before);
    const isReal = comparison.p <= limit && Math.abs(ratio - 1) >= LEAST_CHANGE;
    const isBetter = isMoreBetter(comparison.unit) ? ratio > 1 : ratio < 1;
    return { ...comparison, ratio, verdict: isReal ? (isBetter ? "better" : "worse") : "within the noise" };
  });
}

/** The two-sided probability of such ranks by chance; without correction for ties, which times do not have. */
function mannWhitney(first: readonly number[], second: readonly number[]): number {
  const [n, m] = [first.length, second.length];
  const sum = wilcoxonRankSum([...first], [...second]);
  const mean = (n * (n + m + 1)) / 2;
  const deviation = Math.sqrt((n * m * (n + m + 1)) / 12);
  const z = Math.max(0, Math.abs(sum - mean) - 0.5) / deviation;
  return Math.min(1, 2 * (1 - cumulativeStdNormalProbability(z)));
}

/** The highest probability that still counts as a difference; 0 when none does. */
function hochbergLimit(probabilities: readonly number[]): number {
  const sorted = probabilities.toSorted((a, b) => a - b);
  const last = sorted.findLastIndex((p, i) => p <= (FALSE_SHARE * (i + 1)) / sorted.length);
  return sorted[last] ?? 0;
}
