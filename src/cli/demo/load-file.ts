import { readFileSync } from "node:fs";
import { sha256 } from "./sha256.ts";

/** Reads a whole file, with its hash. */
export function loadFile(file: string): { content: Uint8Array; sha256: string } {
  const content = readFileSync(file);
  return { content, sha256: sha256(content) };
}
