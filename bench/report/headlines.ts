import { ratioTo } from "../suite/ratio-to.ts";
import type { PartResult } from "../suite/result.ts";
import { isMoreBetter } from "./is-more-better.ts";
import { number, quantity } from "./quantity.ts";
import { type JobRows, jobsOf, type Row } from "./rows.ts";

/** For each job a sentence: the best of ours beside the best of what people use and the best native program, also where ours is behind. */
export function headlines(part: PartResult): string[] {
  return jobsOf(part).flatMap((job) => {
    const best = (kind: Row["kind"]) => job.rows.find((row) => row.kind === kind && row.median !== undefined);
    const ours = best("millrace");
    if (ours === undefined) return [];
    // a memcpy, in whose time copies are counted, does not do the job
    const others = [best("peer"), best("native")].filter(
      (row) => row !== undefined && !(job.unit === "copies" && row.contender === job.base),
    ) as Row[];
    const said = others.map((other) => compared(ours, other, job));
    const value = quantity(ours.median as number, job.unit);
    return said.length === 0 ? [] : [`${job.job}: ${ours.contender} ${value}, ${said.join("; ")}.`];
  });
}

function compared(ours: Row, other: Row, { unit }: JobRows): string {
  const ratio = ratioTo(ours.samples, other.samples) ?? 1;
  const factor = isMoreBetter(unit) ? 1 / ratio : ratio;
  const who = `${other.contender} (${quantity(other.median as number, unit)})`;
  if (factor >= 1.05) return `${number(factor)} times better than ${who}`;
  if (factor <= 0.95) return `${number(1 / factor)} times worse than ${who}`;
  return `as good as ${who}`;
}
