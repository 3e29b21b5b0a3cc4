import { Buffer } from "node:buffer";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { allocateRing, RingConsumer, RingProducer } from "../../src/ring/mod.ts";
import { codeOf, makeRing, pattern, readWord, sameBytes, writeWord } from "./make-ring.ts";

const test = suite("ring fragments");
const waiter = { wake() {} };

test("a message larger than the ring goes in pieces, as room appears", () => {
  const { producer, consumer } = makeRing();
  const message = pattern(20_000);
  producer.beginMessage(message);
  assert.is(producer.continueMessage(), false);
  assert.is(producer.inMessage, true);
  assert.is(producer.free, 0, "what fits is out");
  assert.is(producer.continueMessage(), false);
  let steps = 1;
  while (!producer.continueMessage()) {
    steps++;
    assert.is(consumer.tryPop(), undefined);
    assert.is(consumer.inMessage, true);
  }
  sameBytes(consumer.tryPop(), message);
  assert.is(consumer.inMessage, false);
  assert.ok(steps >= 4, `${steps} steps`);
});

test("a piece goes as soon as a quarter of the ring is free", () => {
  const { producer, consumer } = makeRing();
  producer.beginMessage(pattern(20_000));
  producer.continueMessage();
  consumer.tryPeek();
  consumer.release();
  producer.continueMessage();
  assert.is(producer.free, 0);
});

test("a message that fits in one record waits for its room in one piece", () => {
  const { producer, consumer } = makeRing();
  for (let i = 0; i < 4; i++) producer.tryPush(pattern(1000));
  producer.beginMessage(pattern(2040));
  assert.is(producer.continueMessage(), false);
  consumer.tryPop();
  assert.is(producer.continueMessage(), false);
  consumer.tryPop();
  assert.is(producer.continueMessage(), true);
  for (let i = 0; i < 2; i++) sameBytes(consumer.tryPop(), pattern(1000));
  sameBytes(consumer.tryPop(), pattern(2040));
});

test("tryPush sends all fragments or none", () => {
  const { producer, consumer } = makeRing();
  producer.tryPush(pattern(8));
  const free = producer.free;
  assert.is(producer.tryPush(pattern(4064)), false);
  assert.is(producer.free, free);
  sameBytes(consumer.tryPop(), pattern(8));
  assert.is(producer.tryPush(pattern(4064)), true);
  sameBytes(consumer.tryPop(), pattern(4064));
});

test("while a message is unfinished, nothing else can be sent", () => {
  const { producer } = makeRing();
  assert.is(
    codeOf(() => producer.continueMessage()),
    "TypeError",
  );
  producer.beginMessage(pattern(5000));
  assert.is(
    codeOf(() => producer.tryPush(pattern(1))),
    "TypeError",
  );
  assert.is(
    codeOf(() => producer.tryClaim(1)),
    "TypeError",
  );
  assert.is(
    codeOf(() => producer.beginMessage(pattern(1))),
    "TypeError",
  );
  assert.is(
    codeOf(() => producer.commit()),
    "TypeError",
  );
  producer.abort();
  assert.is(producer.inMessage, true, "abort is for claims");
});

test("a message that is abandoned is dropped, and the next one comes whole", () => {
  for (const next of [0, 10, 3000, 9000]) {
    const { producer, consumer } = makeRing();
    producer.beginMessage(pattern(5000));
    producer.continueMessage();
    consumer.tryPop();
    producer.abandonMessage();
    assert.is(producer.inMessage, false);
    assert.is(consumer.inMessage, true);
    sameBytes(send(producer, consumer, pattern(next)), pattern(next));
    assert.is(consumer.discarded, 1);
    assert.is(consumer.inMessage, false);
  }
});

test("a message that is abandoned before its first piece leaves no trace", () => {
  const { producer, consumer } = makeRing();
  while (producer.tryPush(pattern(8)));
  producer.beginMessage(pattern(5000));
  assert.is(producer.continueMessage(), false);
  producer.abandonMessage();
  while (consumer.tryPop() !== undefined);
  producer.tryPush(pattern(10));
  sameBytes(consumer.tryPop(), pattern(10));
  assert.is(consumer.discarded, 0);
});

test("a producer that dies in the middle of a message: the successor's first message is not glued to it", () => {
  for (const next of [0, 10, 3000, 9000]) {
    for (const popsBetween of [true, false]) {
      const { memory, producer, consumer } = makeRing();
      producer.tryPush(pattern(7));
      producer.beginMessage(pattern(50_000));
      producer.continueMessage();
      if (popsBetween) sameBytes(consumer.tryPop(), pattern(7));
      if (popsBetween) assert.is(consumer.tryPop(), undefined);
      // The producer is never used again: it is dead
      const successor = new RingProducer(memory, waiter);
      if (!popsBetween) sameBytes(consumer.tryPop(), pattern(7));
      sameBytes(send(successor, consumer, pattern(next)), pattern(next));
      assert.is(consumer.discarded, 1);
    }
  }
});

test("a dead producer's unfinished message can be dropped without a successor", () => {
  const { producer, consumer } = makeRing();
  producer.beginMessage(pattern(5000));
  producer.continueMessage();
  assert.is(consumer.tryPop(), undefined);
  assert.is(consumer.inMessage, true);
  consumer.discardPartial();
  consumer.discardPartial();
  assert.is(consumer.inMessage, false);
  assert.is(consumer.discarded, 1);
});

