import { Table } from "console-table-printer";

/** A column of a table. */
export interface TableColumn {
  readonly name: string;
  readonly right?: boolean;
  /** May be cut when the terminal is too narrow. */
  readonly shrink?: boolean;
}

/** What a column takes beside its text: a line, and a space on each side. */
const FRAME = 3;
const LEAST_WIDTH = 8;

/** A table as text, as wide as the terminal at most where the columns that may be cut allow that. Nothing is cut without a terminal. */
export function renderTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  width = process.stdout.isTTY ? process.stdout.columns : undefined,
): string {
  // what other programs chose as a name goes to a terminal
  const shown = rows.map((row) => row.map((text) => text.replace(/\p{Cc}/gu, "?")));
  const widths = columns.map(({ name }, index) =>
    Math.max(name.length, ...shown.map((row) => (row[index] ?? "").length)),
  );
  if (width !== undefined) shrink(widths, columns, width - 1 - columns.length * FRAME);
  const table = new Table({
    shouldDisableColors: true,
    columns: columns.map(({ name, right }) => ({ name, alignment: right ? "right" : "left" })),
  });
  for (const row of shown) {
    table.addRow(
      Object.fromEntries(columns.map(({ name }, index) => [name, cut(row[index] ?? "", widths[index] ?? 0)])),
    );
  }
  return `${table.render()}\n`;
}

function shrink(widths: number[], columns: readonly TableColumn[], room: number): void {
  for (;;) {
    const over = widths.reduce((sum, width) => sum + width, 0) - room;
    if (over <= 0) return;
    let widest = -1;
    for (const [index, { shrink }] of columns.entries()) {
      if (shrink && (widths[index] ?? 0) > (widths[widest] ?? LEAST_WIDTH)) widest = index;
    }
    if (widest < 0) return;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}
