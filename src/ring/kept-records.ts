/*
 * What a kept ring does that others do not: a record that was released stays where it is until its room is needed, and the oldest one that is
 * whole is known at every moment, whoever dies.
 *
 *     oldest <= tail <= head <= oldest + capacity
 *
 * The producer moves `oldest` on before it overwrites, and a consumer that begins anew sets the tail back to it. The two exclude each other by a
 * lock from outside that the kernel drops at death, so that neither has to undo what it has begun: whoever dies leaves `oldest` at a record
 * that nobody has touched.
 */
import { checkSpan } from "./attach-end.ts";
import { corrupt } from "./corrupt.ts";
import { OLDEST_OFFSET, RECORD_ALIGNMENT, RECORD_HEADER_BYTES, TAIL_OFFSET } from "./layout.ts";
import type { RingMemory } from "./ring-memory.ts";

/** What the producer of a kept ring needs from outside. */
export interface Keeping {
  /** Runs `body` while no consumer takes its end, and gives what that gives. */
  exclusively<Result>(body: () => Result): Result;
  /** Called before the head moves on: the records from one index to the other, as int32, are complete. */
  publishing?(from: number, to: number): void;
  /** Called when `oldest` has moved, and before what lies behind it is overwritten. */
  givenUp?(): void;
}

/** The oldest records are given up so much at a time, so that the lock is seldom taken. */
const ROOM_PART = 8;

/** What the producer of a kept ring knows of the records that were released. */
export class KeptRecords {
  readonly #memory: RingMemory;
  readonly #data: number;
  readonly #keeping: Keeping;

  /**
   * @param memory a kept ring
   * @param data byte offset of the data region in the buffer
   * @param keeping what excludes a consumer that begins anew
   */
  constructor(memory: RingMemory, data: number, keeping: Keeping) {
    this.#memory = memory;
    this.#data = data;
    this.#keeping = keeping;
  }

  /** Called before the head moves on over these records. */
  publishing(from: number, to: number): void {
    this.#keeping.publishing?.(from, to);
  }

  /**
   * Gives up the oldest of the records that were released, until there is room for `size` bytes and some more, or until nothing is left but what
   * the consumer has not released.
   *
   * @param head the producer's head, as int32, which may be ahead of what is published
   * @param size bytes that the next record takes
   * @returns where the oldest record is now, as int32
   * @throws {IpcError} `IPC_CORRUPT` if the tail, or the length of a record, is wrong
   */
  giveUp(head: number, size: number): number {
    const { words, offset, capacity, name } = this.#memory;
    const oldest = this.#keeping.exclusively(() => {
      // Pairs with the stores in consumer.ts flush and #begin
      const tail = Atomics.load(words, (offset + TAIL_OFFSET) >>> 2);
      checkSpan(name, head, tail, capacity);
      const before = readOldest(this.#memory, head, tail);
      const after = this.#pass(before, tail, head, capacity - size - capacity / ROOM_PART);
      // Before the first byte is overwritten; pairs with the load in readOldest
      if (after !== before) Atomics.store(words, (offset + OLDEST_OFFSET) >>> 2, after);
      return after;
    });
    this.#keeping.givenUp?.();
    return oldest;
  }

  /** Goes on over whole records from `from`, at most to `end`, until at most `most` bytes lie before the head. */
  #pass(from: number, end: number, head: number, most: number): number {
    const { words, capacity, name } = this.#memory;
    let at = from;
    while (at !== end && (head - at) >>> 0 > most) {
      const word = (this.#data + (at & (capacity - 1))) >>> 2;
      // Read once: somebody could change it between the check and the use
      const length = (words[word] as number) >>> 0;
      const size = (length + 23) & ~15;
      if (length > capacity / 2 - RECORD_HEADER_BYTES || size > (end - at) >>> 0) {
        const right = `at most ${((end - at) >>> 0) - RECORD_HEADER_BYTES}`;
        throw corrupt(name, `the length word of the record at index ${at >>> 0}`, length, right);
      }
      at = (at + size) | 0;
    }
    return at;
  }
}

/**
 * Reads where the oldest record of a kept ring is, and checks it.
 *
 * @param memory a kept ring
 * @param head its head, as int32
 * @param tail its tail, as int32
 * @returns the index as int32
 * @throws {IpcError} `IPC_CORRUPT` if it is not at most the tail, or further from the head than the ring is large
 */
export function readOldest(memory: RingMemory, head: number, tail: number): number {
  // Pairs with the store in giveUp
  const oldest = Atomics.load(memory.words, (memory.offset + OLDEST_OFFSET) >>> 2);
  const held = (head - oldest) >>> 0;
  if (oldest % RECORD_ALIGNMENT !== 0 || held > memory.capacity || (head - tail) >>> 0 > held) {
    const right = `a multiple of 16 from ${(head - memory.capacity) >>> 0} to the tail of ${tail >>> 0}`;
    throw corrupt(memory.name, `oldest (byte ${OLDEST_OFFSET})`, oldest >>> 0, right);
  }
  return oldest;
}