test("a consumer that dies in the middle of a message: the successor drops the rest and goes on behind it", () => {
  for (const seen of [1, 2, 3]) {
    const memory = allocateRing(4096);
    const producer = new RingProducer(memory, waiter);
    const first = new RingConsumer(memory, waiter);
    producer.beginMessage(pattern(9000));
    for (let i = 0; i < seen; i++) {
      producer.continueMessage();
      first.tryPeek();
      first.release();
    }
    const second = new RingConsumer(memory, waiter);
    while (!producer.continueMessage()) assert.is(second.tryPop(), undefined);
    sameBytes(send(producer, second, pattern(10)), pattern(10));
    assert.is(second.discarded, 1);
    sameBytes(send(producer, second, pattern(9000)), pattern(9000));
    assert.is(second.discarded, 1);
  }
});

test("the message behind a rest that is dropped comes at the same call, also if it is newer than the consumer", () => {
  const { memory, producer, consumer } = makeRing();
  producer.tryPush(pattern(3000));
  consumer.tryPeek();
  consumer.release();
  const successor = new RingConsumer(memory, waiter);
  producer.tryPush(pattern(10));
  sameBytes(successor.tryPop(), pattern(10));
  assert.is(successor.discarded, 1);
});

test("a consumer that dies after the last fragment: the successor drops nothing", () => {
  const memory = allocateRing(4096);
  const producer = new RingProducer(memory, waiter);
  producer.tryPush(pattern(3000));
  sameBytes(new RingConsumer(memory, waiter).tryPop(), pattern(3000));
  const second = new RingConsumer(memory, waiter);
  sameBytes(send(producer, second, pattern(10)), pattern(10));
  assert.is(second.discarded, 0);
});

test("a fragment without a beginning is IPC_CORRUPT for a consumer that has seen all", () => {
  for (const flags of [2, 3]) {
    const { memory, producer, consumer } = makeRing();
    producer.tryPush(pattern(10));
    writeWord(memory, 4096 + 4, flags);
    assert.is(
      codeOf(() => consumer.tryPop()),
      "IPC_CORRUPT",
    );
    assert.is(
      codeOf(() => consumer.tryPeek()),
      "IPC_CORRUPT",
    );
  }
  const { memory, producer } = makeRing();
  const successor = new RingConsumer(memory, waiter);
  producer.tryPush(pattern(10));
  sameBytes(successor.tryPop(), pattern(10));
  producer.tryPush(pattern(11));
  writeWord(memory, 4096 + 32 + 4, 2);
  assert.is(
    codeOf(() => successor.tryPop()),
    "IPC_CORRUPT",
    "a successor has seen all from its first message on",
  );
});

for (const size of [101, 3000, 9000]) {
  test(`a message of ${size} bytes past the limit of 100 is IPC_TOO_LARGE, once, and the next one comes`, () => {
    for (const pop of ["tryPop", "popInto"] as const) {
      const { producer, consumer } = makeRing({ consumer: { maxMessageBytes: 100 } });
      const take = () => (pop === "tryPop" ? consumer.tryPop() : consumer.popInto(new Uint8Array(9000)));
      producer.beginMessage(pattern(size));
      let errors = 0;
      while (!producer.continueMessage()) errors += Number(codeOf(take) === "IPC_TOO_LARGE");
      errors += Number(codeOf(take) === "IPC_TOO_LARGE");
      assert.is(errors, 1);
      assert.is(codeOf(take), "nothing");
      assert.is(consumer.discarded, 1);
      sameBytes(send(producer, consumer, pattern(100)), pattern(100));
    }
  });
}

test("a peer that sends fragments without end takes no memory and no time of its choosing", () => {
  const { producer, consumer } = makeRing({ consumer: { maxMessageBytes: 10_000 } });
  producer.beginMessage(pattern(1_000_000));
  let errors = 0;
  while (!producer.continueMessage()) errors += Number(codeOf(() => consumer.tryPop()) === "IPC_TOO_LARGE");
  assert.is(errors, 1);
  // Fragments of no bytes: each call looks at what is there, and ends
  const empty = makeRing();
  for (let i = 0; i < 10_000; i++) {
    empty.producer.tryPush(new Uint8Array(0));
    writeWord(empty.memory, 4096 + ((i * 16) % 4096) + 4, i === 0 ? 1 : 3);
    assert.is(empty.consumer.tryPop(), undefined);
  }
});

test("a message of many times the first buffer of the consumer comes whole", () => {
  const { producer, consumer } = makeRing();
  for (const size of [65_536, 65_537, 300_000]) sameBytes(send(producer, consumer, pattern(size)), pattern(size));
});

test("keepMessage lets the caller use its bytes again, of whatever kind they are", () => {
  for (const message of [pattern(9000), Buffer.from(pattern(9000))]) {
    const { producer, consumer } = makeRing();
    producer.keepMessage();
    producer.beginMessage(message);
    assert.is(producer.continueMessage(), false);
    producer.keepMessage();
    message.fill(0);
    while (!producer.continueMessage()) assert.is(consumer.tryPop(), undefined);
    sameBytes(consumer.tryPop(), pattern(9000));
  }
});

test("fragments are counted as one message, with all their bytes", () => {
  const { memory, producer, consumer } = makeRing();
  send(producer, consumer, pattern(20_000));
  for (const line of [1024, 1152]) {
    assert.is(readWord(memory, line + 8), 1);
    assert.is(readWord(memory, line + 16), 20_000);
  }
});

/** Sends a message of any size while the consumer pops, and gives what the consumer got. */
function send(producer: RingProducer, consumer: RingConsumer, message: Uint8Array): Uint8Array | undefined {
  let received: Uint8Array | undefined;
  producer.beginMessage(message);
  while (!producer.continueMessage()) {
    received = consumer.tryPop();
    assert.is(received, undefined);
  }
  return received ?? consumer.tryPop();
}

test.run();
