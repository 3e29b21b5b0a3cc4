import { abilities } from "./abilities.ts";
import type { Finding } from "./finding.ts";
import { kernelLimits } from "./kernel-limits.ts";
import { places } from "./places.ts";
import { processLimits } from "./process-limits.ts";

/** Looks at everything. What needs calls to C is left out where they do not work. */
export function examine(): Finding[] {
  const able = abilities();
  const callsC = able.every(({ name, verdict }) => name !== "calls to C" || verdict === "ok");
  return [...able, ...(callsC ? [...processLimits(), ...places()] : []), ...kernelLimits()];
}
