import { recommendedLibrary } from "../ffi/recommended.ts";

/**
 * The arena: one `WebAssembly.Memory` per thread into which every shared object is mapped. All views lie over its one
 * `SharedArrayBuffer`, so `Atomics` on them are real atomics on the mapped object, and code that uses them stays monomorphic.
 *
 * Why it is as it is, each learnt by an experiment (and kept by a test in `test/memory/`):
 * - It is never collected: an engine that frees the memory gives the range back to its allocator with the objects still mapped,
 *   and unrelated arrays then write into them. It is held at module level for the life of the process.
 * - It is a shared memory: a non-shared one moves when it grows, and may be detached. A shared one has all its addresses reserved from the
 *   beginning; growing only makes more of them usable, and what was mapped and viewed before stays.
 * - It begins small: Bun's collector counts all its bytes as if they were objects, and with 1 GiB of them waits for 2 GB of garbage.
 *
 * The reservation costs address space, not resident memory.
 */
export interface Arena {
  /** The arena as large as it was when this was made; what is mapped later may lie behind its end. */
  readonly buffer: SharedArrayBuffer;
  /** All of it as bytes. Views of parts of it are cheap, but mind `Region` for what is mapped where. */
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** All of it as words. */
  readonly words: Int32Array<SharedArrayBuffer>;
  /** Native address of byte 0, always the same. */
  readonly address: number;
}

/** How large the arena can get, in bytes: what all mapped objects of one thread may take together. */
export const ARENA_BYTES = 2 ** 30;

/** How large it is at first: two rings of the default capacity. */
const FIRST_BYTES = 2 ** 22;
const WASM_PAGE = 65_536;

let held: { readonly memory: WebAssembly.Memory; arena: Arena } | undefined;

/**
 * The arena of this thread, made at the first call.
 *
 * @returns the same memory at every call, valid for the life of the thread; after it has grown with views that reach further
 * @throws {RangeError} when the process may not reserve the address space (`ulimit -v`)
 */
export function arena(): Arena {
  held ??= reserve();
  return held.arena;
}

/**
 * Makes more of the arena usable. Nothing that was made of it before changes.
 *
 * @param bytes how large it shall be at least, up to {@link ARENA_BYTES}
 * @throws {RangeError} when the system refuses
 */
export function growArena(bytes: number): void {
  held ??= reserve();
  const { memory, arena: before } = held;
  const missing = bytes - before.bytes.length;
  if (missing <= 0) return;
  memory.grow(Math.ceil(missing / WASM_PAGE));
  held.arena = viewsOf(memory);
  if (held.arena.address !== before.address)
    throw new Error("The engine has moved a shared memory, which no engine may");
}

function reserve(): NonNullable<typeof held> {
  const memory = new WebAssembly.Memory({
    shared: true,
    initial: FIRST_BYTES / WASM_PAGE,
    maximum: ARENA_BYTES / WASM_PAGE,
  });
  return { memory, arena: viewsOf(memory) };
}

function viewsOf(memory: WebAssembly.Memory): Arena {
  const buffer = memory.buffer as unknown as SharedArrayBuffer;
  const bytes = new Uint8Array(buffer);
  return { buffer, bytes, words: new Int32Array(buffer), address: recommendedLibrary().address(bytes) };
}
