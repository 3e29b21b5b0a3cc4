import { nativeCopier } from "../../memory/native-copier.ts";
import type { RingMemory } from "../../ring/ring-memory.ts";
import type { Presence } from "../presence.ts";

/** The ring that lies in a presence's segment. */
export function ringMemory({ region, capacity }: Presence, name: string): RingMemory {
  const { words, bytes } = region.arena;
  return { words, bytes, offset: region.offset, capacity, name, copier: nativeCopier() };
}
