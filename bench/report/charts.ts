/**
 * The charts as SVG text, by Observable Plot on a document that is no browser's. Colours are variables that the page sets for light and
 * dark. Each is drawn twice, for wide and for narrow screens, since text in a drawing that is made smaller cannot be read.
 */
import * as Plot from "@observablehq/plot";
import { drawChart, type Layout, type Measured } from "./draw-chart.ts";
import type { JobRows, Row } from "./rows.ts";

const SYMBOLS = ["diamond2", "triangle2", "square2", "times"] as const;

/** The medians of a job with their ranges, and what else is known in the same unit. */
export function rangeChart(job: JobRows, layout: Layout): string {
  const rows = job.rows.filter((row): row is Measured => row.median !== undefined);
  const names = markNames(rows);
  const points = rows.flatMap(({ contender, kind, marks }) =>
    marks
      .filter(({ value }) => value > 0)
      .map(({ name, value }) => ({ contender, kind, value, symbol: symbolOf(names, name) })),
  );
  const all = [...rows.flatMap(({ low, high }) => [low, high]), ...points.map(({ value }) => value)];
  return drawChart(job, rows, all, layout, ({ dy }) => [
    Plot.ruleY(rows, {
      y: "contender",
      x1: "low",
      x2: "high",
      stroke: colour,
      strokeWidth: 6,
      strokeOpacity: 0.35,
      strokeLinecap: "round",
      dy,
    }),
    Plot.dot(points, { y: "contender", x: "value", symbol: "symbol", stroke: colour, r: 3.5, strokeWidth: 1.5, dy }),
    Plot.dot(rows, { y: "contender", x: "median", fill: colour, r: 4.5, dy }),
  ]);
}

/** How often each time was taken, as a strip that is darker where there were more, with the marks of {@link rangeChart}. */
export function distributionChart(job: JobRows, layout: Layout): string {
  const rows = job.rows.filter((row): row is Measured => row.median !== undefined && row.histogram !== undefined);
  const names = markNames(rows);
  const cells = rows.flatMap(({ contender, kind, histogram }) => {
    const { bounds, counts } = histogram as NonNullable<Row["histogram"]>;
    const most = Math.max(...counts);
    return counts.flatMap((count, i) =>
      count === 0 || i === 0
        ? []
        : [
            {
              contender,
              kind,
              from: bounds[i - 1] as number,
              to: bounds[i] as number,
              share: 0.08 + 0.8 * Math.sqrt(count / most),
            },
          ],
    );
  });
  const points = rows.flatMap(({ contender, kind, marks }) =>
    marks.map(({ name, value }) => ({ contender, kind, value, symbol: symbolOf(names, name) })),
  );
  const all = [...cells.flatMap(({ from, to }) => [from, to]), ...rows.map(({ median }) => median)];
  return drawChart(job, rows, all, layout, ({ dy, above }) => [
    Plot.barX(cells, {
      y: "contender",
      x1: "from",
      x2: "to",
      fill: colour,
      fillOpacity: "share",
      insetTop: above + 1,
      insetBottom: 1,
    }),
    Plot.dot(points, {
      y: "contender",
      x: "value",
      symbol: "symbol",
      stroke: "var(--ink)",
      r: 3.5,
      strokeWidth: 1.5,
      dy,
    }),
    Plot.dot(rows, { y: "contender", x: "median", fill: "var(--ink)", r: 3, dy }),
  ]);
}

/** What the symbols of a job's charts mean, for the legend: `["p99", "◇"]`. */
export function symbolsOf(job: JobRows): [name: string, sign: string][] {
  const signs = ["◇", "△", "□", "×"];
  return markNames(job.rows).map((name, i) => [name, signs[i % signs.length] as string]);
}

function markNames(rows: readonly Row[]): string[] {
  return [...new Set(rows.flatMap(({ marks }) => marks.map(({ name }) => name)))];
}

function symbolOf(names: readonly string[], name: string): string {
  return SYMBOLS[names.indexOf(name) % SYMBOLS.length] as string;
}

function colour({ kind }: Pick<Row, "kind">): string {
  return `var(--${kind})`;
}
