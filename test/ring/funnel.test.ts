import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  allocateRing,
  FROM_SLOT_TO_CLAIM,
  FUNNEL_CONTROL_OFFSET,
  FUNNEL_END_OFFSET,
  FUNNEL_GENERATION_OFFSET,
  FUNNEL_PRESENT_OFFSET,
  FUNNEL_READ_OFFSET,
  FUNNEL_SLOTS_OFFSET,
  FunnelConsumer,
  FunnelProducer,
  KIND_FUNNEL,
  type RingMemory,
  TAIL_OFFSET,
  unitsOf,
} from "../../src/ring/mod.ts";
import { codeOf, pattern, readWord, sameBytes, writeWord } from "./make-ring.ts";

const CAPACITY = 4096;
const UNITS = CAPACITY / 64;
const NOBODY = { wake() {} };

interface Funnel {
  memory: RingMemory;
  producers: FunnelProducer[];
  consumer: FunnelConsumer;
  /** How often the consumer was woken, and which slots. */
  consumerWakes: () => number;
  producerWakes: number[];
}

function make(count = 2, start = 0): Funnel {
  const memory = allocateRing(CAPACITY, KIND_FUNNEL);
  for (const offset of [FUNNEL_END_OFFSET, TAIL_OFFSET, FUNNEL_READ_OFFSET]) writeWord(memory, offset, start);
  let wakes = 0;
  const producerWakes: number[] = [];
  const consumer = new FunnelConsumer(memory, { wake: (slot) => void producerWakes.push(slot) });
  const producers = Array.from(
    { length: count },
    (_, slot) => new FunnelProducer(memory, slot, { wake: () => void wakes++ }),
  );
  return { memory, producers, consumer, consumerWakes: () => wakes, producerWakes };
}

/** One of the producers. */
function producer({ producers }: Funnel, slot: number): FunnelProducer {
  return producers[slot] as FunnelProducer;
}

test("messages of all producers come in the order in which they were pushed, of any length up to half of the capacity", () => {
  const funnel = make(3);
  const { consumer } = funnel;
  const target = new Uint8Array(3000);
  assert.is(producer(funnel, 0).largestPayload, CAPACITY / 2);
  for (let length = 0; length <= CAPACITY / 2; length += 13) {
    for (const slot of [0, 1, 2]) {
      while (!producer(funnel, slot).tryPush(pattern(length, slot))) {
        assert.unreachable(`no room for ${length} bytes`);
      }
      if (slot === 1) {
        sameBytes(consumer.tryPop(), pattern(length, 0));
        sameBytes(consumer.tryPop(), pattern(length, 1));
      }
    }
    assert.is(consumer.popInto(target, 3), length);
    sameBytes(target.subarray(3, 3 + length), pattern(length, 2));
    assert.is(consumer.tryPop(), undefined);
  }
  assert.is(
    codeOf(() => producer(funnel, 0).tryPush(new Uint8Array(CAPACITY / 2 + 1))),
    "IPC_TOO_LARGE",
  );
});

test("indices wrap around at 2^32 units", () => {
  for (const start of [2 ** 32 - 1, 2 ** 32 - UNITS, 2 ** 31 - 3]) {
    const funnel = make(2, start);
    for (let i = 0; i < 300; i++) {
      assert.ok(producer(funnel, i & 1).tryPush(pattern((i * 37) % 1000, i)));
      if (i % 3 === 2)
        for (let j = i - 2; j <= i; j++) sameBytes(funnel.consumer.tryPop(), pattern((j * 37) % 1000, j));
    }
    assert.is(funnel.consumer.tryPop(), undefined);
  }
});

test("a full funnel takes nothing until there is room, whoever asks", () => {
  const funnel = make(2);
  let sent = 0;
  while (producer(funnel, sent & 1).tryPush(pattern(100, sent))) sent++;
  assert.is(sent, UNITS / unitsOf(100));
  assert.not(producer(funnel, 0).tryPush(new Uint8Array(1)));
  assert.is(producer(funnel, 0).free, 0);
  sameBytes(funnel.consumer.tryPop(), pattern(100, 0));
  assert.not(producer(funnel, 1).tryPush(new Uint8Array(129)), "two units are free");
  assert.ok(producer(funnel, 1).tryPush(pattern(128, 7)));
  for (let i = 1; i < sent; i++) sameBytes(funnel.consumer.tryPop(), pattern(100, i));
  sameBytes(funnel.consumer.tryPop(), pattern(128, 7));
});

