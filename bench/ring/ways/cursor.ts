/** The ring's own cursors, `tryClaim` and `tryPeek`, on a mapped segment. Both sides spin; the payload is copied in and copied out. */
import { O_RDWR } from "../../../src/ffi/abi/current.ts";
import { close, open } from "../../../src/ffi/fd.ts";
import { mapSegment } from "../../../src/ipc/map-segment.ts";
import { nativeCopier } from "../../../src/memory/native-copier.ts";
import { RingConsumer, type RingMemory, RingProducer } from "../../../src/ring/mod.ts";
import type { Job } from "../job.ts";
import { now } from "../numbered.ts";

/** Up to here a loop is faster than a call. */
const LOOP_BYTES = 8;
/** Where the engine has it: lets the other side have the memory for a moment. */
const pause: () => void = (Atomics as { pause?: () => void }).pause ?? (() => {});
const nobodySleeps = { wake() {} };

export async function send({ target, size, warmUp, count, batchBytes }: Job): Promise<void> {
  const memory = openRing(target);
  sendAll(new RingProducer(memory, nobodySleeps, { batchBytes }), memory.words, size, warmUp + count);
}

export async function receive({ target, size, warmUp, count, batchBytes }: Job): Promise<number> {
  const memory = openRing(target);
  const consumer = new RingConsumer(memory, nobodySleeps, { releaseBytes: batchBytes });
  receiveAll(consumer, memory.words, size, 0, warmUp);
  const start = now();
  receiveAll(consumer, memory.words, size, warmUp, count);
  return now() - start;
}

export async function ping({ target, back, size, warmUp, count }: Job): Promise<number> {
  const there = openRing(target);
  const here = openRing(back);
  const producer = new RingProducer(there, nobodySleeps);
  const consumer = new RingConsumer(here, nobodySleeps);
  let start = now();
  for (let i = 0; i < warmUp + count; i++) {
    sendOne(producer, there.words, size, i + 1);
    receiveAll(consumer, here.words, size, i, 1);
    if (i === warmUp) start = now();
  }
  return now() - start;
}

export async function pong({ target, back, size, warmUp, count }: Job): Promise<void> {
  const there = openRing(back);
  const here = openRing(target);
  const producer = new RingProducer(there, nobodySleeps);
  const consumer = new RingConsumer(here, nobodySleeps);
  for (let i = 0; i < warmUp + count; i++) {
    receiveAll(consumer, here.words, size, i, 1);
    sendOne(producer, there.words, size, i + 1);
  }
}

export function openRing(path: string): RingMemory {
  const file = open(path, O_RDWR);
  const region = mapSegment(file, path);
  close(file);
  const { words, bytes } = region.arena;
  const capacity = (region.length - 4096) / 2;
  return { words, bytes, offset: region.offset, capacity, name: path, copier: nativeCopier() };
}

function sendAll(producer: RingProducer, words: Int32Array, size: number, total: number): void {
  const { copier } = producer;
  const source = new Int32Array(size >> 2);
  const sourceBytes = new Uint8Array(source.buffer);
  const last = (size >> 2) - 1;
  for (let i = 1; i <= total; i++) {
    let at = producer.tryClaim(size);
    while (at === -1) {
      pause();
      at = producer.tryClaim(size);
    }
    source[0] = i;
    source[last] = i;
    if (size > LOOP_BYTES) {
      copier.copyIn(at, sourceBytes, size);
    } else {
      const word = at >> 2;
      for (let k = 0; k <= last; k++) words[word + k] = source[k] as number;
    }
    producer.commit(size);
  }
  producer.flush();
}

function sendOne(producer: RingProducer, words: Int32Array, size: number, number: number): void {
  let at = producer.tryClaim(size);
  while (at === -1) {
    pause();
    at = producer.tryClaim(size);
  }
  words[at >> 2] = number;
  words[(at + size - 4) >> 2] = number;
  producer.commit(size);
}

const targets = new Map<number, Int32Array<ArrayBuffer>>();

function receiveAll(consumer: RingConsumer, words: Int32Array, size: number, before: number, count: number): void {
  const { copier } = consumer;
  const target = targets.get(size) ?? new Int32Array(size >> 2);
  targets.set(size, target);
  const targetBytes = new Uint8Array(target.buffer);
  const last = (size >> 2) - 1;
  for (let i = before + 1; i <= before + count; i++) {
    let at = consumer.tryPeek();
    while (at === -1) {
      pause();
      at = consumer.tryPeek();
    }
    const length = consumer.peekLength;
    if (size > LOOP_BYTES) {
      copier.copyInto(at, targetBytes, 0, length);
    } else {
      const word = at >> 2;
      for (let k = 0; k <= last; k++) target[k] = words[word + k] as number;
    }
    consumer.release();
    if (length !== size || target[0] !== i || target[last] !== i) {
      throw new Error(`Message ${i} has ${length} bytes and the numbers ${target[0]} and ${target[last]}`);
    }
  }
}
