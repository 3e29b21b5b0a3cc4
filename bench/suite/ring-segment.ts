import { writeFileSync } from "node:fs";
import { allocateRing } from "../../src/ring/mod.ts";

const CAPACITY = 1 << 20;

/** Makes a file with the header of an empty ring of 1 MiB, for the C twin. */
export function newRingSegment(path: string): string {
  const { bytes } = allocateRing(CAPACITY);
  writeFileSync(path, new Uint8Array(bytes.subarray(0, bytes.length - CAPACITY)));
  return path;
}