test("claims are seen in their order when they are committed, and what was aborted or not used is passed", () => {
  const funnel = make(3);
  const { consumer } = funnel;
  const [a, b, c] = [0, 1, 2].map((slot) => producer(funnel, slot)) as [FunnelProducer, FunnelProducer, FunnelProducer];
  const at = a.tryClaim(1000);
  b.tryClaim(200);
  c.tryPush(pattern(5));
  assert.is(consumer.claimant, 0);
  assert.is(consumer.tryPop(), undefined);
  a.bytes.set(pattern(70), at);
  a.commit(70);
  sameBytes(consumer.tryPop(), pattern(70));
  assert.is(consumer.tryPop(), undefined);
  assert.is(consumer.claimant, 1);
  b.abort();
  sameBytes(consumer.tryPop(), pattern(5));
  assert.is(consumer.claimant, -1);
  assert.is(consumer.available, 0);
  assert.is(consumer.pending, 0);
  a.tryClaim(10);
  for (const call of [() => a.tryPush(new Uint8Array(1)), () => a.tryClaim(1), () => b.commit()]) {
    assert.is(codeOf(call), "TypeError");
  }
  assert.is(
    codeOf(() => a.commit(11)),
    "RangeError",
  );
  a.commit(0);
  assert.is(consumer.tryPeek() % 64, 0);
  assert.is(consumer.peekLength, 0);
  consumer.release();
  assert.is(
    codeOf(() => consumer.release()),
    "TypeError",
  );
});

test("what a dead producer claimed is passed over, what it committed is not", () => {
  const funnel = make(2);
  const { consumer } = funnel;
  producer(funnel, 0).tryPush(pattern(9));
  producer(funnel, 0).tryClaim(500);
  producer(funnel, 1).tryPush(pattern(8));
  assert.not(consumer.passOver(), "there is a message");
  sameBytes(consumer.tryPop(), pattern(9));
  assert.is(consumer.tryPop(), undefined);
  assert.is(consumer.claimant, 0);
  assert.ok(consumer.passOver());
  sameBytes(consumer.tryPop(), pattern(8));
  assert.not(consumer.passOver(), "there is nothing");
});

test("who takes a slot gives up the claim of its last holder", () => {
  const funnel = make(2);
  producer(funnel, 1).tryPush(pattern(1));
  producer(funnel, 0).tryClaim(500);
  producer(funnel, 1).tryPush(pattern(8));
  const successor = new FunnelProducer(funnel.memory, 0, NOBODY);
  successor.tryPush(pattern(3));
  for (const length of [1, 8, 3]) sameBytes(funnel.consumer.tryPop(), pattern(length));
  // the place of a claim that was committed long ago is somebody else's
  producer(funnel, 1).tryClaim(10);
  writeWord(funnel.memory, FUNNEL_SLOTS_OFFSET + FROM_SLOT_TO_CLAIM, readWord(funnel.memory, TAIL_OFFSET));
  new FunnelProducer(funnel.memory, 0, NOBODY);
  assert.is(funnel.consumer.claimant, 1);
});

test("the end is found again where producers died before they moved it on", () => {
  const funnel = make(2);
  const set = (end: number) => writeWord(funnel.memory, FUNNEL_END_OFFSET, end);
  for (let i = 0; i < 10; i++) producer(funnel, 0).tryPush(pattern(i));
  // records lie behind it
  set(3);
  producer(funnel, 1).tryPush(pattern(100));
  assert.is(readWord(funnel.memory, FUNNEL_END_OFFSET), 12);
  for (const length of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 100]) sameBytes(funnel.consumer.tryPop(), pattern(length));
  // all of them were read
  set(5);
  producer(funnel, 1).tryPush(pattern(7));
  sameBytes(funnel.consumer.tryPop(), pattern(7));
});

test("a sleeping consumer is woken once, by whoever comes first; a closing producer wakes it too", () => {
  const funnel = make(2);
  const { consumer } = funnel;
  producer(funnel, 0).tryPush(pattern(1));
  assert.is(funnel.consumerWakes(), 0);
  assert.not(consumer.prepareWait(), "there is something to read");
  consumer.tryPop();
  assert.ok(consumer.prepareWait());
  producer(funnel, 0).tryPush(pattern(2));
  producer(funnel, 1).tryPush(pattern(3));
  assert.is(funnel.consumerWakes(), 1);
  assert.ok(consumer.cancelWait());
  while (consumer.tryPop() !== undefined);
  assert.ok(consumer.prepareWait());
  assert.not(consumer.cancelWait(), "nobody woke it");
  assert.ok(consumer.prepareWait());
  producer(funnel, 0).close();
  assert.is(funnel.consumerWakes(), 2);
  assert.not(consumer.ended);
  assert.ok(consumer.prepareWait(), "the other one is there");
  producer(funnel, 1).close();
  assert.ok(consumer.ended);
  assert.not(consumer.prepareWait(), "this is the end");
  assert.is(
    codeOf(() => producer(funnel, 1).tryPush(pattern(1))),
    "IPC_CLOSED",
  );
});

