import { Table } from "console-table-printer";
import { median } from "./median.ts";
import { notesOf } from "./notes-of.ts";
import { ratioTo } from "./ratio-to.ts";
import type { Figure, PartResult } from "./result.ts";
import { rounded } from "./rounded.ts";

/** Prints a table for each job of a part. */
export function printPart({ title, bases, figures }: PartResult): void {
  for (const [job, some] of Map.groupBy(figures, (figure) => figure.job)) {
    const table = new Table({
      title: `${title}: ${job}`,
      shouldDisableColors: true,
      defaultColumnOptions: { alignment: "right" },
    });
    table.addColumns([{ name: "contender", alignment: "left" }]);
    const base = some.find(({ contender }) => contender === bases[job])?.samples;
    for (const figure of some) table.addRow(rowOf(figure, base));
    table.printTable();
    for (const { contenders, note } of notesOf(some)) console.log(`${contenders}: ${note}`);
  }
}

function rowOf(
  { contender, unit, samples, more }: Figure,
  base: readonly number[] | undefined,
): Record<string, unknown> {
  if (samples.length === 0) return { contender, [unit]: "-" };
  const range =
    samples.length > 1 ? { range: `${rounded(Math.min(...samples))} - ${rounded(Math.max(...samples))}` } : {};
  const ratio = ratioTo(base, samples);
  return {
    contender,
    [unit]: rounded(median(samples)),
    ...range,
    ratio: ratio === undefined ? "" : rounded(ratio),
    ...more,
  };
}
