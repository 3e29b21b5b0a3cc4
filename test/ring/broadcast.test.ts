import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  allocateRing,
  BroadcastConsumer,
  BroadcastProducer,
  HEAD_OFFSET,
  KIND_BROADCAST,
  type RingMemory,
  SEGMENT_STATE_OFFSET,
  TAIL_OFFSET,
} from "../../src/ring/mod.ts";
import { deadline } from "../support/deadline.ts";
import { codeOf, pattern, readWord, sameBytes, setIndices, writeWord } from "./make-ring.ts";

const CAPACITY = 4096;
const HEADER = 4096;

function make(start = 0): { memory: RingMemory; producer: BroadcastProducer; wakes: () => number } {
  const memory = allocateRing(CAPACITY, KIND_BROADCAST);
  setIndices(memory, start);
  let count = 0;
  return { memory, producer: new BroadcastProducer(memory, { wake: () => count++ }), wakes: () => count };
}

function numbered(i: number): Uint8Array {
  return pattern(4 + ((i * 37) % 300), i);
}

test("every consumer gets every message, of any length up to a quarter of the capacity less 16", () => {
  const { memory, producer } = make();
  const consumers = [1, 2, 3].map(() => new BroadcastConsumer(memory));
  assert.is(producer.largestPayload, CAPACITY / 4 - 16);
  const target = new Uint8Array(2000);
  for (let length = 0; length <= producer.largestPayload; length += 7) {
    producer.tryPush(pattern(length, length));
    sameBytes(consumers[0]?.tryPop(), pattern(length, length));
    sameBytes(consumers[1]?.tryPop(), pattern(length, length));
    assert.is(consumers[2]?.popInto(target, 5), length);
    sameBytes(target.subarray(5, 5 + length), pattern(length, length));
  }
  for (const consumer of consumers) assert.is(consumer.missed, 0);
  assert.is(
    codeOf(() => producer.tryPush(new Uint8Array(producer.largestPayload + 1))),
    "IPC_TOO_LARGE",
  );
});

test("a consumer that was overtaken goes on with the oldest whole message and knows how many it missed", () => {
  const { memory, producer } = make();
  const slow = new BroadcastConsumer(memory);
  let sent = 0;
  let next = 0;
  for (const burst of [1, 5, 200, 3, 1000, 17, 0, 50]) {
    for (let i = 0; i < burst; i++) producer.tryPush(numbered(sent++));
    const before = slow.missed;
    for (let message = slow.tryPop(); message !== undefined; message = slow.tryPop()) {
      if (slow.missed !== before && next <= sent - burst) next += slow.missed - before;
      sameBytes(message, numbered(next++), `message ${next}`);
    }
    assert.is(next, sent);
    const used = (readWord(memory, HEAD_OFFSET) - readWord(memory, TAIL_OFFSET)) >>> 0;
    assert.ok(used <= CAPACITY);
    if (sent > 100) assert.ok(used >= (CAPACITY * 3) / 8, "what is kept is at least three eighths");
  }
  assert.ok(slow.missed > 900);
});

test("indices wrap around at 2^32", () => {
  for (const start of [2 ** 32 - 16, 2 ** 32 - 2048, 2 ** 31 - 1024]) {
    const { memory, producer } = make(start);
    const fast = new BroadcastConsumer(memory);
    const slow = new BroadcastConsumer(memory);
    for (let i = 0; i < 100; i++) {
      producer.tryPush(numbered(i));
      sameBytes(fast.tryPop(), numbered(i));
    }
    let left = 0;
    for (let message = slow.tryPop(); message !== undefined; message = slow.tryPop()) {
      sameBytes(message, numbered(slow.missed + left++));
    }
    assert.is(slow.missed + left, 100);
  }
});

test("a consumer that stood still while 2^32 bytes went by is told by the sequence", () => {
  const { memory, producer } = make();
  const consumer = new BroadcastConsumer(memory);
  producer.tryPush(pattern(100));
  // the same place again, one round of the indices later: only the record tells
  const sequenceWord = (HEADER + 8) >> 2;
  memory.words[sequenceWord] = 7;
  memory.words[sequenceWord + 1] = 3;
  assert.is(consumer.tryPop()?.length, 100);
  assert.is(consumer.missed, 3 * 2 ** 32 + 7);
});

test("a late consumer begins with the oldest message, or with the next one, and counts from there", () => {
  const { memory, producer } = make();
  for (let i = 0; i < 100; i++) producer.tryPush(new Uint8Array(100).fill(i));
  const oldest = new BroadcastConsumer(memory, { from: "oldest" });
  const now = new BroadcastConsumer(memory, { from: "now" });
  assert.is(now.tryPop(), undefined);
  const first = oldest.tryPop()?.[0] as number;
  assert.ok(first > 50 && first < 99);
  assert.is(oldest.missed, 0);
  for (let i = 100; i < 200; i++) producer.tryPush(new Uint8Array(100).fill(i));
  const next = now.tryPop()?.[0] as number;
  assert.is(now.missed, next - 100);
  assert.is(oldest.tryPop()?.[0], next);
  assert.is(oldest.missed, next - first - 1);
});

