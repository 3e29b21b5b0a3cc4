import { setTimeout as sleep } from "node:timers/promises";

/** Looks until `condition` is true, for what another process does without telling. */
export async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 30_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`Still not: ${condition}`);
    await sleep(5);
  }
}
