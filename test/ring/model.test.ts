import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RingConsumer, type RingConsumerOptions, RingProducer, type RingProducerOptions } from "../../src/ring/mod.ts";
import { makeRing, pattern, recordSize, sameBytes, type TestRing } from "./make-ring.ts";

const test = suite("ring against a model");
const CAPACITY = 4096;
const waiter = { wake() {} };

/** What happens, by name and a size. */
const OPERATIONS = [
  "push",
  "push",
  "claim and commit",
  "claim and abort",
  "large",
  "abandon",
  "flush",
  "pop",
  "pop",
  "popInto",
  "peek",
  "release",
  "consumer flushes",
  "producer dies",
  "consumer dies",
  "producer closes",
  "consumer closes",
] as const;
type Operation = [name: (typeof OPERATIONS)[number], size: number];

const operation = fc.tuple(
  fc.constantFrom(...OPERATIONS),
  fc.oneof(fc.nat(40), fc.nat(600), fc.nat(CAPACITY - 32), fc.constantFrom(0, 8, 9, 2040, 2041, CAPACITY - 32)),
);
const start = fc.oneof(
  fc.nat(300).map((n) => n * 16),
  fc.integer({ min: 1, max: 300 }).map((n) => 2 ** 32 - n * 16),
  fc.integer({ min: 1, max: 300 }).map((n) => 2 ** 31 - n * 16),
);
const batch = fc.constantFrom(0, 0, 16, 256, 2048);

interface Record {
  message: Uint8Array | undefined;
  size: number;
  first: boolean;
}

/** A plain array of records, and what each end knows. */
class Model {
  /** Everything ever published. */
  records: Record[] = [];
  /** Committed, not published. */
  batch: Record[] = [];
  /** The next record to read, and the first that is not given back. */
  next = 0;
  released = 0;
  /** The consumer is new, and has not come to the beginning of a message yet. */
  resumed = false;
  id = 0;

  get free(): number {
    return CAPACITY - this.sizeFrom(this.released) - total(this.batch);
  }

  sizeFrom(index: number): number {
    return total(this.records.slice(index));
  }

  /** Records of a message, the message itself with the last one. */
  static split(message: Uint8Array): Record[] {
    if (message.length <= CAPACITY / 2 - 8) return [{ message, size: recordSize(message.length), first: true }];
    const records: Record[] = [];
    for (let rest = message.length; rest > 0; rest -= CAPACITY / 4 - 8) {
      const size = recordSize(Math.min(rest, CAPACITY / 4 - 8));
      records.push({ message: rest <= CAPACITY / 4 - 8 ? message : undefined, size, first: rest === message.length });
    }
    return records;
  }

  /** The next whole message; passes what was abandoned before it. */
  take(): Uint8Array | undefined {
    for (let i = this.next; i < this.records.length; i++) {
      const { message } = this.records[i] as Record;
      if (message === undefined) continue;
      this.next = i + 1;
      return message;
    }
    this.next = this.records.length;
    return undefined;
  }
}

function total(records: Record[]): number {
  return records.reduce((sum, { size }) => sum + size, 0);
}

for (const [name, capacityOptions] of [
  ["each message published and released alone", fc.constant([0, 0] as const)],
  ["batches in both directions", fc.tuple(batch, batch)],
] as const) {
  test(`random operations do what a plain array does, ${name}`, () => {
    fc.assert(
      fc.property(capacityOptions, start, fc.array(operation, { maxLength: 150 }), (options, index, operations) => {
        run(options[0], options[1], index, operations);
      }),
      { numRuns: 400 },
    );
  });
}

