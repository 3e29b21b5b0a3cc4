import { recommendedLibrary } from "../ffi/recommended.ts";

/**
 * The arena: one `WebAssembly.Memory` per thread into which every shared object is mapped. All views lie over its one
 * `SharedArrayBuffer`, so `Atomics` on them are real atomics on the mapped object, and code that uses them stays monomorphic.
 *
 * Why it is as it is, each learnt by an experiment (and kept by a test in `test/memory/`):
 * - It is never collected: an engine that frees the memory gives the range back to its allocator with the objects still mapped,
 *   and unrelated arrays then write into them. It is held at module level for the life of the process.
 * - `initial` equals `maximum`: a memory that can grow can move.
 * - It is a shared memory: a non-shared one may be detached, and `Atomics.wait` refuses it.
 *
 * The reservation costs address space, not resident memory.
 */
export interface Arena {
  /** The whole arena. Views of parts of it are cheap, but mind `Region` for what is mapped where. */
  readonly buffer: SharedArrayBuffer;
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  readonly words: Int32Array<SharedArrayBuffer>;
  /** Native address of byte 0. */
  readonly address: number;
}

/** Size of the arena in bytes: what all mapped objects of one thread may take together. */
export const ARENA_BYTES = 2 ** 30;

const WASM_PAGE = 65_536;

let held: { readonly memory: WebAssembly.Memory; readonly arena: Arena } | undefined;

/**
 * The arena of this thread, made at the first call.
 *
 * @returns the same arena at every call, valid for the life of the thread
 * @throws {RangeError} when the process may not reserve the address space (`ulimit -v`)
 */
export function arena(): Arena {
  held ??= reserve();
  return held.arena;
}

function reserve(): NonNullable<typeof held> {
  const pages = ARENA_BYTES / WASM_PAGE;
  const memory = new WebAssembly.Memory({ shared: true, initial: pages, maximum: pages });
  const buffer = memory.buffer as unknown as SharedArrayBuffer;
  const bytes = new Uint8Array(buffer);
  return {
    memory,
    arena: { buffer, bytes, words: new Int32Array(buffer), address: recommendedLibrary().address(bytes) },
  };
}
