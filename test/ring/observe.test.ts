import { suite } from "uvu";
import * as assert from "uvu/assert";
import { addToCounter, readCounter } from "../../src/ring/counter.ts";
import { observeRing } from "../../src/ring/mod.ts";
import { atEachAtomic } from "./at-each-atomic.ts";
import { makeRing, pattern, writeWord } from "./make-ring.ts";

const test = suite("ring observers");

test("an observer sees what went through, who waits, who is there", () => {
  const { memory, producer, consumer } = makeRing({ producer: { pid: 5 }, consumer: { pid: 6 } });
  const look = () => observeRing(memory, memory.bytes.length);
  assert.equal(look(), {
    headerBytes: 4096,
    capacity: 4096,
    creatorPid: 0,
    used: 0,
    segment: "live",
    producer: { state: "attached", waits: "no", pid: 5, sessions: 1, messages: 0, bytes: 0, stalls: 0, wakes: 0 },
    consumer: { state: "attached", waits: "no", pid: 6, sessions: 1, messages: 0, bytes: 0, stalls: 0, wakes: 0 },
  });
  assert.is(consumer.tryPop(), undefined);
  assert.is(consumer.tryPop(), undefined);
  consumer.prepareWait(2);
  assert.is(look().consumer.waits, "on the bell");
  producer.tryPush(pattern(100));
  consumer.cancelWait();
  consumer.tryPop();
  while (producer.tryPush(pattern(8)));
  assert.is(producer.tryPush(pattern(8)), false);
  producer.prepareWait(1);
  const seen = look();
  assert.is(seen.used, 4096);
  assert.equal(seen.producer, {
    ...{ state: "attached", waits: "on the futex", pid: 5, sessions: 1 },
    ...{ messages: 257, bytes: 100 + 256 * 8, stalls: 1, wakes: 1 },
  });
  assert.equal(seen.consumer, {
    ...{ state: "attached", waits: "no", pid: 6, sessions: 1 },
    ...{ messages: 1, bytes: 100, stalls: 1, wakes: 0 },
  });
  producer.cancelWait();
  consumer.tryPop();
  producer.tryPush(pattern(8));
  assert.is(producer.tryPush(pattern(8)), false);
  assert.is(look().producer.stalls, 2, "full again");
  producer.close();
  consumer.close();
  assert.is(look().producer.state, "closed");
  assert.is(look().consumer.state, "closed");
});

test("what nobody writes is named invalid", () => {
  const { memory } = makeRing();
  for (const offset of [384, 512, 640, 768, 896]) writeWord(memory, offset, 9);
  const { segment, producer, consumer } = observeRing(memory, memory.bytes.length);
  assert.equal(
    [segment, producer.state, producer.waits, consumer.state, consumer.waits],
    ["invalid", "invalid", "invalid", "invalid", "invalid"],
  );
});

test("the fate of the segment is seen", () => {
  const { memory } = makeRing();
  for (const [value, name] of [
    [1, "removed"],
    [2, "superseded"],
  ] as const) {
    writeWord(memory, 896, value);
    assert.is(observeRing(memory, memory.bytes.length).segment, name);
  }
});

test("counters go on past 2^32, also over all sessions", () => {
  const { memory, producer, consumer } = makeRing();
  for (const line of [1024, 1152]) {
    for (const counter of [8, 16]) writeWord(memory, line + counter, 0xfffffffe);
    writeWord(memory, line + 12, 3);
  }
  for (let i = 0; i < 5; i++) {
    producer.tryPush(pattern(3));
    consumer.tryPop();
  }
  const seen = observeRing(memory, memory.bytes.length);
  for (const end of [seen.producer, seen.consumer]) {
    assert.is(end.messages, 3 * 2 ** 32 + 0xfffffffe + 5);
    assert.is(end.bytes, 0xfffffffe + 15);
  }
});

test("a counter never looks too large or too small, at any moment of a carry", () => {
  const words = new Int32Array(4);
  const points = atEachAtomic(
    () => {
      words.set([0, 0xfffffff0 | 0, 0, 0]);
    },
    () => addToCounter(words, 1, 0, 0x20),
    () => {
      // An observer that comes in the middle sees the carry word odd, and looks until it is even
      const odd = (words[0] as number) & 1;
      const value = readCounter(words, 1, 0);
      if (odd === 0) assert.ok(value === 0xfffffff0 || value === 2 ** 32 + 0x10, `${value}`);
    },
    () => assert.is(readCounter(words, 1, 0), 2 ** 32 + 0x10),
  );
  assert.is(points, 9);
});

test("the owner's carry at any moment of a look is noticed", () => {
  const words = new Int32Array(4);
  let value = 0;
  const points = atEachAtomic(
    () => {
      words.set([0, 0xfffffff0 | 0, 0, 0]);
    },
    () => {
      value = readCounter(words, 1, 0);
    },
    () => addToCounter(words, 1, 0, 0x20),
    (_, point) => assert.ok(value === 0xfffffff0 || value === 2 ** 32 + 0x10, `${value} ${point}`),
  );
  assert.ok(points >= 4);
});

test("a carry word left odd by an owner that died is mended by the next carry, and stops nobody", () => {
  const words = new Int32Array([1, 0xfffffff0, 0, 0]);
  assert.is(readCounter(words, 1, 0), 0xfffffff0);
  addToCounter(words, 1, 0, 0x20);
  assert.is(readCounter(words, 1, 0), 2 ** 32 + 0x10);
  assert.is((words[0] as number) & 1, 0);
});

test.run();
