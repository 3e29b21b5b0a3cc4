import { median } from "./median.ts";

/**
 * The median of the ratios of each round, so that a round on a slow machine is compared with itself.
 *
 * @returns `undefined` when one of them was not measured
 */
export function ratioTo(base: readonly number[] | undefined, samples: readonly number[]): number | undefined {
  const rounds = Math.min(base?.length ?? 0, samples.length);
  if (base === undefined || rounds === 0) return undefined;
  return median(samples.slice(0, rounds).map((sample, round) => sample / (base[round] as number)));
}
