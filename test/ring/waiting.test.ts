import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RingProducer, type WaitMode } from "../../src/ring/mod.ts";
import { atEachAtomic, killAtEachAtomic } from "./at-each-atomic.ts";
import { codeOf, makeRing, pattern, readWord, sameBytes, type TestRing, writeWord } from "./make-ring.ts";

const test = suite("ring waiting");
const MODES: WaitMode[] = [1, 2];

test("a consumer that sleeps is woken once, in its own way, by the next message", () => {
  for (const mode of MODES) {
    const { memory, producer, consumer, consumerWakes } = makeRing();
    assert.is(consumer.prepareWait(mode), true);
    assert.is(readWord(memory, 512), mode);
    producer.tryPush(pattern(1));
    producer.tryPush(pattern(2));
    assert.equal(consumerWakes, [mode]);
    assert.is(readWord(memory, 512), 0);
    assert.is(consumer.cancelWait(), true);
    assert.is(readWord(memory, 1052), 1, "the producer counts it");
  }
});

test("a producer that sleeps is woken once, in its own way, by the next release", () => {
  for (const mode of MODES) {
    const { memory, producer, consumer, producerWakes } = makeRing();
    while (producer.tryPush(pattern(1)));
    assert.is(producer.prepareWait(mode), true);
    assert.is(readWord(memory, 384), mode);
    consumer.tryPop();
    consumer.tryPop();
    assert.equal(producerWakes, [mode]);
    assert.is(readWord(memory, 384), 0);
    assert.is(producer.cancelWait(), true);
    assert.is(readWord(memory, 1180), 1, "the consumer counts it");
  }
});

test("an end that is awake is not woken", () => {
  const { producer, consumer, consumerWakes, producerWakes } = makeRing();
  while (producer.tryPush(pattern(1)));
  while (consumer.tryPop() !== undefined);
  assert.is(consumer.prepareWait(1), true);
  assert.is(consumer.cancelWait(), false);
  producer.tryPush(pattern(1));
  consumer.tryPop();
  producer.close();
  consumer.close();
  assert.equal([...consumerWakes, ...producerWakes], []);
});

test("nobody may sleep when there is something to do", () => {
  const { producer, consumer, memory } = makeRing();
  assert.is(producer.prepareWait(1), false, "never found full");
  producer.tryPush(pattern(1));
  assert.is(consumer.prepareWait(1), false);
  consumer.tryPeek();
  assert.is(consumer.prepareWait(1), false, "a record is looked at");
  consumer.release();
  while (producer.tryPush(pattern(1)));
  consumer.tryPop();
  assert.is(producer.prepareWait(1), false, "there is room again");
  assert.is(readWord(memory, 384) + readWord(memory, 512), 0);
});

test("asking how much is free does not make a producer sleep over its room", () => {
  const { producer, consumer } = makeRing();
  while (producer.tryPush(pattern(1)));
  consumer.tryPop();
  assert.is(producer.free, 16);
  assert.is(producer.prepareWait(1), false);
});

test("a producer that needs more room than was made sleeps again", () => {
  const { producer, consumer, producerWakes } = makeRing();
  while (producer.tryPush(pattern(1)));
  assert.is(producer.tryPush(pattern(100)), false);
  while (!producer.tryPush(pattern(100))) {
    while (!producer.prepareWait(1)) assert.is(producer.tryPush(pattern(100)), false);
    consumer.tryPop();
  }
  assert.is(producerWakes.length, 7, "a message of 100 bytes is as large as seven of one byte");
});

test("the close of the other end wakes, and nobody sleeps after it", () => {
  const { producer, consumer, consumerWakes } = makeRing();
  assert.is(consumer.prepareWait(2), true);
  producer.close();
  assert.equal(consumerWakes, [2]);
  assert.is(consumer.prepareWait(2), false);
  const other = makeRing();
  while (other.producer.tryPush(pattern(1)));
  assert.is(other.producer.prepareWait(2), true);
  other.consumer.close();
  assert.equal(other.producerWakes, [2]);
  assert.is(other.producer.prepareWait(2), false);
});

test("a waiter word that nobody writes is IPC_CORRUPT, and the message is out nevertheless", () => {
  for (const value of [3, 77, 0x80000000, 0xffffffff]) {
    const { memory, producer, consumer } = makeRing();
    writeWord(memory, 512, value);
    assert.is(
      codeOf(() => producer.tryPush(pattern(1))),
      "IPC_CORRUPT",
    );
    writeWord(memory, 384, value);
    sameBytes(consumer.tryPeek() === -1 ? undefined : new Uint8Array(consumer.peekLength), new Uint8Array(1));
    assert.is(
      codeOf(() => consumer.release()),
      "IPC_CORRUPT",
    );
    assert.is(consumer.available, 0);
  }
});

