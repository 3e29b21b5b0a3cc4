import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Runs a full garbage collection where the runtime lets us, and otherwise makes enough garbage for one. */
export async function collectGarbage(): Promise<void> {
  const bun = (globalThis as { Bun?: { gc(sync: boolean): void } }).Bun;
  if (bun !== undefined) {
    bun.gc(true);
    return;
  }
  const collect = exposedCollector();
  if (collect !== undefined) collect();
  else for (let i = 0; i < 200; i++) new Uint8Array(1 << 20);
  // finalizers run on a turn of their own
  await setImmediate();
}

function exposedCollector(): (() => void) | undefined {
  try {
    setFlagsFromString("--expose-gc");
    return runInNewContext("gc") as () => void;
  } catch {
    return undefined;
  }
}
