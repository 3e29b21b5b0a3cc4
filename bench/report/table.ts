import { notesOf } from "../suite/notes-of.ts";
import { number } from "./quantity.ts";
import type { JobRows, Row } from "./rows.ts";

/** The table of a job: headings, and for each contender a text for each heading. */
export interface JobTable {
  readonly headings: readonly string[];
  readonly lines: readonly (readonly string[])[];
  /** Why some figures are as they are, or missing. */
  readonly notes: readonly { readonly contenders: string; readonly note: string }[];
}

/** Makes the table of a job. */
export function tableOf({ unit, base, rows }: JobRows): JobTable {
  const more = [...new Set(rows.flatMap((row) => Object.keys(row.more ?? {})))];
  const hasRange = rows.some(({ samples }) => samples.length > 1);
  return {
    headings: [
      "contender",
      "on",
      `median (${unit})`,
      ...(hasRange ? ["range"] : []),
      ...(base === undefined ? [] : ["ratio"]),
      ...more,
    ],
    lines: rows.map((row) => [
      row.contender,
      row.runtime,
      row.median === undefined ? "-" : number(row.median),
      ...(hasRange ? [rangeOf(row)] : []),
      ...(base === undefined ? [] : [row.ratio === undefined ? "-" : number(row.ratio)]),
      ...more.map((name) => cell(row.more?.[name])),
    ]),
    notes: notesOf(rows),
  };
}

function rangeOf({ samples, low, high }: Row): string {
  return samples.length === 0 ? "-" : `${number(low)} - ${number(high)}`;
}

function cell(value: number | string | undefined): string {
  if (value === undefined) return "";
  return typeof value === "number" ? number(value) : value;
}
