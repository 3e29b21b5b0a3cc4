/** What all charts have in common: contenders below each other, one axis above and below, names, values, and the document. */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { quantity } from "./quantity.ts";
import type { JobRows, Row } from "./rows.ts";

/** Where names stand: left of the lines, or above them. */
export type Layout = "wide" | "narrow";

/** A contender that was measured. */
export type Measured = Row & { readonly median: number };

/** Where marks go in the band of a contender, in pixels. */
export interface Band {
  /** From the middle of the band to the middle of the marks. */
  readonly dy: number;
  /** Height of the band above the marks. */
  readonly above: number;
}

const WIDTH = { wide: 780, narrow: 358 };
const FONT_SIZE = 12;
const LINE_HEIGHT = 15;
const CHARACTER = 6.9;
/** The longest line of a name; longer names go on below. */
const NAME_CHARACTERS = { wide: 40, narrow: 48 };
const MARK_HEIGHT = 20;
const VALUE_WIDTH = 92;
/** Room for half of a text of the axis. */
const EDGE = 26;
/** A range wider than this is shown on a logarithmic scale. */
const LOG_FROM = 12;

/**
 * Draws the chart of a job.
 *
 * @param all every value that has to be within the axis
 * @param marks what is drawn for the contenders
 * @returns SVG
 */
export function drawChart(
  { job, unit }: JobRows,
  rows: readonly Measured[],
  all: readonly number[],
  layout: Layout,
  marks: (band: Band) => Plot.Markish[],
): string {
  const isWide = layout === "wide";
  const names = new Map(rows.map(({ contender }) => [contender, linesOf(contender, NAME_CHARACTERS[layout])]));
  const lines = [...names.values()].flat();
  const nameHeight = LINE_HEIGHT * Math.max(...[...names.values()].map(({ length }) => length));
  const height = isWide ? Math.max(MARK_HEIGHT, nameHeight + 3) : nameHeight + MARK_HEIGHT + 6;
  const band = isWide ? { dy: 0, above: 0 } : { dy: (height - MARK_HEIGHT) / 2, above: height - MARK_HEIGHT };
  const left = isWide ? Math.ceil(Math.max(...lines.map(({ length }) => length)) * CHARACTER) + 14 : EDGE;
  const name = (contender: string) => (names.get(contender) ?? []).join("\n");
  const [low, high] = [Math.min(...all.filter((value) => value > 0)), Math.max(...all)];
  const isLog = high / low > LOG_FROM;
  const ticks = isWide ? 6 : 3;
  const tickFormat = (value: number) => tick(value, unit, isLog);
  const { document } = parseHTML("<html><body></body></html>");
  const plot = Plot.plot({
    document: document as never,
    width: WIDTH[layout],
    height: rows.length * height + 60,
    marginTop: 30,
    marginBottom: 30,
    marginLeft: left,
    marginRight: VALUE_WIDTH,
    x: { ...(isLog ? { type: "log", domain: [low / 1.15, high * 1.15] } : { domain: [0, high * 1.05] }), axis: null },
    y: { type: "band", domain: rows.map(({ contender }) => contender), axis: null, padding: 0 },
    color: { type: "identity" },
    opacity: { type: "identity" },
    symbol: { type: "identity" } as Plot.ScaleOptions,
    marks: [
      Plot.axisX({ anchor: "top", label: null, ticks, tickSize: 0, tickFormat, tickPadding: 8 }),
      Plot.axisX({ anchor: "bottom", label: null, ticks, tickSize: 0, tickFormat, tickPadding: 8 }),
      Plot.gridX({ ticks, stroke: "var(--grid)", strokeOpacity: 1 }),
      Plot.ruleY(rows, { y: "contender", stroke: "var(--grid)", dy: band.dy }),
      ...marks(band),
      ...(["bold", "normal"] as const).map((fontWeight) =>
        Plot.text(
          rows.filter(({ kind }) => (kind === "millrace") === (fontWeight === "bold")),
          {
            y: "contender",
            text: ({ contender }: Row) => name(contender),
            frameAnchor: "left",
            textAnchor: isWide ? "end" : "start",
            lineAnchor: isWide ? "middle" : "top",
            lineHeight: LINE_HEIGHT / FONT_SIZE,
            fontSize: FONT_SIZE,
            dx: isWide ? -8 : 2 - EDGE,
            dy: isWide ? 0 : 8 - height / 2,
            fill: "var(--ink)",
            fontWeight,
          },
        ),
      ),
      Plot.text(rows, {
        y: "contender",
        text: (row: Measured) => quantity(row.median, unit),
        frameAnchor: "right",
        textAnchor: "end",
        fontSize: FONT_SIZE,
        dx: VALUE_WIDTH - 4,
        dy: band.dy,
        fill: "var(--ink)",
        fontVariant: "tabular-nums",
      }),
    ],
  });
  plot.setAttribute("class", layout);
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", `${job}: ${unit} of each contender`);
  for (const style of plot.querySelectorAll("style")) style.remove();
  return plot.outerHTML;
}

/** A name in lines of at most that many characters, where it has spaces. */
function linesOf(name: string, most: number): string[] {
  const lines: string[] = [];
  for (const word of name.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= most) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** On a logarithmic axis only decades are written, so that the texts do not touch. */
function tick(value: number, unit: string, isLog: boolean): string {
  if (!isLog) return quantity(value, unit);
  const exponent = Math.log10(value);
  return Math.abs(exponent - Math.round(exponent)) < 1e-9 ? quantity(value, unit) : "";
}
