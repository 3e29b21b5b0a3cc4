import { headerBytesOf } from "./header-bytes.ts";
import {
  CAPACITY_OFFSET,
  CREATOR_PID_OFFSET,
  FLAGS_OFFSET,
  HEADER_BYTES_OFFSET,
  KIND_OFFSET,
  KIND_SPSC,
  MAGIC,
  MAGIC_OFFSET,
  MAX_CAPACITY,
  MAX_HEADER_BYTES,
  MIN_CAPACITY,
  MIN_HEADER_BYTES,
  VERSION,
  VERSION_OFFSET,
} from "./layout.ts";
import type { RingHeaderMemory } from "./ring-memory.ts";
import type { RingKind } from "./validate-header.ts";

/** What {@link initializeHeader} writes. */
export interface NewRingHeader {
  /** Bytes of the data region: a power of two from 4,096 to 2^28, at least one page. */
  capacity: number;
  /** Process id of the creator; 0 if there is none. */
  creatorPid?: number;
  /**
   * The page size, a power of two from 4,096 (the default) to 65,536. It is what lies before the data region; a funnel has as many pages
   * there as it needs.
   */
  headerBytes?: number;
  /** 1, the default, for one producer and one consumer; 2 for a broadcast; 3 for a funnel. */
  kind?: RingKind;
}

/**
 * Writes the header of a new, empty ring. The memory must hold zeros, and nobody else may look at it yet (a segment gets
 * its name afterwards).
 *
 * @param memory the memory of the header
 * @param header its constants
 * @throws {RangeError} if a size is not one that a ring can have
 *
 * @example A ring in ordinary memory
 * ```ts
 * import { initializeHeader, validateHeader } from "millrace/ring";
 *
 * const buffer = new SharedArrayBuffer(4096 + 2 * 65_536);
 * const memory = { words: new Int32Array(buffer), bytes: new Uint8Array(buffer), offset: 0, capacity: 65_536 };
 * initializeHeader(memory, { capacity: 65_536 });
 * console.log(validateHeader(memory, buffer.byteLength).capacity); // 65536
 * ```
 */
export function initializeHeader(memory: RingHeaderMemory, header: NewRingHeader): void {
  const { capacity, creatorPid = 0, headerBytes = MIN_HEADER_BYTES, kind = KIND_SPSC } = header;
  checkRingSizes(capacity, headerBytes);
  const { words } = memory;
  const base = memory.offset >>> 2;
  words[base + (VERSION_OFFSET >> 2)] = VERSION;
  words[base + (HEADER_BYTES_OFFSET >> 2)] = headerBytesOf(kind, capacity, headerBytes);
  words[base + (CAPACITY_OFFSET >> 2)] = capacity;
  words[base + (KIND_OFFSET >> 2)] = kind;
  words[base + (FLAGS_OFFSET >> 2)] = 0;
  words[base + (CREATOR_PID_OFFSET >> 2)] = creatorPid;
  // Last, so that a header whose creator died half-way has no magic. No peer looks before the segment has its name.
  Atomics.store(words, base + (MAGIC_OFFSET >> 2), MAGIC);
}

/**
 * Refuses sizes that no ring can have.
 *
 * @param capacity bytes of the data region
 * @param headerBytes bytes before it
 * @throws {RangeError} if they do not fit, with the value that would be right
 */
export function checkRingSizes(capacity: number, headerBytes: number = MIN_HEADER_BYTES): void {
  if (!isPowerOfTwo(headerBytes) || headerBytes < MIN_HEADER_BYTES || headerBytes > MAX_HEADER_BYTES) {
    throw new RangeError(
      `Cannot make a ring with a header of ${headerBytes} bytes: the page size, a power of two from ${MIN_HEADER_BYTES} to ${MAX_HEADER_BYTES}, would be right`,
    );
  }
  const smallest = Math.max(MIN_CAPACITY, headerBytes);
  if (!isPowerOfTwo(capacity) || capacity < smallest || capacity > MAX_CAPACITY) {
    throw new RangeError(
      `Cannot make a ring with a capacity of ${capacity} bytes: a power of two from ${smallest} to ${MAX_CAPACITY} would be right`,
    );
  }
}

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(value) && value > 0 && value <= 2 ** 30 && (value & (value - 1)) === 0;
}
