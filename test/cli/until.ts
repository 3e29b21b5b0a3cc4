import { setTimeout as sleep } from "node:timers/promises";

/** Looks until `condition` is true; the caller's deadline ends it. For what another process does without telling. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5);
}
