import { suite } from "uvu";
import * as assert from "uvu/assert";
import { observeRing } from "../../src/ring/mod.ts";
import { atEachAtomic } from "./at-each-atomic.ts";
import { makeRing, pattern, sameBytes, type TestRing } from "./make-ring.ts";

const test = suite("ring interleaving");

/** A ring that has gone around, so that old records lie where the next ones come. */
function makeUsed(start = 0): TestRing {
  const ring = makeRing({ start });
  for (let i = 0; i < 300; i++) {
    ring.producer.tryPush(pattern(8, 77));
    ring.consumer.tryPop();
  }
  return ring;
}

for (const size of [0, 8, 100, 1000, 3000]) {
  test(`a pop at any moment of a push of ${size} bytes gets the whole message or nothing`, () => {
    let early: Uint8Array | undefined;
    let atOnce = 0;
    const points = atEachAtomic(
      () => makeUsed(),
      ({ producer }) => producer.tryPush(pattern(size)),
      ({ consumer }) => {
        early = consumer.tryPop();
      },
      ({ consumer }, point) => {
        if (early !== undefined) atOnce++;
        sameBytes(early ?? consumer.tryPop(), pattern(size), point);
        assert.is(consumer.tryPop(), undefined, point);
      },
    );
    assert.ok(atOnce > 0 && atOnce < points, `${atOnce} of ${points}`);
  });

  test(`a push at any moment of a pop of ${size} bytes out of a full ring overwrites nothing`, () => {
    let pushed = false;
    let atOnce = 0;
    const points = atEachAtomic(
      () => {
        const ring = makeUsed(2 ** 32 - 16 * 302);
        ring.producer.tryPush(pattern(size, 1));
        while (ring.producer.tryPush(pattern(8, 2)));
        return ring;
      },
      ({ consumer }) => sameBytes(consumer.tryPop(), pattern(size, 1)),
      ({ producer }) => {
        pushed = producer.tryPush(pattern(size, 3));
      },
      ({ consumer }, point) => {
        if (pushed) atOnce++;
        const rest: Uint8Array[] = [];
        for (let next = consumer.tryPop(); next !== undefined; next = consumer.tryPop()) rest.push(next);
        if (pushed) sameBytes(rest.pop(), pattern(size, 3), point);
        for (const message of rest) sameBytes(message, pattern(8, 2), point);
      },
    );
    assert.ok(atOnce > 0 && atOnce < points, `${atOnce} of ${points}`);
  });
}

test("a last message and a close at any moment of a look at the end are not taken for the end", () => {
  for (const before of [0, 1]) {
    let ended = false;
    atEachAtomic(
      () => {
        const ring = makeUsed();
        for (let i = 0; i < before; i++) ring.producer.tryPush(pattern(5));
        return ring;
      },
      ({ consumer }) => {
        ended = consumer.ended;
      },
      ({ producer }) => {
        producer.tryPush(pattern(6));
        producer.close();
      },
      ({ consumer }, point) => {
        assert.is(ended, false, point);
        for (let i = 0; i < before; i++) sameBytes(consumer.tryPop(), pattern(5));
        sameBytes(consumer.tryPop(), pattern(6));
        assert.is(consumer.ended, true);
      },
    );
  }
});

test("an observer sees a possible state at any moment of a push and of a pop", () => {
  const calls = [
    (ring: TestRing) => ring.producer.tryPush(pattern(100)),
    (ring: TestRing) => ring.consumer.tryPop(),
    (ring: TestRing) => ring.consumer.close(),
  ];
  for (const call of calls) {
    atEachAtomic(
      () => {
        const ring = makeUsed();
        ring.producer.tryPush(pattern(8));
        return ring;
      },
      (ring) => {
        call(ring);
      },
      ({ memory }) => {
        const { used, producer, consumer } = observeRing(memory, memory.bytes.length);
        assert.ok([0, 16, 128].includes(used), `${used}`);
        assert.ok(producer.messages >= consumer.messages);
      },
      () => {},
    );
  }
});

test.run();