/** What must hold when a consumer was allowed to sleep while something came: it has been woken, or never slept. */
function consumerAwake({ memory, consumerWakes }: TestRing, maySleep: boolean, point: string): void {
  assert.ok(!maySleep || (consumerWakes.length === 1 && readWord(memory, 512) === 0), point);
}

for (const [what, step] of [
  ["a push", (ring: TestRing) => ring.producer.tryPush(pattern(8))],
  ["a commit", (ring: TestRing) => ring.producer.tryClaim(8) && ring.producer.commit()],
  ["a close", (ring: TestRing) => ring.producer.close()],
] as const) {
  test(`${what} at any moment of the consumer's way to sleep is not missed`, () => {
    let maySleep = false;
    const points = atEachAtomic(
      () => makeRing(),
      (ring) => {
        maySleep = false;
        if (ring.consumer.tryPop() === undefined) maySleep = ring.consumer.prepareWait(1);
      },
      step,
      (ring, point) => consumerAwake(ring, maySleep, point),
    );
    assert.ok(points >= 3, `${points} points`);
  });

  test(`the consumer's whole way to sleep at any moment of ${what} misses nothing`, () => {
    let maySleep = false;
    const points = atEachAtomic(
      () => makeRing(),
      (ring) => {
        step(ring);
      },
      (ring) => {
        maySleep = false;
        if (ring.consumer.tryPop() === undefined && !ring.consumer.ended) maySleep = ring.consumer.prepareWait(1);
      },
      (ring, point) => consumerAwake(ring, maySleep, point),
    );
    assert.ok(points >= 2, `${points} points`);
  });
}

/** A ring without room. */
function makeFull(): TestRing {
  const ring = makeRing();
  while (ring.producer.tryPush(pattern(8)));
  return ring;
}

function producerAwake({ memory, producerWakes }: TestRing, maySleep: boolean, point: string): void {
  assert.ok(!maySleep || (producerWakes.length === 1 && readWord(memory, 384) === 0), point);
}

for (const [what, step] of [
  ["a pop", (ring: TestRing) => ring.consumer.tryPop()],
  ["a release", (ring: TestRing) => ring.consumer.tryPeek() && ring.consumer.release()],
  ["a close", (ring: TestRing) => ring.consumer.close()],
] as const) {
  test(`${what} at any moment of the producer's way to sleep is not missed`, () => {
    let maySleep = false;
    const points = atEachAtomic(
      makeFull,
      (ring) => {
        maySleep = false;
        if (!ring.producer.tryPush(pattern(8))) maySleep = ring.producer.prepareWait(1);
      },
      step,
      (ring, point) => producerAwake(ring, maySleep, point),
    );
    assert.ok(points >= 3, `${points} points`);
  });

  test(`the producer's whole way to sleep at any moment of ${what} misses nothing`, () => {
    let maySleep = false;
    const points = atEachAtomic(
      makeFull,
      (ring) => {
        step(ring);
      },
      (ring) => {
        maySleep = false;
        if (!ring.producer.tryPush(pattern(8)) && ring.producer.peerState !== 2) {
          maySleep = ring.producer.prepareWait(1);
        }
      },
      (ring, point) => producerAwake(ring, maySleep, point),
    );
    assert.ok(points >= 2, `${points} points`);
  });
}

test("an end that gives its wait up at any moment of a wake is told of a wake that is under way", () => {
  let told = false;
  atEachAtomic(
    () => {
      const ring = makeRing();
      ring.consumer.prepareWait(2);
      return ring;
    },
    (ring) => {
      ring.producer.tryPush(pattern(8));
    },
    (ring) => {
      told = ring.consumer.cancelWait();
    },
    (ring, point) => assert.is(told, ring.consumerWakes.length === 1, point),
  );
});

test("a producer that is killed on its way to sleep, or asleep, leaves a ring that works", () => {
  killAtEachAtomic(
    makeFull,
    (ring) => ring.producer.prepareWait(1),
    ({ memory, consumer }, point) => {
      sameBytes(consumer.tryPop(), pattern(8), point);
      const successor = new RingProducer(memory, { wake() {} });
      assert.is(successor.tryPush(pattern(8, 1)), true, point);
      while (successor.tryPush(pattern(8, 1)));
      assert.is(successor.prepareWait(1), true, point);
    },
  );
});

test.run();
