import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  allocateRing,
  HEAD_OFFSET,
  type Keeping,
  KIND_KEPT,
  OLDEST_OFFSET,
  RingConsumer,
  type RingConsumerOptions,
  type RingMemory,
  RingProducer,
  TAIL_OFFSET,
} from "../../src/ring/mod.ts";
import { killAtEachAtomic } from "./at-each-atomic.ts";
import { nextRandom } from "./hostile-ring.ts";
import { codeOf, pattern, readWord, recordSize, sameBytes, writeWord } from "./make-ring.ts";

const test = suite("kept ring");
const seed = Number(process.env.MILLRACE_TEST_SEED ?? Date.now() % 1_000_000);
const CAPACITY = 4096;
const waiter = { wake() {} };
/** In one thread nobody comes in between. */
const keeping: Keeping = { exclusively: (body) => body() };

function makeKept(start = 0): RingMemory {
  const memory = allocateRing(CAPACITY, KIND_KEPT);
  for (const offset of [HEAD_OFFSET, TAIL_OFFSET, OLDEST_OFFSET]) writeWord(memory, offset, start);
  return memory;
}

function produce(memory: RingMemory, options = {}): RingProducer {
  return new RingProducer(memory, waiter, { keeping, ...options });
}

function consume(memory: RingMemory, from: RingConsumerOptions["from"] = "tail"): RingConsumer {
  return new RingConsumer(memory, waiter, { from: from as "tail" });
}

function drain(consumer: RingConsumer): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let next = consumer.tryPop(); next !== undefined; next = consumer.tryPop()) messages.push(next);
  return messages;
}

test("what was received comes again to a consumer that begins with the oldest, and then it is unread", () => {
  const memory = makeKept();
  const producer = produce(memory);
  for (let i = 0; i < 5; i++) producer.tryPush(pattern(100, i));
  assert.is(drain(consume(memory)).length, 5);
  assert.is(drain(consume(memory)).length, 0, "it goes on where the last one stopped");
  const again = consume(memory, "oldest");
  assert.is(again.available, 5 * 112);
  assert.is(producer.free, CAPACITY - 5 * 112);
  sameBytes(again.tryPop(), pattern(100, 0));
  const rest = drain(consume(memory));
  assert.is(rest.length, 4, "a successor goes on behind what was received again");
  sameBytes(rest[0], pattern(100, 1));
});

test("a consumer that begins now gets what comes from then on, and the producer has the room of the rest", () => {
  const memory = makeKept();
  const producer = produce(memory);
  while (producer.tryPush(pattern(8)));
  const consumer = consume(memory, "head");
  assert.is(consumer.tryPop(), undefined);
  assert.ok(producer.tryPush(pattern(8, 1)));
  sameBytes(consumer.tryPop(), pattern(8, 1));
});

test("what is unread is never given up, what is read only as far as room is needed", () => {
  const memory = makeKept(2 ** 32 - 2048);
  const producer = produce(memory);
  const consumer = consume(memory);
  let pushed = 0;
  while (producer.tryPush(pattern(56, pushed))) pushed++;
  assert.is(pushed, CAPACITY / 64);
  assert.is(readWord(memory, OLDEST_OFFSET), 2 ** 32 - 2048);
  sameBytes(consumer.tryPop(), pattern(56, 0));
  assert.is(readWord(memory, OLDEST_OFFSET), 2 ** 32 - 2048, "nothing goes as long as nobody needs it");
  assert.ok(producer.tryPush(pattern(56, pushed)));
  assert.not(producer.tryPush(pattern(56)));
  assert.is(readWord(memory, OLDEST_OFFSET), readWord(memory, TAIL_OFFSET));
  for (let i = 1; i <= pushed; i++) sameBytes(consumer.tryPop(), pattern(56, i));
});

test(`any messages, deaths and beginnings: what is held is the end of what was sent (seed ${seed})`, () => {
  let random = seed;
  const below = (limit: number) => {
    random = nextRandom(random);
    return Math.floor((random / 2 ** 32) * limit);
  };
  for (let round = 0; round < 40; round++) {
    const start = (2 ** 32 - 16 * below(1000)) % 2 ** 32;
    const memory = makeKept(start);
    const sent: { message: Uint8Array; end: number }[] = [];
    let head = start;
    let producer = produce(memory);
    let consumer = consume(memory);
    for (let step = 0; step < 300; step++) {
      const what = below(10);
      if (what < 5) {
        const message = pattern([below(40), below(600), below(2041)][below(3)] as number, step);
        if (!producer.tryPush(message)) continue;
        head += recordSize(message.length);
        sent.push({ message, end: head });
      } else if (what < 8) {
        consumer.tryPop();
      } else if (what === 8) {
        producer = produce(memory);
      } else {
        const from = (["tail", "oldest", "head"] as const)[below(3)] as "tail";
        consumer = consume(memory, from);
      }
      const [oldest, tail, now] = [OLDEST_OFFSET, TAIL_OFFSET, HEAD_OFFSET].map((offset) => readWord(memory, offset));
      const held = ((now as number) - (oldest as number)) >>> 0;
      assert.ok(held <= CAPACITY && ((now as number) - (tail as number)) >>> 0 <= held, `round ${round}`);
    }
    const oldest = head - (((head % 2 ** 32) - readWord(memory, OLDEST_OFFSET)) >>> 0);
    const expected = sent.filter(({ message, end }) => end - recordSize(message.length) >= oldest);
    const held = drain(consume(memory, "oldest"));
    assert.is(held.length, expected.length, `round ${round}`);
    held.forEach((message, i) => {
      sameBytes(message, expected[i]?.message as Uint8Array);
    });
  }
});

