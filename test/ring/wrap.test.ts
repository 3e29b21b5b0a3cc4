import { suite } from "uvu";
import * as assert from "uvu/assert";
import { makeRing, pattern, readWord, recordSize, sameBytes } from "./make-ring.ts";

const test = suite("ring index wrap");
const CAPACITY = 4096;

for (const [name, limit] of [
  ["2^32", 2 ** 32],
  ["2^31, where int32 ends", 2 ** 31],
] as const) {
  test(`messages of all kinds pass ${name}`, () => {
    for (let before = 16; before <= 2 * CAPACITY; before += 16) {
      const { memory, producer, consumer } = makeRing({ start: limit - before });
      let index = limit - before;
      for (let i = 0; index < limit + CAPACITY; i++) {
        const message = pattern((i * 97) % 1500, i);
        assert.is(producer.tryPush(message), true);
        index += recordSize(message.length);
        assert.is(readWord(memory, 128), index % 2 ** 32);
        sameBytes(consumer.tryPop(), message);
        assert.is(readWord(memory, 256), index % 2 ** 32);
      }
      assert.is(producer.free, CAPACITY);
      assert.is(consumer.available, 0);
    }
  });

  test(`a full ring and a message in fragments pass ${name}`, () => {
    for (let before = 16; before <= CAPACITY; before += 16) {
      const { producer, consumer } = makeRing({ start: limit - before });
      let count = 0;
      while (producer.tryPush(pattern(24, count))) count++;
      assert.is(count, CAPACITY / 32);
      assert.is(producer.free, 0);
      assert.is(consumer.available, CAPACITY);
      for (let i = 0; i < count; i++) sameBytes(consumer.tryPop(), pattern(24, i));
      const large = pattern(3 * CAPACITY);
      producer.beginMessage(large);
      while (!producer.continueMessage()) assert.is(consumer.tryPop(), undefined);
      sameBytes(consumer.tryPop(), large);
    }
  });

  test(`batches in both directions pass ${name}`, () => {
    const { producer, consumer } = makeRing({
      start: limit - 1024,
      producer: { batchBytes: 256 },
      consumer: { releaseBytes: 512 },
    });
    let received = 0;
    for (let sent = 0; sent < 300; sent++) {
      assert.is(producer.tryPush(pattern(24, sent)), true);
      for (let next = consumer.tryPop(); next !== undefined; next = consumer.tryPop()) {
        sameBytes(next, pattern(24, received++));
      }
    }
    producer.flush();
    while (received < 300) sameBytes(consumer.tryPop(), pattern(24, received++));
  });
}

test("a claim and a peek reach over the wrap", () => {
  const { producer, consumer } = makeRing({ start: 2 ** 32 - 64 });
  const at = producer.tryClaim(2040);
  producer.bytes.set(pattern(2040), at);
  producer.commit();
  const seen = consumer.tryPeek();
  sameBytes(consumer.bytes.subarray(seen, seen + consumer.peekLength), pattern(2040));
  consumer.release();
  assert.is(consumer.tryPeek(), -1);
});

test.run();