function run(batchBytes: number, releaseBytes: number, index: number, operations: Operation[]): void {
  const options = { producer: { batchBytes }, consumer: { releaseBytes } };
  const ring = makeRing({ capacity: CAPACITY, start: index, ...options });
  const model = new Model();
  for (const [name, size] of operations) {
    apply(ring, model, name, size, options);
    while (total(model.batch) > ring.producer.pending) model.records.push(...model.batch.splice(0, 1));
    assert.is(ring.producer.pending, total(model.batch), name);
    assert.ok(ring.producer.pending < batchBytes || model.batch.length === 0, "full batches are out");
    if (model.resumed && model.next < model.records.length) {
      // The rest of a message whose beginning was given back: the first look drops it
      while (model.records[model.next]?.first === false) model.next++;
      model.resumed = model.next === model.records.length;
      assert.is(ring.consumer.tryPeek() === -1, model.resumed);
    }
    // The consumer gives back record by record
    model.released = model.next;
    for (let pending = ring.consumer.pending; pending > 0; ) pending -= model.records[--model.released]?.size ?? 0;
    assert.is(ring.producer.free, model.free, `free after ${name}`);
    assert.is(ring.consumer.available, model.sizeFrom(model.next), `available after ${name}`);
  }
  ring.producer.close();
  model.records.push(...model.batch.splice(0));
  while (model.resumed && model.records[model.next]?.first === false) model.next++;
  for (let expected = model.take(); expected !== undefined; expected = model.take()) {
    sameBytes(ring.consumer.tryPop(), expected, "a message in the end");
  }
  assert.is(ring.consumer.tryPop(), undefined);
  assert.is(ring.consumer.ended, true);
}

function apply(
  ring: TestRing,
  model: Model,
  name: Operation[0],
  size: number,
  options: { producer: RingProducerOptions; consumer: RingConsumerOptions },
): void {
  const { memory, producer, consumer } = ring;
  const message = pattern(size, ++model.id);
  if (name === "push" || name === "large") {
    const records = Model.split(message);
    const fits = total(records) <= model.free;
    assert.is(producer.tryPush(message), fits, `push of ${size}`);
    if (fits) model.batch.push(...records);
  } else if (name === "claim and commit" || name === "claim and abort") {
    const claimed = Math.min(size, producer.largestPayload);
    const at = producer.tryClaim(claimed);
    assert.is(at !== -1, recordSize(claimed) <= model.free, `claim of ${size}`);
    if (at === -1) return;
    const part = message.subarray(0, claimed >>> (model.id & 1));
    producer.bytes.fill(0xff, at, at + claimed);
    producer.bytes.set(part, at);
    if (name === "claim and abort") {
      producer.abort();
    } else {
      producer.commit(part.length);
      model.batch.push(...Model.split(part));
    }
  } else if (name === "abandon") {
    // A message larger than the ring: the quarters that fit go out, and are worth nothing
    producer.beginMessage(pattern(2 * CAPACITY));
    const quarters = Math.floor(model.free / (CAPACITY / 4));
    assert.is(producer.continueMessage(), false);
    producer.abandonMessage();
    for (let i = 0; i < quarters; i++) {
      model.batch.push({ message: undefined, size: CAPACITY / 4, first: i === 0 });
    }
  } else if (name === "flush") {
    producer.flush();
    assert.is(producer.pending, 0);
  } else if (name === "pop" || name === "popInto") {
    const target = new Uint8Array(CAPACITY);
    const length = name === "pop" ? 0 : consumer.popInto(target);
    const received = name === "pop" ? consumer.tryPop() : length === -1 ? undefined : target.subarray(0, length);
    const expected = model.take();
    if (expected === undefined) assert.is(received, undefined);
    else sameBytes(received, expected);
  } else if (name === "peek" || name === "release") {
    // In place, only messages of one record: the next one must be known to be such
    const record = model.records[model.next];
    if (record === undefined || record.message === undefined || !record.first) return;
    const at = consumer.tryPeek();
    sameBytes(consumer.bytes.subarray(at, at + consumer.peekLength), record.message, "the peeked message");
    if (name === "peek") return;
    consumer.release();
    model.next++;
  } else if (name === "consumer flushes") {
    consumer.flush();
    assert.is(consumer.pending, 0);
  } else if (name === "producer dies" || name === "producer closes") {
    if (name === "producer closes") {
      producer.close();
      model.records.push(...model.batch.splice(0));
    }
    model.batch.length = 0;
    ring.producer = new RingProducer(memory, waiter, options.producer);
  } else {
    if (name === "consumer closes") {
      consumer.close();
      model.released = model.next;
    }
    ring.consumer = new RingConsumer(memory, waiter, options.consumer);
    model.next = model.released;
    model.resumed = true;
  }
}

test.run();
