import { corrupt } from "./corrupt.ts";
import {
  FROM_STATE_TO_PID,
  FROM_STATE_TO_SESSIONS,
  HEAD_OFFSET,
  RECORD_ALIGNMENT,
  STATE_ATTACHED,
  STATE_CLOSED,
  TAIL_OFFSET,
} from "./layout.ts";
import type { RingMemory } from "./ring-memory.ts";
import { type RingKind, validateHeader } from "./validate-header.ts";

/** Where an end begins: both indices as they are in memory, and where the data region is. */
export interface RingPosition {
  /** Byte offset of the data region in the buffer. */
  data: number;
  /** The head, as int32. */
  head: number;
  /** The tail, as int32. */
  tail: number;
}

/**
 * Checks a ring's memory before an end takes it.
 *
 * @param memory the ring
 * @param kind the kind that it has to be: 1, the default, has one consumer
 * @param together false: both indices may move meanwhile, so they are not compared
 * @returns the indices and the place of the data
 * @throws {RangeError} if the views do not fit the ring
 * @throws {IpcError} `IPC_CORRUPT` if the header or an index is wrong
 */
export function readPosition(memory: RingMemory, kind?: RingKind, together = true): RingPosition {
  const { words, bytes, offset, capacity, name } = memory;
  if (words.buffer !== bytes.buffer || words.byteOffset !== bytes.byteOffset) {
    throw new RangeError("Cannot use this ring memory: words and bytes must begin at the same byte of one buffer");
  }
  if (!Number.isInteger(offset) || offset < 0 || offset % 128 !== 0 || offset >= bytes.length) {
    throw new RangeError(
      `Cannot use this ring memory: offset is ${offset}, a multiple of 128 below ${bytes.length} would be right`,
    );
  }
  const header = validateHeader(memory, Math.min(bytes.length, words.length * 4) - offset, kind);
  if (header.capacity !== capacity) throw corrupt(name, "capacity (byte 12)", header.capacity, String(capacity));
  if (memory.headerBytes !== undefined && header.headerBytes !== memory.headerBytes) {
    throw corrupt(name, "header bytes (byte 8)", header.headerBytes, String(memory.headerBytes));
  }
  const data = offset + header.headerBytes;
  if (data + 2 * capacity > bytes.length) {
    const right = data + 2 * capacity;
    throw new RangeError(
      `Cannot use this ring memory: it has ${bytes.length} bytes, ${right} (the data region twice) would be right`,
    );
  }
  // Pair with the stores in flush of the ends before this one
  const head = Atomics.load(words, (offset + HEAD_OFFSET) >>> 2);
  const tail = Atomics.load(words, (offset + TAIL_OFFSET) >>> 2);
  if (together) checkSpan(name, head, tail, capacity);
  return { data, head, tail };
}

/**
 * Checks a pair of indices.
 *
 * @param name the ring's address, for the error
 * @param head the head, as int32
 * @param tail the tail, as int32
 * @param capacity bytes of the data region
 * @throws {IpcError} `IPC_CORRUPT` if one is no multiple of 16, or they are further apart than the ring is large
 */
export function checkSpan(name: string | undefined, head: number, tail: number, capacity: number): void {
  if (head % RECORD_ALIGNMENT !== 0) throw corrupt(name, "head (byte 128)", head >>> 0, "a multiple of 16");
  if (tail % RECORD_ALIGNMENT !== 0) throw corrupt(name, "tail (byte 256)", tail >>> 0, "a multiple of 16");
  const used = (head - tail) >>> 0;
  if (used > capacity) {
    const right = `at most the capacity of ${capacity} (head is ${head >>> 0}, tail ${tail >>> 0})`;
    throw corrupt(name, "the distance from tail to head", used, right);
  }
}

/**
 * Writes down that a process has taken an end, after everything else of that end is ready.
 *
 * @param words the memory
 * @param stateWord index of the end's state word
 * @param pid the process id; 0 if there is none
 * @returns how many sessions this end had before
 */
export function enterState(words: Int32Array, stateWord: number, pid: number): number {
  const sessions = (words[stateWord + (FROM_STATE_TO_SESSIONS >> 2)] as number) >>> 0;
  words[stateWord + (FROM_STATE_TO_PID >> 2)] = pid;
  words[stateWord + (FROM_STATE_TO_SESSIONS >> 2)] = sessions + 1;
  // Pairs with the loads in peerState and prepareWait of the other end
  Atomics.store(words, stateWord, STATE_ATTACHED);
  return sessions;
}

/**
 * Checks a state word.
 *
 * @param name the ring's address, for the error
 * @param state the value found
 * @returns the value
 * @throws {IpcError} `IPC_CORRUPT` if it is none of 0, 1, 2
 */
export function checkState(name: string | undefined, state: number): number {
  if (state < 0 || state > STATE_CLOSED) throw corrupt(name, "the peer's state word", state >>> 0, "0, 1 or 2");
  return state;
}
