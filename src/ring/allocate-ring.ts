import { headerBytesOf } from "./header-bytes.ts";
import { checkRingSizes, initializeHeader } from "./initialize-header.ts";
import { KIND_SPSC, MIN_HEADER_BYTES } from "./layout.ts";
import type { RingMemory } from "./ring-memory.ts";
import type { RingKind } from "./validate-header.ts";

/**
 * Makes an empty ring in ordinary memory, for threads of one process. It takes twice the capacity, since ordinary memory
 * cannot be mapped a second time.
 *
 * @param capacity bytes of the data region: a power of two from 4,096 to 2^28
 * @param kind 1, the default, for one producer and one consumer; 2 (`KIND_BROADCAST`) for a broadcast, 3 (`KIND_FUNNEL`) for a funnel
 * @returns the ring's memory, over a new `SharedArrayBuffer`; a thread that gets this object by `postMessage` sees the same ring
 * @throws {RangeError} if the capacity is not such a number
 *
 * @example Ten bytes through a ring
 * ```ts
 * import { allocateRing, RingConsumer, RingProducer } from "millrace/ring";
 *
 * const memory = allocateRing(4096);
 * const nobodySleeps = { wake() {} };
 * const producer = new RingProducer(memory, nobodySleeps);
 * const consumer = new RingConsumer(memory, nobodySleeps);
 * producer.tryPush(new Uint8Array(10));
 * console.log(consumer.tryPop()?.length); // 10
 * ```
 */
export function allocateRing(capacity: number, kind: RingKind = KIND_SPSC): RingMemory {
  checkRingSizes(capacity);
  const buffer = new SharedArrayBuffer(headerBytesOf(kind, capacity, MIN_HEADER_BYTES) + 2 * capacity);
  const memory = { words: new Int32Array(buffer), bytes: new Uint8Array(buffer), offset: 0, capacity };
  initializeHeader(memory, { capacity, kind });
  return memory;
}
