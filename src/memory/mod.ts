/**
 * Shared memory mapped into one arena per thread, so that `Atomics` work on it.
 *
 * @module
 */
export { ARENA_BYTES, type Arena, arena } from "./arena.ts";
export { freeArenaBytes, mapMirrored, mapShared, type Region } from "./region.ts";
