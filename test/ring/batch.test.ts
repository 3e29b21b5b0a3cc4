import { suite } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, makeRing, pattern, readWord, sameBytes } from "./make-ring.ts";

const test = suite("ring batches");

test("a batch becomes visible when it is full", () => {
  const { producer, consumer } = makeRing({ producer: { batchBytes: 128 } });
  for (let i = 0; i < 3; i++) {
    producer.tryPush(pattern(24));
    assert.is(producer.pending, (i + 1) * 32);
    assert.is(consumer.tryPop(), undefined);
  }
  producer.tryPush(pattern(24));
  assert.is(producer.pending, 0);
  for (let i = 0; i < 4; i++) sameBytes(consumer.tryPop(), pattern(24));
  assert.is(consumer.tryPop(), undefined);
});

test("flush makes an unfinished batch visible, and is nothing without one", () => {
  const { memory, producer, consumer, consumerWakes } = makeRing({ producer: { batchBytes: 1024 } });
  producer.tryPush(pattern(24));
  producer.flush();
  sameBytes(consumer.tryPop(), pattern(24));
  const head = readWord(memory, 128);
  producer.flush();
  assert.is(readWord(memory, 128), head);
  assert.equal(consumerWakes, []);
});

test("committing publishes at once when the consumer sleeps", () => {
  const { producer, consumer, consumerWakes } = makeRing({ producer: { batchBytes: 1024 } });
  producer.tryPush(pattern(1));
  assert.is(consumer.prepareWait(1), true, "the batch is not visible");
  producer.tryPush(pattern(2));
  assert.is(producer.pending, 0);
  assert.equal(consumerWakes, [1]);
  assert.is(consumer.cancelWait(), true);
  sameBytes(consumer.tryPop(), pattern(1));
  sameBytes(consumer.tryPop(), pattern(2));
  producer.tryPush(pattern(3));
  assert.is(producer.pending, 16, "awake again, so batches again");
});

test("a batch is published when the ring is full, and before the producer sleeps", () => {
  const full = makeRing({ producer: { batchBytes: 2048 } });
  for (const size of [2032, 1000]) assert.is(full.producer.tryPush(pattern(size)), true);
  assert.is(full.producer.tryPush(pattern(2000)), false);
  assert.is(full.producer.pending, 0);
  const asleep = makeRing({ producer: { batchBytes: 2048 } });
  asleep.producer.tryPush(pattern(5));
  assert.is(asleep.producer.prepareWait(2), false, "there is room");
  sameBytes(asleep.consumer.tryPop(), pattern(5));
});

test("the size of a batch can be changed, and 0 ends it", () => {
  const { memory, producer, consumer } = makeRing();
  producer.batchBytes = 64;
  consumer.releaseBytes = 64;
  assert.equal([producer.batchBytes, consumer.releaseBytes], [64, 64]);
  for (let i = 0; i < 7; i++) producer.tryPush(pattern(8));
  assert.is(readWord(memory, 128), 64);
  producer.batchBytes = 0;
  assert.is(readWord(memory, 128), 112);
  for (let i = 0; i < 6; i++) consumer.tryPop();
  assert.is(readWord(memory, 256), 64);
  consumer.releaseBytes = 0;
  assert.is(readWord(memory, 256), 96);
  for (const value of [-1, 1.5, 2049]) {
    assert.throws(() => {
      producer.batchBytes = value;
    }, /Cannot batch/);
    assert.throws(() => {
      consumer.releaseBytes = value;
    }, /Cannot release/);
  }
});

test("closing publishes the batch", () => {
  const { producer, consumer } = makeRing({ producer: { batchBytes: 2048 } });
  producer.tryPush(pattern(5));
  producer.close();
  sameBytes(consumer.tryPop(), pattern(5));
});

test("released space is given back at once, unless it is to be collected", () => {
  const { memory, producer, consumer } = makeRing();
  for (let i = 0; i < 4; i++) producer.tryPush(pattern(8));
  for (let i = 1; i <= 4; i++) {
    consumer.tryPop();
    assert.is(readWord(memory, 256), i * 16);
  }
});

test("released space is given back in steps, and all of it when nothing else is there", () => {
  const { memory, producer, consumer } = makeRing({ consumer: { releaseBytes: 64 } });
  for (let i = 0; i < 10; i++) producer.tryPush(pattern(8));
  const tails = [];
  for (let i = 0; i < 10; i++) {
    consumer.tryPop();
    tails.push(readWord(memory, 256) / 16);
  }
  assert.equal(tails, [0, 0, 0, 4, 4, 4, 4, 8, 8, 10]);
  assert.is(consumer.pending, 0);
});

test("flush and close give all released space back, and no more", () => {
  for (const end of ["flush", "close"] as const) {
    const { memory, producer, consumer, producerWakes } = makeRing({ consumer: { releaseBytes: 2048 } });
    while (producer.tryPush(pattern(8)));
    assert.is(producer.prepareWait(1), true);
    consumer.tryPop();
    consumer.tryPop();
    consumer.tryPeek();
    assert.is(consumer.pending, 32);
    assert.equal(producerWakes, []);
    consumer[end]();
    assert.is(consumer.pending, 0);
    assert.is(readWord(memory, 256), 32);
    assert.equal(producerWakes, [1]);
  }
});

test("a consumer that is about to sleep gives its space back first", () => {
  const { memory, producer, consumer } = makeRing({ consumer: { releaseBytes: 2048 } });
  producer.tryPush(pattern(8));
  producer.tryPush(pattern(8));
  consumer.tryPop();
  assert.is(consumer.prepareWait(1), false);
  assert.is(readWord(memory, 256), 16);
});

test("nothing is sent or taken after close, and close is said once", () => {
  const { producer, consumer, consumerWakes, producerWakes } = makeRing();
  while (producer.tryPush(pattern(8)));
  producer.prepareWait(2);
  producer.close();
  producer.close();
  for (const call of [
    () => producer.tryPush(pattern(1)),
    () => producer.tryClaim(1),
    () => producer.beginMessage(pattern(1)),
    () => producer.prepareWait(1),
  ]) {
    assert.is(codeOf(call), "IPC_CLOSED");
  }
  producer.abort();
  producer.abandonMessage();
  assert.is(
    codeOf(() => producer.commit()),
    "TypeError",
  );
  assert.is(
    codeOf(() => producer.tryPush(pattern(1))),
    "IPC_CLOSED",
    "abort does not open it again",
  );
  consumer.close();
  consumer.close();
  for (const call of [
    () => consumer.tryPop(),
    () => consumer.tryPeek(),
    () => consumer.popInto(new Uint8Array(9)),
    () => consumer.prepareWait(1),
  ]) {
    assert.is(codeOf(call), "IPC_CLOSED");
  }
  assert.is(
    codeOf(() => consumer.release()),
    "TypeError",
  );
  assert.equal(producerWakes, [2]);
  assert.equal(consumerWakes, []);
});

test.run();
