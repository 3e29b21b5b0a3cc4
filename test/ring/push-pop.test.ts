import { suite } from "uvu";
import * as assert from "uvu/assert";
import { allocateRing, RingConsumer, RingProducer } from "../../src/ring/mod.ts";
import { codeOf, makeRing, pattern, recordSize, sameBytes } from "./make-ring.ts";

const test = suite("ring push and pop");
const CAPACITY = 4096;

test("every size from 0 to three times the capacity arrives as it was", () => {
  const { producer, consumer } = makeRing({ capacity: CAPACITY });
  const source = pattern(3 * CAPACITY);
  for (let size = 0; size <= 3 * CAPACITY; size++) {
    const message = source.subarray(size % 7 === 0 ? 0 : 3 * CAPACITY - size).subarray(0, size);
    let received: Uint8Array | undefined;
    producer.beginMessage(message);
    while (!producer.continueMessage()) {
      assert.is(received, undefined);
      received = consumer.tryPop();
    }
    received ??= consumer.tryPop();
    sameBytes(received, message);
    assert.is(consumer.tryPop(), undefined);
    assert.is(producer.free, CAPACITY);
  }
});

test("tryPush takes every size up to the capacity less four record headers, at once", () => {
  const { producer, consumer } = makeRing({ capacity: CAPACITY });
  for (let size = 0; size <= CAPACITY - 32; size++) {
    const message = pattern(size);
    assert.is(producer.tryPush(message), true, `${size} bytes`);
    assert.is(producer.inMessage, false);
    sameBytes(consumer.tryPop(), message);
  }
  for (const size of [CAPACITY - 31, CAPACITY, 3 * CAPACITY]) {
    assert.is(
      codeOf(() => producer.tryPush(pattern(size))),
      "IPC_TOO_LARGE",
    );
  }
  assert.is(producer.free, CAPACITY);
});

test("popInto takes every size, too, and leaves what is around it alone", () => {
  const { producer, consumer } = makeRing({ capacity: CAPACITY });
  const target = new Uint8Array(CAPACITY);
  for (let size = 0; size <= CAPACITY - 40; size += size < 300 ? 1 : 37) {
    const message = pattern(size, 5);
    producer.tryPush(message);
    target.fill(0xee);
    assert.is(consumer.popInto(target, 3), size);
    sameBytes(target.subarray(3, 3 + size), message);
    assert.is(
      target.subarray(0, 3).every((byte) => byte === 0xee),
      true,
    );
    assert.is(
      target.subarray(3 + size).every((byte) => byte === 0xee),
      true,
    );
  }
  assert.is(consumer.popInto(target), -1);
});

test("popInto leaves a message that does not fit for the next call", () => {
  const { producer, consumer } = makeRing({ capacity: CAPACITY });
  for (const size of [1, 100, 3000]) {
    const message = pattern(size);
    const target = new Uint8Array(size);
    producer.tryPush(message);
    assert.is(
      codeOf(() => consumer.popInto(target, 1)),
      "RangeError",
    );
    assert.is(
      codeOf(() => consumer.popInto(target.subarray(1))),
      "RangeError",
    );
    assert.is(
      codeOf(() => consumer.popInto(target, -1)),
      "RangeError",
    );
    assert.is(
      codeOf(() => consumer.popInto(target, 0.5)),
      "RangeError",
    );
    assert.is(consumer.ended, false);
    assert.is(consumer.popInto(target), size);
    sameBytes(target, message);
    producer.tryPush(message);
    assert.is(
      codeOf(() => consumer.popInto(new Uint8Array(0))),
      "RangeError",
    );
    sameBytes(consumer.tryPop(), message);
  }
});

test("an empty ring gives nothing, and messages of no bytes are messages", () => {
  const { producer, consumer } = makeRing({ capacity: CAPACITY });
  assert.is(consumer.tryPop(), undefined);
  assert.is(consumer.tryPeek(), -1);
  assert.is(consumer.popInto(new Uint8Array(0)), -1);
  let count = 0;
  while (producer.tryPush(new Uint8Array(0))) count++;
  assert.is(count, CAPACITY / 16);
  for (let i = 0; i < count; i++) assert.is(consumer.tryPop()?.length, 0);
  assert.is(consumer.tryPop(), undefined);
});

test("a full ring refuses whole messages, and takes one for each that leaves", () => {
  for (const size of [0, 1, 8, 9, 100, 1000, CAPACITY / 2 - 8]) {
    const { producer, consumer } = makeRing({ capacity: CAPACITY });
    const fitting = Math.floor(CAPACITY / recordSize(size));
    for (let i = 0; i < fitting; i++) assert.is(producer.tryPush(pattern(size, i)), true);
    assert.is(producer.free, CAPACITY - fitting * recordSize(size));
    for (let i = 0; i < 3 * fitting; i++) {
      assert.is(producer.tryPush(pattern(size, 99)), false);
      sameBytes(consumer.tryPop(), pattern(size, i));
      assert.is(producer.tryPush(pattern(size, i + fitting)), true, `${size} bytes, round ${i}`);
    }
  }
});

test("what is pushed and popped is a copy", () => {
  const { producer, consumer } = makeRing({ capacity: CAPACITY });
  for (const size of [4, 40, 400]) {
    const message = pattern(size);
    producer.tryPush(message);
    message.fill(0);
    const received = consumer.tryPop() as Uint8Array<ArrayBuffer>;
    assert.is(received.buffer instanceof SharedArrayBuffer, false);
    for (let i = 0; i < CAPACITY / 16; i++) producer.tryPush(new Uint8Array(8)) || consumer.tryPop();
    sameBytes(received, pattern(size));
    while (consumer.tryPop() !== undefined);
  }
});

test("nothing outside of the ring is touched", () => {
  const memory = allocateRing(CAPACITY);
  const outer = new Uint8Array(memory.bytes.length + 512).fill(0xcc);
  outer.set(memory.bytes, 256);
  const inner = { ...memory, bytes: outer, words: new Int32Array(outer.buffer), offset: 256 };
  const left = new RingProducer(inner, { wake() {} });
  const right = new RingConsumer(inner, { wake() {} });
  for (let size = 0; size < 2 * CAPACITY; size += 5) {
    left.beginMessage(pattern(size));
    let received: Uint8Array | undefined;
    while (!left.continueMessage()) received = right.tryPop();
    sameBytes(received ?? right.tryPop(), pattern(size));
  }
  assert.is(
    outer.subarray(0, 256).every((byte) => byte === 0xcc),
    true,
  );
  assert.is(
    outer.subarray(256 + memory.bytes.length).every((byte) => byte === 0xcc),
    true,
  );
  // Between the last word of line 9 and the data
  assert.is(
    outer.subarray(256 + 1184, 256 + 4096).every((byte) => byte === 0),
    true,
  );
});

test.run();