test("a wake that comes late does not end the next sleep", () => {
  const funnel = make(1);
  const { consumer, memory } = funnel;
  let sleptAgain = false;
  // while it rings, the consumer wakes, takes everything and sleeps again
  const slow = new FunnelProducer(memory, 1, {
    wake() {
      if (sleptAgain) return;
      sleptAgain = true;
      consumer.cancelWait();
      while (consumer.tryPop() !== undefined);
      assert.ok(consumer.prepareWait());
    },
  });
  assert.ok(consumer.prepareWait());
  slow.tryPush(pattern(1));
  assert.ok(sleptAgain);
  producer(funnel, 0).tryPush(pattern(2));
  assert.is(funnel.consumerWakes(), 1, "the second sleep was ended by the second message");
});

test("producers that sleep are woken when there is room, all of them", () => {
  const funnel = make(40);
  const [a, b] = [producer(funnel, 3), producer(funnel, 37)];
  while (a.tryPush(new Uint8Array(64)));
  assert.not(b.tryPush(new Uint8Array(200)));
  assert.ok(a.prepareWait());
  assert.ok(b.prepareWait());
  assert.not(a.poll());
  funnel.consumer.tryPop();
  assert.equal(funnel.producerWakes, [3, 37]);
  assert.ok(a.poll());
  assert.ok(a.cancelWait());
  assert.not(a.prepareWait(), "there is room for one");
  assert.ok(b.cancelWait());
  assert.ok(b.prepareWait(), "there is none for four");
  funnel.consumer.close();
  assert.equal(funnel.producerWakes, [3, 37, 37]);
  assert.is(b.peerState, 2);
});

test("releases may be collected", () => {
  const funnel = make(2);
  funnel.consumer.releaseBytes = CAPACITY / 8;
  for (let i = 0; i < 20; i++) producer(funnel, i & 1).tryPush(pattern(60, i));
  const before = readWord(funnel.memory, TAIL_OFFSET);
  for (let i = 0; i < 7; i++) sameBytes(funnel.consumer.tryPop(), pattern(60, i));
  assert.is(readWord(funnel.memory, TAIL_OFFSET), before);
  assert.is(funnel.consumer.pending, 7 * 64);
  sameBytes(funnel.consumer.tryPop(), pattern(60, 7));
  assert.is(readWord(funnel.memory, TAIL_OFFSET), before + 8);
  for (let i = 8; i < 20; i++) sameBytes(funnel.consumer.tryPop(), pattern(60, i));
  assert.is(funnel.consumer.pending, 0, "nothing else is there");
});

test("records that are kept stay as they are together, go back together, and come again when the consumer closes", () => {
  const funnel = make(2);
  const { memory, consumer } = funnel;
  assert.throws(() => consumer.keep(), /Cannot keep: no record was looked at/);
  let count = 0;
  while (producer(funnel, count & 1).tryPush(pattern(100, count))) count++;
  const places: number[] = [];
  for (let i = 0; i < count; i++) {
    places.push(consumer.tryPeek());
    consumer.keep();
  }
  assert.is(consumer.pending, CAPACITY);
  assert.is(consumer.tryPeek(), -1, "what is kept is not found again");
  consumer.flush();
  assert.is(readWord(memory, TAIL_OFFSET), 0);
  assert.is(producer(funnel, 0).tryPush(pattern(1)), false);
  for (const [i, at] of places.entries()) sameBytes(consumer.bytes.slice(at, at + 100), pattern(100, i));
  consumer.releaseKept();
  assert.is(readWord(memory, TAIL_OFFSET), UNITS);
  for (let i = 0; i < 3; i++) assert.is(producer(funnel, 1).tryPush(pattern(10, i)), true);
  sameBytes(consumer.tryPop(), pattern(10, 0));
  consumer.tryPeek();
  consumer.keep();
  consumer.close();
  const successor = new FunnelConsumer(memory, NOBODY);
  for (const i of [1, 2]) sameBytes(successor.tryPop(), pattern(10, i));
  assert.is(successor.tryPop(), undefined);
});

