import { suite } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, makeRing, pattern, readWord, sameBytes } from "./make-ring.ts";

const test = suite("ring claim and peek");

test("what is written into a claim arrives when it is committed, not before", () => {
  const { producer, consumer } = makeRing();
  const at = producer.tryClaim(100);
  producer.bytes.set(pattern(100), at);
  assert.is(consumer.tryPeek(), -1);
  producer.commit();
  sameBytes(consumer.tryPop(), pattern(100));
});

test("a commit of fewer bytes than claimed sends those, and gives the rest back", () => {
  const { producer, consumer } = makeRing();
  for (const [claimed, committed] of [
    [100, 0],
    [100, 1],
    [100, 99],
    [100, 100],
    [0, 0],
    [2040, 8],
  ] as const) {
    const at = producer.tryClaim(claimed);
    producer.bytes.set(pattern(committed), at);
    const free = producer.free;
    producer.commit(committed);
    assert.is(free - producer.free, Math.ceil((8 + committed) / 16) * 16);
    sameBytes(consumer.tryPop(), pattern(committed));
  }
});

test("an aborted claim leaves no trace", () => {
  const { memory, producer, consumer } = makeRing();
  const first = producer.tryClaim(50);
  producer.bytes.fill(0xaa, first, first + 50);
  producer.abort();
  producer.abort();
  assert.is(readWord(memory, 128), 0);
  assert.is(consumer.tryPop(), undefined);
  assert.is(producer.tryClaim(50), first);
  producer.bytes.set(pattern(50), first);
  producer.commit();
  sameBytes(consumer.tryPop(), pattern(50));
});

test("claims are contiguous and aligned to 8, also over the end of the data region", () => {
  const { memory, producer, consumer } = makeRing();
  let crossed = 0;
  for (let i = 0; i < 500; i++) {
    const size = (i * 7) % 300;
    const at = producer.tryClaim(size);
    assert.is(at % 8, 0);
    assert.ok(at >= 4096 + 8 && at < 8192);
    if (at + size > 8192) crossed++;
    producer.bytes.set(pattern(size, i), at);
    producer.commit();
    const seen = consumer.tryPeek();
    assert.is(seen, at);
    assert.is(consumer.peekLength, size);
    sameBytes(memory.bytes.subarray(seen, seen + size), pattern(size, i));
    consumer.release();
  }
  assert.ok(crossed > 5, `${crossed} records over the end`);
});

test("a full ring gives no claim", () => {
  const { producer, consumer } = makeRing();
  for (let i = 0; i < 2; i++) {
    assert.ok(producer.tryClaim(2040) > 0);
    producer.commit();
  }
  assert.is(producer.tryClaim(0), -1);
  consumer.tryPop();
  assert.ok(producer.tryClaim(0) > 0);
  producer.commit();
  assert.is(producer.tryClaim(2040), -1);
});

test("claims of wrong sizes and in the wrong order are refused, and change nothing", () => {
  const { producer, consumer } = makeRing();
  for (const size of [-1, 1.5, Number.NaN, Infinity, -0.5]) {
    assert.is(
      codeOf(() => producer.tryClaim(size)),
      "RangeError",
      `${size}`,
    );
  }
  assert.is(
    codeOf(() => producer.tryClaim("8" as never)),
    "RangeError",
  );
  for (const size of [2041, 4096, 2 ** 31, 2 ** 32]) {
    assert.is(
      codeOf(() => producer.tryClaim(size)),
      "IPC_TOO_LARGE",
      `${size}`,
    );
  }
  assert.is(
    codeOf(() => producer.commit()),
    "TypeError",
  );
  assert.is(
    codeOf(() => producer.commit(0)),
    "TypeError",
  );
  const at = producer.tryClaim(10);
  assert.is(
    codeOf(() => producer.tryClaim(10)),
    "TypeError",
  );
  assert.is(
    codeOf(() => producer.tryPush(pattern(1))),
    "TypeError",
  );
  assert.is(
    codeOf(() => producer.beginMessage(pattern(1))),
    "TypeError",
  );
  for (const size of [11, -1, 1.5, Number.NaN])
    assert.is(
      codeOf(() => producer.commit(size)),
      "RangeError",
    );
  producer.bytes.set(pattern(10), at);
  producer.commit(10);
  assert.is(
    codeOf(() => consumer.release()),
    "TypeError",
  );
  sameBytes(consumer.tryPop(), pattern(10));
  assert.is(
    codeOf(() => consumer.release()),
    "TypeError",
  );
});

test("a peeked record stays until it is released", () => {
  const { producer, consumer } = makeRing();
  producer.tryPush(pattern(10));
  producer.tryPush(pattern(20));
  const at = consumer.tryPeek();
  assert.is(consumer.tryPeek(), at);
  assert.is(consumer.peekLength, 10);
  assert.is(consumer.peekFirst, true);
  assert.is(consumer.peekMore, false);
  assert.is(consumer.available, 32 + 32);
  sameBytes(consumer.tryPop(), pattern(10), "a peeked message that is popped");
  assert.is(consumer.tryPeek() > at, true);
  consumer.release();
  assert.is(consumer.tryPeek(), -1);
});

test("a message in fragments is peeked record by record", () => {
  const { producer, consumer } = makeRing();
  const message = pattern(3000);
  producer.tryPush(message);
  const parts: number[] = [];
  const seen: [boolean, boolean][] = [];
  for (let at = consumer.tryPeek(); at !== -1; at = consumer.tryPeek()) {
    seen.push([consumer.peekFirst, consumer.peekMore]);
    parts.push(...consumer.bytes.subarray(at, at + consumer.peekLength));
    consumer.release();
  }
  sameBytes(Uint8Array.from(parts), message);
  assert.equal(seen, [
    [true, true],
    [false, true],
    [false, false],
  ]);
  assert.is(consumer.inMessage, false);
});

test("a message is either popped or peeked, not half and half", () => {
  const { producer, consumer } = makeRing();
  producer.tryPush(pattern(3000));
  consumer.tryPeek();
  consumer.release();
  assert.is(
    codeOf(() => consumer.tryPop()),
    "TypeError",
  );
  assert.is(
    codeOf(() => consumer.popInto(new Uint8Array(3000))),
    "TypeError",
  );
  for (let i = 0; i < 2; i++) {
    consumer.tryPeek();
    consumer.release();
  }
  producer.beginMessage(pattern(5000));
  producer.continueMessage();
  assert.is(consumer.tryPop(), undefined);
  producer.continueMessage();
  assert.is(
    codeOf(() => consumer.tryPeek()),
    "TypeError",
  );
  sameBytes(consumer.tryPop(), pattern(5000));
});

test.run();
