import { readFileSync } from "node:fs";
import { ARENA_BYTES, arena } from "../../memory/arena.ts";
import { freeArenaBytes } from "../../memory/region.ts";

/** What the arena of this process holds, by the kernel's list of mappings. */
export interface ArenaMap {
  readonly address: number;
  readonly bytes: number;
  readonly mappedBytes: number;
  /** The mappings within it that are objects, in the order of their addresses; `offset` is from the arena's start. */
  readonly objects: readonly {
    readonly offset: number;
    readonly bytes: number;
    readonly access: string;
    readonly object: string;
  }[];
}

/** Reads `/proc/self/maps`. */
export function arenaMap(): ArenaMap {
  const { address } = arena();
  const objects = readFileSync("/proc/self/maps", "utf8")
    .split("\n")
    .flatMap((line) => {
      const [, from, to, access, inode, object] =
        /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ (\d+)\s*(.*)$/.exec(line) ?? [];
      if (from === undefined || to === undefined || access === undefined || inode === "0") return [];
      const start = Number.parseInt(from, 16);
      const end = Number.parseInt(to, 16);
      if (start < address || end > address + ARENA_BYTES) return [];
      return [{ offset: start - address, bytes: end - start, access, object: object || `inode ${inode}` }];
    });
  return { address, bytes: ARENA_BYTES, mappedBytes: ARENA_BYTES - freeArenaBytes(), objects };
}
