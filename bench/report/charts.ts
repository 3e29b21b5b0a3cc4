/**
 * The charts as SVG text, by Observable Plot on a document that is no browser's. Colours are variables that the page sets for light and
 * dark. Each is drawn twice, for wide and for narrow screens, since text in a drawing that is made smaller cannot be read.
 */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { quantity } from "./quantity.ts";
import type { JobRows, Row } from "./rows.ts";

/** Where names stand: left of the lines, or above them. */
export type Layout = "wide" | "narrow";

const WIDTH = { wide: 780, narrow: 358 };
const ROW_HEIGHT = { wide: 20, narrow: 36 };
const CHARACTER = 6.6;
const VALUE_WIDTH = 92;
/** A range wider than this is shown on a logarithmic scale. */
const LOG_FROM = 12;
const SYMBOLS = ["diamond2", "triangle2", "square2", "times"] as const;

type Measured = Row & { readonly median: number };

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
  const { dy } = placement(layout);
  return draw(job, rows, all, layout, [
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
  const { dy, inset } = placement(layout);
  return draw(job, rows, all, layout, [
    Plot.barX(cells, {
      y: "contender",
      x1: "from",
      x2: "to",
      fill: colour,
      fillOpacity: "share",
      insetTop: inset + 1,
      insetBottom: 1,
      dx: 0,
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

function placement(layout: Layout): { dy: number; inset: number } {
  return layout === "wide" ? { dy: 0, inset: 0 } : { dy: 8, inset: 18 };
}

/** What both charts have in common: names, values, axes and the document. */
function draw(
  job: JobRows,
  rows: readonly Measured[],
  all: readonly number[],
  layout: Layout,
  marks: Plot.Markish[],
): string {
  const isWide = layout === "wide";
  const longest = Math.max(...rows.map(({ contender }) => contender.length));
  const [low, high] = [Math.min(...all.filter((value) => value > 0)), Math.max(...all)];
  const isLog = high / low > LOG_FROM;
  const { dy } = placement(layout);
  const { document } = parseHTML("<html><body></body></html>");
  const plot = Plot.plot({
    document: document as never,
    width: WIDTH[layout],
    height: rows.length * ROW_HEIGHT[layout] + 62,
    marginTop: 30,
    marginBottom: 32,
    marginLeft: isWide ? Math.ceil(longest * CHARACTER) + 14 : 10,
    marginRight: isWide ? VALUE_WIDTH : 14,
    x: {
      ...(isLog ? { type: "log", domain: [low / 1.15, high * 1.15] } : { domain: [0, high * 1.05] }),
      label: null,
      axis: null,
    } as Plot.ScaleOptions,
    y: { domain: rows.map(({ contender }) => contender), label: null, axis: null, padding: 0 },
    color: { type: "identity" },
    opacity: { type: "identity" },
    symbol: { type: "identity" } as Plot.ScaleOptions,
    marks: [
      ...(["top", "bottom"] as const).map((anchor) =>
        Plot.axisX({
          anchor,
          label: null,
          ticks: isWide ? 6 : 4,
          tickSize: 0,
          tickFormat: (value: number) => tick(value, job.unit, isLog),
        }),
      ),
      Plot.gridX({ ticks: isWide ? 6 : 4, stroke: "var(--grid)", strokeOpacity: 1 }),
      Plot.ruleY(rows, { y: "contender", stroke: "var(--grid)", dy: isWide ? 0 : dy }),
      ...marks,
      namesOf(
        rows.filter(({ kind }) => kind === "millrace"),
        "bold",
        isWide,
      ),
      namesOf(
        rows.filter(({ kind }) => kind !== "millrace"),
        "normal",
        isWide,
      ),
      Plot.text(rows, {
        y: "contender",
        text: (row: Measured) => quantity(row.median, job.unit),
        frameAnchor: "right",
        textAnchor: "end",
        dx: isWide ? VALUE_WIDTH - 6 : 0,
        dy: isWide ? 0 : -8,
        fill: "var(--ink)",
        fontVariant: "tabular-nums",
      }),
    ],
  });
  plot.setAttribute("class", layout);
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", `${job.job}: ${job.unit} of each contender`);
  for (const style of plot.querySelectorAll("style")) style.remove();
  return plot.outerHTML;
}

function namesOf(rows: readonly Measured[], fontWeight: string, isWide: boolean): Plot.Markish {
  return Plot.text(rows, {
    y: "contender",
    text: "contender",
    frameAnchor: "left",
    textAnchor: isWide ? "end" : "start",
    dx: isWide ? -8 : 0,
    dy: isWide ? 0 : -8,
    fill: "var(--ink)",
    fontWeight,
  });
}

/** On a logarithmic axis only decades are written, so that the texts do not touch. */
function tick(value: number, unit: string, isLog: boolean): string {
  if (!isLog) return quantity(value, unit);
  const exponent = Math.log10(value);
  return Math.abs(exponent - Math.round(exponent)) < 1e-9 ? quantity(value, unit) : "";
}
