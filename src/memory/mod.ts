/**
 * Shared memory mapped into one arena per thread, so that `Atomics` work on it.
 *
 * @module
 */
export { ARENA_BYTES, type Arena, arena } from "./arena.ts";
export { type Advice, type MapFileOptions, MappedFile } from "./mapped-file.ts";
export { freeArenaBytes, type MapAccess, mapMirrored, mapShared, type Region } from "./region.ts";
export {
  type AnonymousMemoryOptions,
  type CreateMemoryOptions,
  type OpenMemoryOptions,
  SharedMemory,
  type SharedMemoryStat,
} from "./shared-memory.ts";
export { type SysvMemoryChanges, SysvSharedMemory, type SysvSharedMemoryStat } from "./sysv-shared-memory.ts";
