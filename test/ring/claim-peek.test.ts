import { suite } from "uvu";
import * as assert from "uvu/assert";
import { observeRing, RingConsumer, TAIL_OFFSET } from "../../src/ring/mod.ts";
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

test("records that are kept stay as they are together, and go back together", () => {
  const { memory, producer, consumer, producerWakes } = makeRing();
  for (let i = 0; i < 5; i++) producer.tryPush(pattern(100 + i, i));
  sameBytes(consumer.tryPop(), pattern(100, 0));
  const tail = readWord(memory, TAIL_OFFSET);
  assert.throws(() => consumer.keep(), /Cannot keep: no record was looked at/);
  const places: number[] = [];
  for (let i = 1; i < 4; i++) {
    places.push(consumer.tryPeek());
    assert.is(consumer.peekLength, 100 + i);
    consumer.keep();
  }
  assert.is(consumer.pending, 3 * 112);
  while (producer.tryPush(pattern(8, 9)));
  assert.is(producer.prepareWait(1), true);
  consumer.flush();
  consumer.tryPeek();
  consumer.release();
  assert.is(readWord(memory, TAIL_OFFSET), tail, "nothing is given back");
  for (const [i, at] of places.entries()) sameBytes(consumer.bytes.slice(at, at + 101 + i), pattern(101 + i, i + 1));
  assert.equal(producerWakes, []);
  consumer.tryPeek();
  consumer.releaseKept();
  assert.equal(producerWakes, [1]);
  assert.is(readWord(memory, TAIL_OFFSET), tail + 4 * 112);
  assert.is(consumer.pending, 0);
  sameBytes(consumer.tryPop(), pattern(8, 9), "what was looked at behind them");
  assert.is(readWord(memory, TAIL_OFFSET), tail + 4 * 112 + 16, "each is given back again");
});

test("what is kept when its consumer closes or dies comes again, and counts once", () => {
  for (const closes of [true, false]) {
    const { memory, producer, consumer } = makeRing();
    for (let i = 0; i < 4; i++) producer.tryPush(pattern(50, i));
    sameBytes(consumer.tryPop(), pattern(50, 0));
    for (let i = 0; i < 2; i++) {
      consumer.tryPeek();
      consumer.keep();
    }
    if (closes) consumer.close();
    const successor = new RingConsumer(memory, { wake() {} });
    for (let i = 1; i < 4; i++) sameBytes(successor.tryPop(), pattern(50, i));
    assert.is(successor.tryPop(), undefined);
    assert.is(observeRing(memory, memory.bytes.length).consumer.messages, 4, `closes: ${closes}`);
  }
});

test("a whole ring can be kept", () => {
  const { producer, consumer } = makeRing();
  let count = 0;
  while (producer.tryPush(pattern(120, count))) count++;
  for (let i = 0; i < count; i++) {
    assert.ok(consumer.tryPeek() > 0);
    consumer.keep();
  }
  assert.is(consumer.tryPeek(), -1);
  assert.is(consumer.pending, 4096);
  assert.is(producer.tryPush(pattern(1)), false);
  consumer.releaseKept();
  assert.is(producer.tryPush(pattern(1)), true);
  sameBytes(consumer.tryPop(), pattern(1));
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
