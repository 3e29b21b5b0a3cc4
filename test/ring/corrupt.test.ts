import { suite } from "uvu";
import * as assert from "uvu/assert";
import { IpcError } from "../../src/errors.ts";
import { allocateRing, observeRing, RingConsumer, type RingMemory, RingProducer } from "../../src/ring/mod.ts";
import { codeOf, makeRing, pattern, readWord, sameBytes, writeWord } from "./make-ring.ts";

const test = suite("ring corruption");
const waiter = { wake() {} };
const VALUES = [0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 100, 2032, 2040, 2041, 4079, 4080, 4096, 4112, 65_536].concat([
  0x7ffffff0, 0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffff8, 0xffffffff,
]);
/** The words in use of all eight lines, one more of each, and one behind them. */
const HEADER_WORDS = Array.from({ length: 8 * 9 }, (_, i) => Math.floor(i / 9) * 128 + (i % 9) * 4).concat(1024);
const HEAD = 128;
const TAIL = 256;

/** Canaries before and after the ring, to see accesses out of range. */
function guarded(): { memory: RingMemory; intact: () => boolean } {
  const inner = allocateRing(4096);
  const size = inner.bytes.length;
  const bytes = new Uint8Array(new SharedArrayBuffer(size + 2 * 4096)).fill(0xcc);
  bytes.set(inner.bytes, 4096);
  const memory = { words: new Int32Array(bytes.buffer), bytes, offset: 4096, capacity: 4096 };
  const outside = [bytes.subarray(0, 4096), bytes.subarray(4096 + size)];
  return { memory, intact: () => outside.every((part) => part.every((byte) => byte === 0xcc)) };
}

/**
 * Pops until the ring is empty or an error comes. Any message has at most the bytes that can be published, any error is
 * IPC_CORRUPT, and the calls end.
 */
function drain(consumer: RingConsumer): { messages: Uint8Array[]; code: string } {
  const messages: Uint8Array[] = [];
  for (let calls = 0; calls <= 4096 / 16 + 1; calls++) {
    try {
      const message = consumer.tryPop();
      if (message === undefined) return { messages, code: "nothing" };
      assert.ok(message.length <= 4096);
      messages.push(message);
    } catch (error) {
      assert.ok(error instanceof IpcError && error.code === "IPC_CORRUPT", `${error}`);
      return { messages, code: "IPC_CORRUPT" };
    }
  }
  throw new Error("The ring gives more than it can hold");
}

const SENT = [pattern(100), pattern(0), pattern(3000)];

test("any value in any header word, while both ends are attached: the right messages, or IPC_CORRUPT", () => {
  const outcomes: Record<string, number> = {};
  for (const word of HEADER_WORDS) {
    for (const value of VALUES) {
      const { memory, intact } = guarded();
      const producer = new RingProducer(memory, waiter);
      const consumer = new RingConsumer(memory, waiter);
      for (const message of SENT) producer.tryPush(message);
      const before = readWord(memory, word);
      writeWord(memory, word, value);
      const { messages, code } = drain(consumer);
      // A head that is still in the range is a claim to have published less, or what lies there
      if (word !== HEAD) {
        messages.forEach((message, i) => {
          sameBytes(message, SENT[i] as Uint8Array, `word ${word} = ${value}, message ${i}`);
        });
        assert.ok(messages.length === SENT.length || code === "IPC_CORRUPT", `word ${word} = ${value}`);
      }
      const pushed = codeOf(() => {
        for (let i = 0; i < 300; i++) producer.tryPush(pattern(8));
      });
      assert.ok(["nothing", "IPC_CORRUPT"].includes(pushed), pushed);
      for (const end of [producer, consumer]) {
        assert.ok(["nothing", "IPC_CORRUPT"].includes(codeOf(() => end.peerState)));
        assert.ok(["nothing", "IPC_CORRUPT"].includes(codeOf(() => end.prepareWait(1))));
        end.cancelWait();
        assert.ok(["nothing", "IPC_CORRUPT"].includes(codeOf(() => end.close())));
      }
      observe(memory);
      assert.ok(intact());
      if (value !== before) outcomes[`${word}: ${code} ${pushed}`] = 1;
    }
  }
  // Those that matter are seen by one side or the other
  for (const seen of [`${HEAD}: IPC_CORRUPT`, "384: IPC_CORRUPT", "512: nothing IPC"]) {
    assert.ok(
      Object.keys(outcomes).some((outcome) => outcome.startsWith(seen)),
      seen,
    );
  }
});

test("any value in any header word, before an end attaches: the right messages, or IPC_CORRUPT", () => {
  for (const word of HEADER_WORDS) {
    for (const value of VALUES) {
      const { memory, intact } = guarded();
      const first = new RingProducer(memory, waiter);
      for (const message of SENT) first.tryPush(message);
      writeWord(memory, word, value);
      const attached = codeOf(() => {
        const consumer = new RingConsumer(memory, waiter);
        const { messages } = drain(consumer);
        if (word === HEAD || word === TAIL) return;
        messages.forEach((message, i) => {
          sameBytes(message, SENT[i] as Uint8Array, `word ${word} = ${value}, message ${i}`);
        });
      });
      assert.ok(["nothing", "IPC_CORRUPT"].includes(attached), `word ${word} = ${value}: ${attached}`);
      const pushed = codeOf(() => {
        const producer = new RingProducer(memory, waiter);
        for (let i = 0; i < 300; i++) producer.tryPush(pattern(8));
      });
      assert.ok(["nothing", "IPC_CORRUPT"].includes(pushed), `word ${word} = ${value}: ${pushed}`);
      observe(memory);
      assert.ok(intact());
    }
  }
});

