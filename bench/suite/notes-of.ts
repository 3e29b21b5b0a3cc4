import type { Figure } from "./result.ts";

/** What is to be said of figures, with the contenders of which it is said. */
export function notesOf(figures: readonly Figure[]): { contenders: string; note: string }[] {
  const noted = figures.filter(({ note }) => note !== undefined);
  return [...Map.groupBy(noted, ({ note }) => note as string)].map(([note, some]) => ({
    contenders: some.map(({ contender }) => contender).join("; "),
    note,
  }));
}
