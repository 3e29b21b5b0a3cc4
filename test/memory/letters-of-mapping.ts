import { readFileSync } from "node:fs";

/** How the memory at a native address is mapped, as `/proc/self/maps` shows it: `"rw-s"`, `"r--p"`; `undefined` when it is not. */
export function lettersOfMapping(address: number): string | undefined {
  for (const line of readFileSync("/proc/self/maps", "utf8").split("\n")) {
    const [, from = "", to = "", letters] = /^([0-9a-f]+)-([0-9a-f]+) (\S+)/.exec(line) ?? [];
    if (Number.parseInt(from, 16) <= address && address < Number.parseInt(to, 16)) return letters;
  }
  return undefined;
}