test("any value in a record's length or flags: messages from inside what is published, or IPC_CORRUPT", () => {
  const total = 112 + 16 + 3 * 8 + 3000;
  // The header words of the three messages' records
  for (const record of [0, 112, 128, 128 + 1024, 128 + 2048]) {
    for (const word of [record, record + 4]) {
      for (const value of VALUES) {
        const { memory, intact } = guarded();
        const producer = new RingProducer(memory, waiter);
        const consumer = new RingConsumer(memory, waiter);
        for (const message of SENT) producer.tryPush(message);
        writeWord(memory, 4096 + word, value);
        const { messages, code } = drain(consumer);
        const bytes = messages.reduce((sum, message) => sum + message.length, 0);
        assert.ok(bytes <= total, `${bytes} bytes of ${total}`);
        const where = `word ${word} = ${value}`;
        // What comes before the wrong record is right
        for (let i = 0; i < 2 && word >= (i === 0 ? 112 : 128); i++)
          sameBytes(messages[i], SENT[i] as Uint8Array, where);
        if (word === record && value > 2040) assert.is(code, "IPC_CORRUPT", where);
        if (word !== record && value > 3) assert.is(code, "IPC_CORRUPT", where);
        assert.ok(intact());
      }
    }
  }
});

test("a length that reaches past what is published is IPC_CORRUPT, at each size", () => {
  for (let size = 0; size <= 200; size++) {
    const { memory, producer, consumer } = makeRing();
    producer.tryPush(pattern(size));
    const room = Math.ceil((8 + size) / 16) * 16 - 8;
    writeWord(memory, 4096, room + 1);
    assert.is(
      codeOf(() => consumer.tryPop()),
      "IPC_CORRUPT",
    );
    assert.is(
      codeOf(() => consumer.tryPeek()),
      "IPC_CORRUPT",
      "still",
    );
    assert.is(
      codeOf(() => consumer.popInto(new Uint8Array(4096))),
      "IPC_CORRUPT",
      "still",
    );
    writeWord(memory, 4096, size);
    sameBytes(consumer.tryPop(), pattern(size), "nothing was passed");
  }
});

test("an index that is unaligned or too far is IPC_CORRUPT for the other end, and names the word", () => {
  for (const value of [1, 8, 15, 17, 4112, 8192, 0x7ffffff0, 0x80000000, 0xfffffff0, 0xffffffff]) {
    const behind = makeRing();
    writeWord(behind.memory, HEAD, value);
    assert.throws(() => behind.consumer.tryPop(), /Ring "" is corrupt: (head|the distance)/);
    assert.is(
      codeOf(() => behind.consumer.available),
      "IPC_CORRUPT",
    );
    const ahead = makeRing();
    while (ahead.producer.tryPush(pattern(8)));
    // The tail beyond the head, or unaligned
    writeWord(ahead.memory, TAIL, value === 0xfffffff0 ? 4112 : value);
    if (value === 17 || value % 16 !== 0 || value > 4096) {
      assert.throws(() => ahead.producer.tryPush(pattern(8)), /Ring "" is corrupt: (tail|the distance)/, `${value}`);
      assert.is(
        codeOf(() => ahead.producer.free),
        "IPC_CORRUPT",
      );
    }
  }
});

test("a peer that moves the head back takes no message twice out of the ring", () => {
  const { memory, producer, consumer } = makeRing();
  for (let i = 0; i < 3; i++) producer.tryPush(pattern(8, i));
  for (let i = 0; i < 3; i++) sameBytes(consumer.tryPop(), pattern(8, i));
  writeWord(memory, HEAD, 16);
  assert.is(
    codeOf(() => consumer.tryPop()),
    "IPC_CORRUPT",
  );
});

test("a state that nobody writes is IPC_CORRUPT", () => {
  for (const value of [3, 0x80000000, 0xffffffff]) {
    const { memory, producer, consumer } = makeRing();
    writeWord(memory, 640, value);
    writeWord(memory, 768, value);
    assert.is(
      codeOf(() => producer.peerState),
      "IPC_CORRUPT",
    );
    assert.is(
      codeOf(() => consumer.peerState),
      "IPC_CORRUPT",
    );
    assert.is(
      codeOf(() => consumer.ended),
      "IPC_CORRUPT",
    );
  }
});

test("memory of random bytes behind a right header never breaks an end", () => {
  let seed = 20_251;
  const random = () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) | 0;
    return seed >>> 0;
  };
  for (let round = 0; round < 2000; round++) {
    const { memory, intact } = guarded();
    const consumer = new RingConsumer(memory, waiter);
    for (let at = 0; at < 4096; at += 4) {
      // Lengths and flags that are often nearly right
      const value = random();
      writeWord(memory, 4096 + at, value % 4 === 0 ? value : at % 8 === 0 ? (value >>> 8) % 300 : (value >>> 8) % 4);
    }
    writeWord(memory, HEAD, (random() % 257) * 16);
    drain(consumer);
    assert.ok(intact());
  }
});

function observe(memory: RingMemory): void {
  try {
    const { used, capacity } = observeRing(memory, 8192);
    assert.ok(used >= 0 && used <= capacity);
  } catch (error) {
    assert.ok(error instanceof IpcError && error.code === "IPC_CORRUPT", `${error}`);
  }
}

test.run();
