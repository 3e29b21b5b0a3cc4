/** Whether a contender takes part: everybody does unless some are named, by a part of their names. */
export function isWanted(name: string, only: readonly string[] | undefined): boolean {
  return only?.some((some) => name.includes(some)) ?? true;
}
