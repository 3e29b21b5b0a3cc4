import { suite } from "uvu";
import * as assert from "uvu/assert";
import { allocateRing, RingConsumer, RingProducer } from "../../src/ring/mod.ts";
import { killAtEachAtomic } from "./at-each-atomic.ts";
import { makeRing, pattern, readWord, sameBytes, writeWord } from "./make-ring.ts";

const test = suite("ring attach");
const waiter = { wake() {} };

test("a producer may come first, or a consumer", () => {
  const early = allocateRing(4096);
  const producer = new RingProducer(early, waiter);
  assert.is(producer.peerState, 0);
  producer.tryPush(pattern(9));
  sameBytes(new RingConsumer(early, waiter).tryPop(), pattern(9));
  assert.is(producer.peerState, 1);
  const late = allocateRing(4096);
  const consumer = new RingConsumer(late, waiter);
  assert.is(consumer.peerState, 0);
  assert.is(consumer.tryPop(), undefined);
  assert.is(consumer.ended, false);
  new RingProducer(late, waiter).tryPush(pattern(9));
  assert.is(consumer.peerState, 1);
  sameBytes(consumer.tryPop(), pattern(9));
});

test("a successor producer goes on behind what was published, and what was not is gone", () => {
  const { memory, producer, consumer } = makeRing({ producer: { batchBytes: 2048 } });
  producer.tryPush(pattern(1));
  producer.flush();
  producer.tryPush(pattern(2));
  producer.bytes.fill(0xff, producer.tryClaim(100), producer.bytes.length);
  const successor = new RingProducer(memory, waiter, { pid: 77 });
  successor.tryPush(pattern(3));
  sameBytes(consumer.tryPop(), pattern(1));
  sameBytes(consumer.tryPop(), pattern(3));
  assert.is(consumer.tryPop(), undefined);
  assert.equal([readWord(memory, 644), readWord(memory, 648)], [77, 2]);
});

test("a successor consumer gets again what was not released, and nothing that was", () => {
  const { memory, producer, consumer } = makeRing({ consumer: { releaseBytes: 64 } });
  for (let i = 0; i < 10; i++) producer.tryPush(pattern(8, i));
  for (let i = 0; i < 6; i++) consumer.tryPop();
  consumer.tryPeek();
  const successor = new RingConsumer(memory, waiter, { pid: 78 });
  for (let i = 4; i < 10; i++) sameBytes(successor.tryPop(), pattern(8, i));
  assert.is(successor.tryPop(), undefined);
  assert.is(readWord(memory, 1160), 10, "counted once");
  assert.equal([readWord(memory, 772), readWord(memory, 776)], [78, 2]);
});

test("an end that was closed can be taken again, and goes on", () => {
  const { memory, producer, consumer } = makeRing();
  producer.tryPush(pattern(1));
  producer.tryPush(pattern(2));
  consumer.tryPeek();
  consumer.close();
  producer.close();
  const nextConsumer = new RingConsumer(memory, waiter);
  assert.is(nextConsumer.ended, false);
  sameBytes(nextConsumer.tryPop(), pattern(1));
  const nextProducer = new RingProducer(memory, waiter);
  nextProducer.tryPush(pattern(3));
  sameBytes(nextConsumer.tryPop(), pattern(2));
  sameBytes(nextConsumer.tryPop(), pattern(3));
  assert.is(nextConsumer.ended, false);
  nextProducer.close();
  assert.is(nextConsumer.ended, true);
});

test("an end that died asleep is awake again as its successor", () => {
  for (const offset of [384, 512]) {
    const memory = allocateRing(4096);
    writeWord(memory, offset, 2);
    if (offset === 384) new RingProducer(memory, waiter);
    else new RingConsumer(memory, waiter);
    assert.is(readWord(memory, offset), 0);
  }
});

test("the end of the stream is the close and the drain, in this order", () => {
  const { producer, consumer } = makeRing();
  producer.tryPush(pattern(1));
  assert.is(consumer.ended, false);
  producer.close();
  assert.is(consumer.ended, false);
  consumer.tryPeek();
  assert.is(consumer.ended, false);
  consumer.release();
  assert.is(consumer.ended, true);
  assert.is(consumer.tryPop(), undefined);
});

test("a consumer that closes is seen by the producer", () => {
  const { producer, consumer } = makeRing();
  assert.is(producer.peerState, 1);
  consumer.close();
  assert.is(producer.peerState, 2);
});

test("using closes an end", () => {
  const { producer, consumer } = makeRing();
  {
    using first = producer;
    using second = consumer;
    assert.is(first.peerState + second.peerState, 2);
  }
  assert.is(producer.peerState + consumer.peerState, 4);
});

test("a producer that is killed at any atomic access of a push leaves the whole message or nothing", () => {
  for (const [size, total] of [
    [0, 16],
    [8, 16],
    [100, 112],
    [3000, 2 * 1024 + 976],
  ] as const) {
    const points = killAtEachAtomic(
      () => {
        const ring = makeRing();
        ring.producer.tryPush(pattern(5));
        ring.consumer.prepareWait(1);
        return ring;
      },
      ({ producer }) => producer.tryPush(pattern(size)),
      ({ memory, consumer }, point) => {
        const published = readWord(memory, 128) === 16 + total;
        sameBytes(consumer.tryPop(), pattern(5), point);
        const successor = new RingProducer(memory, waiter);
        const whole = consumer.tryPop();
        if (whole !== undefined) sameBytes(whole, pattern(size), point);
        assert.is(whole !== undefined, published, point);
        successor.tryPush(pattern(6));
        sameBytes(consumer.tryPop(), pattern(6), point);
        assert.is(consumer.tryPop(), undefined, point);
      },
    );
    assert.ok(points >= 3, `${points} points`);
  }
});

test("a consumer that is killed at any atomic access of a pop: the successor goes on there, without loss", () => {
  for (const size of [0, 8, 100]) {
    for (const releaseBytes of [0, 256]) {
      const points = killAtEachAtomic(
        () => {
          const ring = makeRing({ consumer: { releaseBytes } });
          for (let i = 0; i < 3; i++) ring.producer.tryPush(pattern(size, i));
          ring.producer.prepareWait(1);
          return ring;
        },
        ({ consumer }) => {
          for (let i = 0; i < 3; i++) consumer.tryPop();
        },
        ({ memory, producer }, point) => {
          const successor = new RingConsumer(memory, waiter);
          const done = readWord(memory, 256) / (Math.ceil((8 + size) / 16) * 16);
          for (let i = done; i < 3; i++) sameBytes(successor.tryPop(), pattern(size, i), point);
          assert.is(successor.tryPop(), undefined, point);
          producer.tryPush(pattern(7));
          sameBytes(successor.tryPop(), pattern(7), point);
        },
      );
      assert.ok(points >= 3, `${points} points`);
    }
  }
});

test.run();
