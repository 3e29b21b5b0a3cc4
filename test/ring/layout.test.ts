import { suite } from "uvu";
import * as assert from "uvu/assert";
import { IpcError } from "../../src/errors.ts";
import {
  allocateRing,
  checkRingSizes,
  initializeHeader,
  observeRing,
  RingConsumer,
  RingProducer,
  validateHeader,
} from "../../src/ring/mod.ts";
import { codeOf, makeRing, pattern, readWord, writeWord } from "./make-ring.ts";

const test = suite("ring layout");

test("a new ring has the words that the document names, at the places that it names", () => {
  const buffer = new SharedArrayBuffer(4096 + 2 * 8192 + 256);
  const memory = { words: new Int32Array(buffer), bytes: new Uint8Array(buffer), offset: 256, capacity: 8192 };
  initializeHeader(memory, { capacity: 8192, creatorPid: 4121 });
  assert.is(new TextDecoder().decode(memory.bytes.slice(256, 260)), "MLRC");
  assert.equal(
    Array.from({ length: 8 }, (_, i) => readWord(memory, i * 4)),
    [0x43524c4d, 2, 4096, 8192, 1, 0, 4121, 0],
  );
  const producer = new RingProducer(memory, { wake() {} }, { pid: 11 });
  const consumer = new RingConsumer(memory, { wake() {} }, { pid: 12 });
  for (let size = 1; size <= 3; size++) producer.tryPush(pattern(size));
  consumer.tryPop();
  assert.is(readWord(memory, 128), 48, "head");
  assert.is(readWord(memory, 1032), 3, "messages sent");
  assert.is(readWord(memory, 1040), 6, "bytes sent");
  assert.is(readWord(memory, 256), 16, "tail");
  assert.is(readWord(memory, 1160), 1, "messages received");
  assert.is(readWord(memory, 1168), 1, "bytes received");
  assert.is(producer.waiterOffset, 256 + 384);
  assert.is(consumer.waiterOffset, 256 + 512);
  assert.is(producer.peerWaiterOffset, consumer.waiterOffset);
  assert.is(consumer.peerWaiterOffset, producer.waiterOffset);
  assert.equal(
    [640, 644, 648].map((at) => readWord(memory, at)),
    [1, 11, 1],
    "producer's state",
  );
  assert.equal(
    [768, 772, 776].map((at) => readWord(memory, at)),
    [1, 12, 1],
    "consumer's state",
  );
  assert.equal(
    [0, 4, 16, 20, 32, 36].map((at) => readWord(memory, 4096 + at)),
    [1, 0, 2, 0, 3, 0],
    "record headers",
  );
  assert.is(memory.bytes[256 + 4096 + 8], pattern(1)[0], "the first payload");
});

test("records tell fragments by bit 0, goes on, and bit 1, went on", () => {
  const { memory, producer } = makeRing();
  producer.tryPush(pattern(3000));
  assert.equal(
    [0, 1024, 2048].map((at) => [readWord(memory, 4096 + at), readWord(memory, 4100 + at)]),
    [
      [1016, 1],
      [1016, 3],
      [968, 2],
    ],
  );
});

test("the header of a ring is found right", () => {
  const memory = allocateRing(65_536);
  assert.equal(validateHeader(memory, 4096 + 65_536), { headerBytes: 4096, capacity: 65_536, creatorPid: 0 });
});

test("a header of a larger page is found right, and used", () => {
  const buffer = new SharedArrayBuffer(16_384 + 2 * 16_384);
  const memory = { words: new Int32Array(buffer), bytes: new Uint8Array(buffer), offset: 0, capacity: 16_384 };
  initializeHeader(memory, { capacity: 16_384, headerBytes: 16_384 });
  assert.is(validateHeader(memory, 2 * 16_384).headerBytes, 16_384);
  const producer = new RingProducer(memory, { wake() {} });
  assert.is(producer.tryClaim(1), 16_384 + 8);
});

