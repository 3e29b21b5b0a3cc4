/** Units of which more is better; of all others less is. */
const MORE_IS_BETTER = new Set(["GB/s", "MB/s", "rows/s", "messages/s"]);

/** Whether a higher figure in this unit is the better one. */
export function isMoreBetter(unit: string): boolean {
  return MORE_IS_BETTER.has(unit);
}
