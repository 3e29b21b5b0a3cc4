import { Table } from "console-table-printer";
import { median } from "../suite/median.ts";
import { rounded } from "../suite/rounded.ts";
import { type Compared, FALSE_SHARE, LEAST_CHANGE } from "./compare-samples.ts";

/** Prints each comparison, and then those that are beyond the noise. */
export function printComparison(compared: readonly Compared[], before: string, after: string): void {
  for (const [title, some] of Map.groupBy(compared, ({ part, job }) => `${part}: ${job}`)) {
    const table = new Table({ title, shouldDisableColors: true, defaultColumnOptions: { alignment: "right" } });
    table.addColumns([{ name: "contender", alignment: "left" }]);
    for (const row of some) {
      table.addRow({
        contender: row.contender,
        [`before (${row.unit})`]: rounded(median(row.before)),
        [`after (${row.unit})`]: rounded(median(row.after)),
        change: change(row),
        p: Number(row.p.toPrecision(2)),
        verdict: row.verdict,
      });
    }
    table.printTable();
  }
  const real = compared.filter(({ verdict }) => verdict !== "within the noise");
  console.log(`Before: ${before}. After: ${after}. Medians of ${compared[0]?.before.length ?? 0} runs of each.`);
  console.log(
    `Mann-Whitney, two-sided; of what is called a difference ${100 * FALSE_SHARE} % may be chance (Benjamini and Hochberg), and less than ` +
      `${100 * LEAST_CHANGE} % is called none.`,
  );
  if (real.length === 0) console.log("No difference is beyond the noise");
  for (const row of real) console.log(`${row.verdict}: ${row.part}, ${row.job}, ${row.contender}: ${change(row)}`);
}

function change({ ratio }: Compared): string {
  return `${ratio > 1 ? "+" : ""}${rounded(100 * (ratio - 1))} %`;
}
