import { corrupt } from "./corrupt.ts";
import { KIND_FUNNEL } from "./funnel-layout.ts";
import { headerBytesOf } from "./header-bytes.ts";
import {
  CAPACITY_OFFSET,
  CREATOR_PID_OFFSET,
  FLAGS_OFFSET,
  HEADER_BYTES_OFFSET,
  KIND_BROADCAST,
  KIND_KEPT,
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

/** One of the kinds of ring. */
export type RingKind = typeof KIND_SPSC | typeof KIND_BROADCAST | typeof KIND_KEPT | typeof KIND_FUNNEL;

const KIND_NAMES: Readonly<Record<RingKind, string>> = {
  [KIND_SPSC]: "SPSC",
  [KIND_BROADCAST]: "broadcast",
  [KIND_KEPT]: "kept",
  [KIND_FUNNEL]: "funnel",
};

/** The constants of a ring, found to be right. */
export interface RingHeader {
  /** Bytes before the data region. */
  headerBytes: number;
  /** Bytes of the data region, counted once. */
  capacity: number;
  /** Process id of the creator; 0 if it did not say. */
  creatorPid: number;
}

/**
 * Reads line 0 of a ring and checks every word of it. Each word is read once.
 *
 * @param memory the memory of the header, 4,096 bytes at least, mapped read-only or not; the data region need not be there
 * @param availableBytes bytes of the segment: header, and the data region once
 * @param kind the kind of ring that it has to be
 * @returns the constants
 * @throws {IpcError} `IPC_CORRUPT` if a word is wrong, with its name, its value and the right one
 */
export function validateHeader(
  memory: RingHeaderMemory,
  availableBytes: number,
  kind: RingKind = KIND_SPSC,
): RingHeader {
  const { words, offset, name } = memory;
  if (availableBytes < MIN_HEADER_BYTES + MIN_CAPACITY) {
    throw corrupt(name, "the size in bytes", availableBytes, `${MIN_HEADER_BYTES + MIN_CAPACITY} or more`);
  }
  // Plain reads: nobody sees a segment before its header is complete, and this memory may be mapped read-only, where
  // Atomics.load crashes on Bun (it is compiled to a read-modify-write)
  const magic = readWord(words, offset + MAGIC_OFFSET);
  if (magic !== MAGIC) throw corrupt(name, `magic (byte ${MAGIC_OFFSET})`, magic, String(MAGIC));
  const version = readWord(words, offset + VERSION_OFFSET);
  if (version !== VERSION) throw corrupt(name, `version (byte ${VERSION_OFFSET})`, version, String(VERSION));
  const found = readWord(words, offset + KIND_OFFSET);
  if (found !== kind) throw corrupt(name, `kind (byte ${KIND_OFFSET})`, found, `${kind} (${KIND_NAMES[kind]})`);
  const flags = readWord(words, offset + FLAGS_OFFSET);
  if (flags !== 0) throw corrupt(name, `flags (byte ${FLAGS_OFFSET})`, flags, "0");
  const headerBytes = readWord(words, offset + HEADER_BYTES_OFFSET);
  const smallest = kind === KIND_FUNNEL ? checkFunnelHeader(memory, headerBytes) : headerBytes;
  if (
    kind !== KIND_FUNNEL &&
    ((headerBytes & (headerBytes - 1)) !== 0 || headerBytes < MIN_HEADER_BYTES || headerBytes > MAX_HEADER_BYTES)
  ) {
    const right = `a power of two from ${MIN_HEADER_BYTES} to ${MAX_HEADER_BYTES}`;
    throw corrupt(name, `header bytes (byte ${HEADER_BYTES_OFFSET})`, headerBytes, right);
  }
  const capacity = readWord(words, offset + CAPACITY_OFFSET);
  const largest = Math.min(MAX_CAPACITY, availableBytes - headerBytes);
  if ((capacity & (capacity - 1)) !== 0 || capacity < smallest || capacity > largest) {
    const right = `a power of two from ${smallest} to ${largest} (the segment has ${availableBytes} bytes)`;
    throw corrupt(name, `capacity (byte ${CAPACITY_OFFSET})`, capacity, right);
  }
  return { headerBytes, capacity, creatorPid: readWord(words, offset + CREATOR_PID_OFFSET) };
}

/** The header of a funnel is as many pages as its capacity needs, of any size that pages have. @returns the smallest capacity */
function checkFunnelHeader({ words, offset, name }: RingHeaderMemory, headerBytes: number): number {
  const capacity = readWord(words, offset + CAPACITY_OFFSET);
  for (let pageBytes = MIN_HEADER_BYTES; pageBytes <= MAX_HEADER_BYTES; pageBytes *= 2) {
    if (headerBytesOf(KIND_FUNNEL, capacity, pageBytes) === headerBytes) return MIN_CAPACITY;
  }
  const right = `what a capacity of ${capacity} needs, in whole pages`;
  throw corrupt(name, `header bytes (byte ${HEADER_BYTES_OFFSET})`, headerBytes, right);
}

function readWord(words: Int32Array, offset: number): number {
  return (words[offset >>> 2] as number) >>> 0;
}