test("a successor of a dead consumer gets what was not released, and finishes what was", () => {
  const funnel = make(2);
  for (let i = 0; i < 10; i++) producer(funnel, 0).tryPush(pattern(10, i));
  for (let i = 0; i < 4; i++) funnel.consumer.tryPop();
  funnel.consumer.tryPeek();
  let successor = new FunnelConsumer(funnel.memory, NOBODY);
  sameBytes(successor.tryPop(), pattern(10, 4));
  // it died after it had said what it gives back, and had freed one control word
  writeWord(funnel.memory, FUNNEL_READ_OFFSET, 8);
  writeWord(funnel.memory, FUNNEL_CONTROL_OFFSET + 5 * 4, 1);
  successor = new FunnelConsumer(funnel.memory, NOBODY);
  assert.is(readWord(funnel.memory, TAIL_OFFSET), 8);
  for (const i of [8, 9]) sameBytes(successor.tryPop(), pattern(10, i));
  assert.is(successor.tryPop(), undefined);
});

test("each round has a generation of its own, also after a successor", () => {
  const funnel = make(1);
  const seen = new Set<number>();
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < UNITS; i++) {
      producer(funnel, 0).tryPush(new Uint8Array(1));
      funnel.consumer.tryPop();
    }
    seen.add(readWord(funnel.memory, FUNNEL_CONTROL_OFFSET + 7 * 4));
    if (round === 2) funnel.consumer = new FunnelConsumer(funnel.memory, NOBODY);
  }
  assert.is(seen.size, 5);
  assert.is(readWord(funnel.memory, FUNNEL_GENERATION_OFFSET), 5);
});

test("a message past maxMessageBytes is dropped, and the next one comes", () => {
  const funnel = make(1);
  const consumer = new FunnelConsumer(funnel.memory, NOBODY, { maxMessageBytes: 10 });
  producer(funnel, 0).tryPush(new Uint8Array(11));
  producer(funnel, 0).tryPush(new Uint8Array(10));
  assert.is(
    codeOf(() => consumer.tryPop()),
    "IPC_TOO_LARGE",
  );
  assert.is(consumer.tryPop()?.length, 10);
  assert.is(consumer.discarded, 1);
});

test("what no correct producer writes is IPC_CORRUPT", () => {
  const wrong: [string, number][] = [
    ["a length beyond half of the capacity", 0xa000_0000 + CAPACITY],
    ["a state that there is not", 0xe000_0010],
    ["a skipped length", 0xc07f_ffff],
  ];
  for (const [what, value] of wrong) {
    const funnel = make(1);
    producer(funnel, 0).tryPush(new Uint8Array(100));
    writeWord(funnel.memory, FUNNEL_CONTROL_OFFSET, value);
    for (let again = 0; again < 2; again++) {
      assert.is(
        codeOf(() => funnel.consumer.tryPop()),
        "IPC_CORRUPT",
        what,
      );
    }
  }
  const funnel = make(1);
  producer(funnel, 0).tryClaim(10);
  writeWord(funnel.memory, FUNNEL_CONTROL_OFFSET, 0x8000_0000 + 4000);
  assert.is(
    codeOf(() => funnel.consumer.passOver()),
    "IPC_CORRUPT",
  );
  writeWord(funnel.memory, FUNNEL_END_OFFSET, 0);
  assert.is(
    codeOf(() => producer(funnel, 0).abort()),
    "nothing",
  );
  writeWord(funnel.memory, FUNNEL_CONTROL_OFFSET, 0x8000_0000 + 4000);
  assert.is(
    codeOf(() => producer(funnel, 0).tryPush(new Uint8Array(1))),
    "IPC_CORRUPT",
  );
  writeWord(funnel.memory, FUNNEL_READ_OFFSET, UNITS + 1);
  assert.is(
    codeOf(() => new FunnelConsumer(funnel.memory, NOBODY)),
    "IPC_CORRUPT",
  );
  writeWord(funnel.memory, 8, 4096);
  assert.is(
    codeOf(() => new FunnelProducer(funnel.memory, 0, NOBODY)),
    "IPC_CORRUPT",
  );
  assert.is(
    codeOf(() => new FunnelProducer(make().memory, 64, NOBODY)),
    "RangeError",
  );
  assert.is(readWord(funnel.memory, FUNNEL_PRESENT_OFFSET), 1);
});

test.run();
