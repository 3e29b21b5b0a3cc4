import { readCounter, readWord } from "./counter.ts";
import {
  CONSUMER_STATE_OFFSET,
  CONSUMER_WAITER_OFFSET,
  FROM_INDEX_TO_BYTES,
  FROM_INDEX_TO_CARRY,
  FROM_INDEX_TO_MESSAGES,
  FROM_INDEX_TO_STALLS,
  FROM_INDEX_TO_WAKES,
  FROM_STATE_TO_PID,
  FROM_STATE_TO_SESSIONS,
  HEAD_OFFSET,
  PRODUCER_STATE_OFFSET,
  PRODUCER_WAITER_OFFSET,
  SEGMENT_STATE_OFFSET,
  TAIL_OFFSET,
} from "./layout.ts";
import type { RingHeaderMemory } from "./ring-memory.ts";
import { type RingHeader, type RingKind, validateHeader } from "./validate-header.ts";

/** One end of a ring, as an observer sees it. `"invalid"` stands for a word that no correct peer writes. */
export interface RingEndObservation {
  /** What the end says of itself; whether a process that is attached still lives, its role lock tells. */
  state: "never attached" | "attached" | "closed" | "invalid";
  /** Whether the end is asleep, and on what. */
  waits: "no" | "on the futex" | "on the bell" | "invalid";
  /** Process id of the last owner; 0 if it did not say. */
  pid: number;
  /** How often the end was taken. */
  sessions: number;
  /** Whole messages sent or received, over all sessions. */
  messages: number;
  /** Payload bytes sent or received, over all sessions. */
  bytes: number;
  /** How often the ring was found full (producer) or empty (consumer). */
  stalls: number;
  /** How often this end woke the other one. */
  wakes: number;
}

/** A ring, as an observer sees it. */
export interface RingObservation extends RingHeader {
  /** Bytes of records published and not released. */
  used: number;
  /** What became of the segment. */
  segment: "live" | "removed" | "superseded" | "invalid";
  producer: RingEndObservation;
  consumer: RingEndObservation;
}

const STATES = ["never attached", "attached", "closed"] as const;
const WAITS = ["no", "on the futex", "on the bell"] as const;
const SEGMENTS = ["live", "removed", "superseded"] as const;

/**
 * Looks at a ring without taking part: writes nothing, takes no role, may run at any time and on a read-only mapping. The figures are not all of the
 * same instant.
 *
 * @param memory the memory of the header; the data region need not be there
 * @param availableBytes bytes of the segment: header, and the data region once
 * @param kind the kind of ring: `KIND_SPSC`, the default, or `KIND_KEPT`
 * @returns what is there
 * @throws {IpcError} `IPC_CORRUPT` if line 0 is wrong; other wrong words only give `"invalid"` or a wrong figure
 *
 * @example How full a ring is
 * ```ts
 * import { allocateRing, observeRing, RingProducer } from "millrace/ring";
 *
 * const memory = allocateRing(4096);
 * new RingProducer(memory, { wake() {} }).tryPush(new Uint8Array(100));
 * const { used, capacity, producer } = observeRing(memory, memory.bytes.length);
 * console.log(used, capacity, producer.messages); // 112 4096 1
 * ```
 */
export function observeRing(memory: RingHeaderMemory, availableBytes: number, kind?: RingKind): RingObservation {
  const header = validateHeader(memory, availableBytes, kind);
  const { words, offset } = memory;
  return {
    ...header,
    used: observeUsed(words, offset, header.capacity),
    segment: SEGMENTS[readWord(words, (offset + SEGMENT_STATE_OFFSET) >>> 2)] ?? "invalid",
    producer: observeEnd(words, offset, HEAD_OFFSET, PRODUCER_WAITER_OFFSET, PRODUCER_STATE_OFFSET),
    consumer: observeEnd(words, offset, TAIL_OFFSET, CONSUMER_WAITER_OFFSET, CONSUMER_STATE_OFFSET),
  };
}

/** The tail lies between two equal looks at the head, if the producer gives time for that. */
function observeUsed(words: Int32Array, offset: number, capacity: number): number {
  let used = 0;
  for (let attempt = 0; attempt < 100; attempt++) {
    // Pair with the stores in flush of both ends
    const head = readWord(words, (offset + HEAD_OFFSET) >>> 2);
    used = (head - readWord(words, (offset + TAIL_OFFSET) >>> 2)) >>> 0;
    if (used <= capacity && readWord(words, (offset + HEAD_OFFSET) >>> 2) === head) break;
  }
  return Math.min(used, capacity);
}

function observeEnd(
  words: Int32Array,
  offset: number,
  index: number,
  waiter: number,
  state: number,
): RingEndObservation {
  const at = offset + index;
  const carryWord = (at + FROM_INDEX_TO_CARRY) >>> 2;
  return {
    state: STATES[readWord(words, (offset + state) >>> 2)] ?? "invalid",
    waits: WAITS[readWord(words, (offset + waiter) >>> 2)] ?? "invalid",
    pid: readWord(words, (offset + state + FROM_STATE_TO_PID) >>> 2),
    sessions: readWord(words, (offset + state + FROM_STATE_TO_SESSIONS) >>> 2),
    messages: readCounter(words, (at + FROM_INDEX_TO_MESSAGES) >>> 2, carryWord),
    bytes: readCounter(words, (at + FROM_INDEX_TO_BYTES) >>> 2, carryWord),
    stalls: readWord(words, (at + FROM_INDEX_TO_STALLS) >>> 2),
    wakes: readWord(words, (at + FROM_INDEX_TO_WAKES) >>> 2),
  };
}
