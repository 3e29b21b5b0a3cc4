import type { Arena } from "../memory/arena.ts";

/**
 * Memory that processes share, mapped into this thread's arena: where the objects of this folder lie. A `Region` is one, and so are the
 * shared memory objects made of it.
 */
export interface SharedPlace {
  /** Where it starts in the arena, in bytes. */
  readonly offset: number;
  /** Its length in bytes. */
  readonly length: number;
  readonly arena: Arena;
}

/**
 * Native address of `bytes` bytes of shared memory, for an object of the C library's.
 *
 * @param memory where
 * @param byteOffset first byte of the object in `memory`, a multiple of `alignment`
 * @param bytes size of the object
 * @param alignment in bytes
 * @returns valid while `memory` is mapped
 * @throws {TypeError} when `memory` is not mapped shared memory, or the offset not a number
 * @throws {RangeError} when the object would not lie in `memory`, or not on a multiple of `alignment`
 */
export function placeAddress(memory: SharedPlace, byteOffset: number, bytes: number, alignment: number): number {
  const offset = placeIn(memory, byteOffset, bytes, alignment);
  return memory.arena.address + offset;
}

/**
 * Index of a 4-byte word of shared memory in `memory.arena.words`, for `Atomics`.
 *
 * @param byteOffset of the word in `memory`, a multiple of 4
 * @throws as {@link placeAddress}
 */
export function placeWord(memory: SharedPlace, byteOffset: number): number {
  return placeIn(memory, byteOffset, 4, 4) >> 2;
}

/** Offset in the arena. */
function placeIn(memory: SharedPlace, byteOffset: number, bytes: number, alignment: number): number {
  if (!(memory?.arena?.buffer instanceof SharedArrayBuffer) || !Number.isSafeInteger(memory.offset)) {
    const found = memory === null || typeof memory !== "object" ? String(memory) : "an object without an arena";
    throw new TypeError(
      `The memory is ${found}, but must be mapped shared memory: the SharedMemory itself, not its bytes`,
    );
  }
  if (typeof byteOffset !== "number") {
    throw new TypeError(`The offset is of type ${typeof byteOffset}, but must be a number of bytes`);
  }
  if (!Number.isSafeInteger(byteOffset) || byteOffset < 0 || byteOffset + bytes > memory.length) {
    throw new RangeError(
      `The offset is ${byteOffset}, but ${bytes} bytes must lie in the ${memory.length} bytes of the shared memory`,
    );
  }
  // a mapping starts on a page, but a slice of one may start anywhere
  if ((memory.offset + byteOffset) % alignment !== 0) {
    throw new RangeError(`The offset is ${byteOffset}, but must be a multiple of ${alignment} bytes`);
  }
  return memory.offset + byteOffset;
}
