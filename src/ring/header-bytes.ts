import { FUNNEL_CONTROL_OFFSET, FUNNEL_UNIT_BYTES, KIND_FUNNEL } from "./funnel-layout.ts";
import { MAX_CAPACITY, MIN_CAPACITY } from "./layout.ts";
import type { RingKind } from "./validate-header.ts";

/**
 * Bytes before the data of a ring: one page, and of a funnel as many as its slots and control words take.
 *
 * @param kind the kind of ring
 * @param capacity bytes of the data
 * @param pageBytes the page size
 */
export function headerBytesOf(kind: RingKind, capacity: number, pageBytes: number): number {
  if (kind !== KIND_FUNNEL) return pageBytes;
  const needed = FUNNEL_CONTROL_OFFSET + (capacity / FUNNEL_UNIT_BYTES) * Int32Array.BYTES_PER_ELEMENT;
  return Math.ceil(needed / pageBytes) * pageBytes;
}

/**
 * The capacity that a segment has by its size.
 *
 * @param kind the kind of ring
 * @param bytes of header and data
 * @param pageBytes the page size
 * @param images how often the data is counted: 1 in a file, 2 where it is mapped
 * @returns bytes of the data; `undefined` when no ring of that kind has that size
 */
export function capacityOfSize(
  kind: RingKind,
  bytes: number,
  pageBytes: number,
  images: 1 | 2 = 1,
): number | undefined {
  for (let capacity = Math.max(MIN_CAPACITY, pageBytes); capacity <= MAX_CAPACITY; capacity *= 2) {
    if (headerBytesOf(kind, capacity, pageBytes) + images * capacity === bytes) return capacity;
  }
  return undefined;
}
