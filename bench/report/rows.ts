import { median } from "../suite/median.ts";
import { ratioTo } from "../suite/ratio-to.ts";
import type { Figure, PartResult } from "../suite/result.ts";
import { isMoreBetter } from "./is-more-better.ts";

/** One contender at one job as charts and tables show it. */
export interface Row extends Figure {
  /** `undefined` when it was not measured. */
  readonly median: number | undefined;
  readonly low: number;
  readonly high: number;
  /** To the base of the job; `undefined` without one. */
  readonly ratio: number | undefined;
  /** Further figures in the same unit, which the chart marks as well: their name without the unit, and the figure. */
  readonly marks: readonly { readonly name: string; readonly value: number }[];
}

/** One job of a part. */
export interface JobRows {
  readonly job: string;
  readonly unit: string;
  readonly base: string | undefined;
  /** Best first; those that were not measured last. */
  readonly rows: readonly Row[];
}

/** The jobs of a part in the order in which they were measured. Figures of one job in different units become jobs of their own. */
export function jobsOf({ figures, bases }: PartResult): JobRows[] {
  const groups = Map.groupBy(figures, ({ job, unit }) => JSON.stringify([job, unit]));
  return [...groups.values()].map((some) => {
    const { job, unit } = some[0] as Figure;
    const base = some.find(({ contender, samples }) => contender === bases[job] && samples.length > 0);
    const rows = some.map((figure) => rowOf(figure, base));
    const sign = isMoreBetter(unit) ? -1 : 1;
    rows.sort((a, b) => sign * ((a.median ?? sign * Infinity) - (b.median ?? sign * Infinity)) || 0);
    return { job, unit, base: base?.contender, rows };
  });
}

function rowOf(figure: Figure, base: Figure | undefined): Row {
  const { samples, unit, more } = figure;
  const suffix = ` (${unit})`;
  const marks = Object.entries(more ?? {}).flatMap(([name, value]) =>
    typeof value === "number" && name.endsWith(suffix) ? [{ name: name.slice(0, -suffix.length), value }] : [],
  );
  return {
    ...figure,
    median: samples.length > 0 ? median(samples) : undefined,
    low: Math.min(...samples),
    high: Math.max(...samples),
    ratio: ratioTo(base?.samples, samples),
    marks,
  };
}
