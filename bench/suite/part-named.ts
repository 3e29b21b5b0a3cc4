import type { PartName } from "./result.ts";

/** All parts, in the order in which they run. */
export const PARTS: readonly PartName[] = ["copies", "throughput", "latency", "pipeline", "costs"];

/** @throws {RangeError} when there is no such part */
export function partNamed(name: string | undefined): PartName {
  const known = PARTS.find((part) => part === name);
  if (known === undefined) throw new RangeError(`No part ${name}: ${PARTS.join(", ")} would be right`);
  return known;
}
