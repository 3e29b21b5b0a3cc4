import { abilities } from "./abilities.ts";
import type { Finding } from "./finding.ts";
import { kernelLimits } from "./kernel-limits.ts";
import { permissions } from "./permissions.ts";
import { places } from "./places.ts";
import { processLimits } from "./process-limits.ts";

/** Looks at everything. What needs calls to C is left out where they do not work, and what needs permissions where they are missing. */
export function examine(): Finding[] {
  const allowed = permissions();
  const missing = (name: string) => allowed.some((one) => one.name === name && one.verdict !== "ok");
  if (allowed.some(({ verdict }) => verdict === "problem")) return allowed;
  const able = [...allowed, ...abilities()];
  if (missing("--allow-all")) return able;
  const callsC = able.every(({ name, verdict }) => name !== "calls to C" || verdict === "ok");
  return [...able, ...(callsC ? [...processLimits(), ...places()] : []), ...kernelLimits()];
}