test("claims and batches are seen when they are committed and published", () => {
  const { memory, producer } = make();
  const consumer = new BroadcastConsumer(memory);
  const at = producer.tryClaim(10);
  producer.bytes.fill(9, at, at + 10);
  assert.is(
    codeOf(() => producer.tryPush(new Uint8Array(1))),
    "TypeError",
  );
  assert.is(consumer.tryPop(), undefined);
  producer.commit(4);
  assert.equal(consumer.tryPop(), new Uint8Array([9, 9, 9, 9]));
  producer.tryClaim(10);
  producer.abort();
  producer.batchBytes = CAPACITY / 8;
  producer.tryPush(new Uint8Array(8));
  assert.is(consumer.tryPop(), undefined);
  producer.flush();
  assert.is(consumer.tryPop()?.length, 8);
});

test("one wake for all who sleep, none when nobody does", () => {
  const { memory, producer, wakes } = make();
  const [a, b] = [new BroadcastConsumer(memory), new BroadcastConsumer(memory)];
  producer.tryPush(new Uint8Array(1));
  assert.is(wakes(), 0);
  assert.not(a.prepareWait(2), "there is something to read");
  a.tryPop();
  b.tryPop();
  assert.ok(a.prepareWait(2));
  assert.ok(b.prepareWait(2));
  producer.tryPush(new Uint8Array(1));
  producer.tryPush(new Uint8Array(1));
  assert.is(wakes(), 1);
  a.prepareWait(2);
  producer.close();
  assert.is(wakes(), 2);
  assert.not(b.ended);
  while (b.tryPop() !== undefined);
  assert.ok(b.ended);
});

test("a broadcast has one producer in its life", () => {
  const { memory, producer } = make();
  producer.close();
  assert.is(
    codeOf(() => producer.tryPush(new Uint8Array(1))),
    "IPC_CLOSED",
  );
  assert.is(
    codeOf(() => new BroadcastProducer(memory, { wake() {} })),
    "IPC_EXISTS",
  );
  assert.is(
    codeOf(() => new BroadcastConsumer(allocateRing(CAPACITY))),
    "IPC_CORRUPT",
  );
});

test("a message past maxMessageBytes is dropped, and the next one comes", () => {
  const { memory, producer } = make();
  const consumer = new BroadcastConsumer(memory, { maxMessageBytes: 10 });
  producer.tryPush(new Uint8Array(11));
  producer.tryPush(new Uint8Array(10));
  assert.is(
    codeOf(() => consumer.tryPop()),
    "IPC_TOO_LARGE",
  );
  assert.is(consumer.tryPop()?.length, 10);
});

test("what no correct producer writes is IPC_CORRUPT", () => {
  const wrong: [string, (memory: RingMemory) => void][] = [
    ["length", (memory) => writeWord(memory, HEADER, CAPACITY)],
    ["length that passes the head", (memory) => writeWord(memory, HEADER, 500)],
    ["flags", (memory) => writeWord(memory, HEADER + 4, 1)],
    ["sequence", (memory) => writeWord(memory, HEADER + 12, -1)],
    ["head", (memory) => writeWord(memory, HEAD_OFFSET, 8)],
    ["tail and head", (memory) => writeWord(memory, TAIL_OFFSET, 2 ** 31)],
    ["tail", (memory) => writeWord(memory, TAIL_OFFSET, 2 ** 31 + 8)],
  ];
  for (const [what, damage] of wrong) {
    const { memory, producer } = make();
    const consumer = new BroadcastConsumer(memory);
    producer.tryPush(new Uint8Array(100));
    damage(memory);
    assert.is(
      codeOf(() => consumer.tryPop()),
      "IPC_CORRUPT",
      what,
    );
    assert.is(
      codeOf(() => consumer.tryPop()),
      "IPC_CORRUPT",
      what,
    );
  }
});

test("a producer whose records were overwritten by somebody stops with IPC_CORRUPT", () => {
  const { memory, producer } = make();
  for (let i = 0; i < 20; i++) producer.tryPush(new Uint8Array(100));
  writeWord(memory, HEADER, -1);
  assert.is(
    codeOf(() => {
      for (let i = 0; i < 100; i++) producer.tryPush(new Uint8Array(100));
    }),
    "IPC_CORRUPT",
  );
});

test(
  "random bytes in the header and the data end in bounded time",
  deadline(20_000, () => {
    let seed = 12345;
    const random = () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
      return seed >>> 0;
    };
    for (let round = 0; round < 300; round++) {
      const { memory, producer } = make();
      const consumer = new BroadcastConsumer(memory);
      for (let i = 0; i < 60; i++) producer.tryPush(numbered(i));
      for (let i = 0; i < 8; i++) {
        const inHeader = random() % 2 === 0;
        const offset = inHeader
          ? 128 + (random() % ((SEGMENT_STATE_OFFSET - 128) >> 2)) * 4
          : HEADER + (random() % 1024) * 4;
        writeWord(memory, offset, random() % 3 === 0 ? random() % 5000 : random());
      }
      for (let i = 0; i < 200; i++) {
        try {
          if (consumer.tryPop() === undefined) break;
        } catch (error) {
          assert.is((error as { code?: string }).code, "IPC_CORRUPT");
          break;
        }
      }
    }
  }),
);

test.run();
