import {
  allocateRing,
  HEAD_OFFSET,
  RingConsumer,
  type RingConsumerOptions,
  type RingMemory,
  RingProducer,
  type RingProducerOptions,
  TAIL_OFFSET,
  type WaitMode,
} from "../../src/ring/mod.ts";

export interface TestRing {
  memory: RingMemory;
  producer: RingProducer;
  consumer: RingConsumer;
  /** The modes in which the producer woke the consumer. */
  consumerWakes: WaitMode[];
  /** The modes in which the consumer woke the producer. */
  producerWakes: WaitMode[];
}

export interface TestRingOptions {
  capacity?: number;
  /** Where head and tail begin. */
  start?: number;
  producer?: RingProducerOptions;
  consumer?: RingConsumerOptions;
}

/** A ring in plain memory with both ends attached. */
export function makeRing(options: TestRingOptions = {}): TestRing {
  const memory = allocateRing(options.capacity ?? 4096);
  setIndices(memory, options.start ?? 0);
  const consumerWakes: WaitMode[] = [];
  const producerWakes: WaitMode[] = [];
  const producer = new RingProducer(memory, { wake: (mode) => consumerWakes.push(mode) }, options.producer);
  const consumer = new RingConsumer(memory, { wake: (mode) => producerWakes.push(mode) }, options.consumer);
  return { memory, producer, consumer, consumerWakes, producerWakes };
}

/** Makes an empty ring begin at an index, before anybody attaches. */
export function setIndices(memory: RingMemory, index: number): void {
  writeWord(memory, HEAD_OFFSET, index);
  writeWord(memory, TAIL_OFFSET, index);
}

/** A word of the ring, as uint32. */
export function readWord(memory: RingMemory, offset: number): number {
  return Atomics.load(memory.words, (memory.offset + offset) >>> 2) >>> 0;
}

/** Overwrites a word of the ring. */
export function writeWord(memory: RingMemory, offset: number, value: number): void {
  Atomics.store(memory.words, (memory.offset + offset) >>> 2, value | 0);
}

/** Bytes that depend on the size, the seed and the place. */
export function pattern(size: number, seed = 0): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = (i * 31 + (i >>> 8) * 17 + seed * 101 + size) & 255;
  return bytes;
}

/** Throws unless both hold the same bytes; faster than a deep comparison, and short when it fails. */
export function sameBytes(actual: Uint8Array | undefined, expected: Uint8Array, what = "the message"): void {
  if (actual === undefined) throw new Error(`Expected ${what} of ${expected.length} bytes, got nothing`);
  if (actual.length !== expected.length) {
    throw new Error(`Expected ${what} of ${expected.length} bytes, got ${actual.length}`);
  }
  for (let i = 0; i < expected.length; i++) {
    if (actual[i] === expected[i]) continue;
    throw new Error(`Expected byte ${i} of ${what} to be ${expected[i]}, got ${actual[i]} (${expected.length} bytes)`);
  }
}

/** Bytes of the ring that a message of one record takes. */
export function recordSize(length: number): number {
  return Math.ceil((8 + length) / 16) * 16;
}

/** The code of the error that a call throws; `"nothing"` if it throws nothing, the class if the error has no code. */
export function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    const { code, name } = error as { code?: string; name: string };
    return code ?? name;
  }
  return "nothing";
}
