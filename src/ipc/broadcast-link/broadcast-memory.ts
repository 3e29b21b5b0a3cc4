import type { RingMemory } from "../../ring/ring-memory.ts";
import type { BroadcastPresence } from "./broadcast-presence.ts";

/** The ring that lies in a broadcast's segment. */
export function broadcastMemory({ region, capacity }: BroadcastPresence, name: string): RingMemory {
  const { words, bytes } = region.arena;
  return { words, bytes, offset: region.offset, capacity, name };
}