for (const [word, offset, wrong, right] of [
  ["magic", 0, [0, 1, 0x43524c4e, 0x4d4c5243, 0xffffffff], String(0x43524c4d)],
  ["version", 4, [0, 1, 3, 0xffffffff], "2"],
  ["header bytes", 8, [0, 1, 2048, 4095, 4097, 12_288, 131_072, 0x80000000, 0xffffffff], "a power of two from 4096"],
  ["capacity", 12, [0, 1, 2048, 4095, 12_288, 32_768, 2 ** 29, 2 ** 31, 0xffffffff], "a power of two from 4096 to"],
  ["kind", 16, [0, 2, 0xffffffff], "1 (SPSC)"],
  ["flags", 20, [1, 0x80000000], "0"],
] as const) {
  test(`a wrong ${word} is IPC_CORRUPT, with its name, its value and the right one`, () => {
    for (const value of wrong) {
      const memory = { ...allocateRing(16_384), name: "ring:frames" };
      writeWord(memory, offset, value);
      for (const look of [() => validateHeader(memory, 4096 + 16_384), () => observeRing(memory, 4096 + 16_384)]) {
        assert.throws(look, (error: unknown) => {
          if (!(error instanceof IpcError)) return false;
          const { code, message } = error;
          return code === "IPC_CORRUPT" && [word, ` ${value}`, right, "ring:frames"].every((s) => message.includes(s));
        });
      }
      const waiter = { wake() {} };
      assert.is(
        codeOf(() => new RingProducer(memory, waiter)),
        "IPC_CORRUPT",
      );
      assert.is(
        codeOf(() => new RingConsumer(memory, waiter)),
        "IPC_CORRUPT",
      );
    }
  });
}

test("a segment that is too small for its header or its capacity is IPC_CORRUPT", () => {
  const memory = allocateRing(8192);
  for (const size of [0, 1, 4095, 4096, 8191, 8192, 4096 + 8191]) {
    assert.is(
      codeOf(() => validateHeader(memory, size)),
      "IPC_CORRUPT",
      `${size} bytes`,
    );
  }
});

test("sizes that no ring can have are a RangeError that says what would be right", () => {
  for (const capacity of [0, -1, 1.5, Number.NaN, 1, 2048, 4095, 5000, 12_288, 2 ** 29, 2 ** 31, 2 ** 32, Infinity]) {
    assert.throws(
      () => allocateRing(capacity),
      (error: unknown) => {
        return error instanceof RangeError && error.message.includes(`${capacity}`) && error.message.includes("4096");
      },
    );
  }
  checkRingSizes(2 ** 28);
  assert.is(
    codeOf(() => checkRingSizes(8192, 16_384)),
    "RangeError",
    "less than a page",
  );
  assert.is(
    codeOf(() => checkRingSizes(2 ** 20, 5000)),
    "RangeError",
  );
});

test("memory that does not fit the ring is refused", () => {
  const good = allocateRing(4096);
  const waiter = { wake() {} };
  for (const [wrong, code] of [
    [{ offset: 64 }, "RangeError"],
    [{ offset: -128 }, "RangeError"],
    [{ offset: 1 << 20 }, "RangeError"],
    [{ capacity: 8192 }, "IPC_CORRUPT"],
    [{ words: new Int32Array(new SharedArrayBuffer(16_384)) }, "RangeError"],
    [{ bytes: new Uint8Array(good.bytes.buffer, 0, 4096 + 4096) }, "RangeError"],
    [{ bytes: new Uint8Array(good.bytes.buffer, 4) }, "RangeError"],
  ] as const) {
    const memory = { ...good, ...wrong };
    assert.is(
      codeOf(() => new RingProducer(memory, waiter)),
      code,
      JSON.stringify(Object.keys(wrong)),
    );
    assert.is(
      codeOf(() => new RingConsumer(memory, waiter)),
      code,
      JSON.stringify(Object.keys(wrong)),
    );
  }
});

test("options out of range are refused", () => {
  for (const value of [-1, 1.5, 2049, Number.NaN]) {
    assert.is(
      codeOf(() => makeRing({ producer: { batchBytes: value } })),
      "RangeError",
    );
    assert.is(
      codeOf(() => makeRing({ consumer: { releaseBytes: value } })),
      "RangeError",
    );
  }
  for (const value of [-1, 1.5, Number.NaN]) {
    assert.is(
      codeOf(() => makeRing({ consumer: { maxMessageBytes: value } })),
      "RangeError",
    );
  }
});

test.run();