test("the oldest record may be the middle of a message in fragments, which is then left out", () => {
  const memory = makeKept();
  const producer = produce(memory);
  const consumer = consume(memory);
  const large = pattern(3000);
  producer.beginMessage(large);
  while (!producer.continueMessage()) consumer.tryPop();
  for (let i = 0; i < 4; i++) {
    producer.tryPush(pattern(600, i));
    drain(consumer);
  }
  const again = consume(memory, "oldest");
  const held = drain(again);
  for (const message of held) assert.is(message.length, 600);
  assert.ok(held.length >= 3 && held.length <= 4, `${held.length}`);
});

test("a producer that dies at any access of a push into a full ring leaves one that a replay and a successor can use", () => {
  const points = killAtEachAtomic(
    () => {
      const memory = makeKept(2 ** 32 - 1024);
      const producer = produce(memory);
      const consumer = consume(memory);
      for (let i = 0; i < 100; i++) {
        producer.tryPush(pattern(56, i));
        consumer.tryPop();
      }
      return { memory, producer };
    },
    ({ producer }) => {
      // more than is free without giving something up
      for (let i = 100; i < 120; i++) producer.tryPush(pattern(56, i));
    },
    ({ memory }, point) => {
      const held = drain(consume(memory, "oldest"));
      const last = held.length === 0 ? -1 : seedOf(held.at(-1) as Uint8Array, 120);
      assert.ok(held.length >= CAPACITY / 64 - 30, `${held.length} ${point}`);
      assert.ok(last >= 99 && last < 120, `${last} ${point}`);
      held.forEach((message, i) => {
        sameBytes(message, pattern(56, last - held.length + 1 + i), point);
      });
      const successor = produce(memory);
      for (let i = 0; i < 10; i++) assert.ok(successor.tryPush(pattern(8, i)), point);
      assert.is(drain(consume(memory)).length, 10, point);
    },
  );
  assert.ok(points > 40, `${points}`);
});

test("a consumer that dies at any access of its beginning leaves all that was unread", () => {
  killAtEachAtomic(
    () => {
      const memory = makeKept();
      const producer = produce(memory);
      for (let i = 0; i < 10; i++) producer.tryPush(pattern(56, i));
      const first = consume(memory);
      for (let i = 0; i < 5; i++) first.tryPop();
      return memory;
    },
    (memory) => consume(memory, "oldest"),
    (memory, point) => {
      const rest = drain(consume(memory));
      assert.ok(rest.length === 5 || rest.length === 10, point);
      rest.forEach((message, i) => {
        sameBytes(message, pattern(56, 10 - rest.length + i), point);
      });
    },
  );
});

test("a wrong word is IPC_CORRUPT for who needs it", () => {
  for (const wrong of [1, 8, 16, 0x80000000]) {
    const memory = makeKept();
    writeWord(memory, OLDEST_OFFSET, wrong);
    assert.is(
      codeOf(() => produce(memory)),
      "IPC_CORRUPT",
    );
    assert.is(
      codeOf(() => consume(memory, "oldest")),
      "IPC_CORRUPT",
    );
  }
  const memory = makeKept();
  const producer = produce(memory);
  while (producer.tryPush(pattern(56)));
  drain(consume(memory));
  const before = readWord(memory, OLDEST_OFFSET);
  writeWord(memory, 4096, 5000);
  assert.is(
    codeOf(() => producer.tryPush(pattern(56))),
    "IPC_CORRUPT",
  );
  assert.is(readWord(memory, OLDEST_OFFSET), before);
  // kinds are told apart
  assert.is(
    codeOf(() => new RingProducer(memory, waiter)),
    "IPC_CORRUPT",
  );
  assert.is(
    codeOf(() => new RingConsumer(allocateRing(CAPACITY), waiter, { from: "tail" })),
    "IPC_CORRUPT",
  );
});

/** Which of the patterns this message is. */
function seedOf(message: Uint8Array, limit: number): number {
  for (let i = limit - 1; i >= 0; i--) if (Buffer.compare(message, pattern(message.length, i)) === 0) return i;
  throw new Error("A message came that nobody sent");
}

test.run();
