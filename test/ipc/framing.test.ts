import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { IpcError } from "../../src/errors.ts";
import { FRAME_FORMATS, type FrameFormat, type FrameReader } from "../../src/ipc/framing/frame-format.ts";
import { HEAD_BYTES } from "../../src/ipc/framing/read-buffer.ts";
import type { Framing } from "../../src/ipc/options.ts";

const test = suite("framing");
const { length, lines, raw } = FRAME_FORMATS;
const MEBIBYTE = 1024 * 1024;

/** A message as `size` and `seed`, so that a failing example is short. */
const message = fc
  .tuple(fc.oneof(fc.nat(40), fc.nat(5_000), fc.nat(200_000)), fc.nat(255))
  .map(([size, seed]) => pattern(size, seed));
/** How much a read brings, at most. */
const readSizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 10, max: 100_000 })), {
  minLength: 1,
  maxLength: 20,
});

for (const name of ["length", "lines"] as const) {
  test(`${name}: what was framed comes out the same, however the reads cut it`, () => {
    const format = FRAME_FORMATS[name];
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 12 }),
        readSizes,
        fc.integer({ min: 8, max: 70_000 }),
        (sent, sizes, buffer) => {
          if (name === "lines") for (const bytes of sent) replaceNewlines(bytes);
          const received = readAll(format.reader("test:", MEBIBYTE, buffer), frameAll(format, sent), sizes);
          assert.is(received.length, sent.length);
          for (const [index, bytes] of received.entries()) same(bytes, sent[index] as Uint8Array);
        },
      ),
      { numRuns: 60 },
    );
  });
}

test("raw: the same bytes come out, each read as a chunk of its own", () => {
  const bytes = pattern(300, 1);
  const chunks = readAll(raw.reader("test:", MEBIBYTE), bytes, [100, 1, 50]);
  assert.equal(
    chunks.map((chunk) => chunk.length),
    [100, 1, 50, 100, 1, 48],
  );
  same(Buffer.concat(chunks), bytes);
  assert.is(raw.reader("test:", 10).room().length, 10, "a chunk is not longer than maxMessageBytes");
});

test("length: a frame is a little-endian length and the payload", () => {
  same(frame(length, Uint8Array.of(7, 8, 9)), Uint8Array.of(3, 0, 0, 0, 7, 8, 9));
  same(frame(length, pattern(0x01_02_03, 0)).subarray(0, 4), Uint8Array.of(3, 2, 1, 0));
  same(length.endFrame as Uint8Array, Uint8Array.of(255, 255, 255, 255));
});

test("length: a message is memory of its own", () => {
  const reader = length.reader("test:", MEBIBYTE);
  const [first] = readAll(reader, frameAll(length, [pattern(10, 1)]), [1000]);
  assert.is(first?.buffer.byteLength, 10);
  reader.room().fill(0);
  same(first as Uint8Array, pattern(10, 1));
});

test("length: a long message is read into its own memory, the header of the next by itself", () => {
  const reader = length.reader("test:", MEBIBYTE);
  const sent = [pattern(300_000, 1), pattern(300_000, 2)];
  const stream = frameAll(length, sent);
  assert.is(reader.next(), undefined);
  assert.is(reader.room().length, 64 * 1024);
  let at = put(reader, stream, 0, 64 * 1024);
  assert.is(reader.next(), undefined);
  assert.is(reader.room().length, 300_000 + 4 - 64 * 1024, "the rest of the message, and not more");
  at += put(reader, stream, at, Number.POSITIVE_INFINITY);
  const first = reader.next() as Uint8Array;
  same(first, sent[0] as Uint8Array);
  assert.is(first.buffer.byteLength, 300_000, "no spare memory");
  assert.is(reader.next(), undefined);
  assert.is(reader.room().length, 4);
  at += put(reader, stream, at, Number.POSITIVE_INFINITY);
  assert.is(reader.next(), undefined);
  assert.is(reader.room().length, 300_000, "not a byte of it goes through the buffer");
  put(reader, stream, at, Number.POSITIVE_INFINITY);
  same(reader.next() as Uint8Array, sent[1] as Uint8Array);
  put(reader, frame(length, pattern(5, 1)), 0, 4);
  assert.is(reader.next(), undefined);
  put(reader, pattern(5, 1), 0, 5);
  same(reader.next() as Uint8Array, pattern(5, 1));
  assert.is(reader.next(), undefined);
  assert.is(reader.room().length, 64 * 1024, "after a short message reads are large again");
});

test("length, lines: a message of about what the buffer carries over, of which a byte is missing", () => {
  for (const format of [length, lines]) {
    for (let size = HEAD_BYTES - 6; size <= HEAD_BYTES + 2; size++) {
      const sent = [pattern(size, 1), pattern(30, 2)];
      for (const bytes of sent) replaceNewlines(bytes);
      const whole = frameAll(format, sent);
      for (let missing = 1; missing <= 6; missing++) {
        const first = format.headerBytes + size + format.trailerBytes - missing;
        const received = readAll(format.reader("test:", MEBIBYTE), whole, [first, 1000]);
        assert.is(received.length, 2);
        for (const [index, bytes] of received.entries()) same(bytes, sent[index] as Uint8Array);
      }
    }
  }
});

test("length: an end frame and then the end of the file is the end; frames may follow it from other senders", () => {
  const reader = length.reader("test:", MEBIBYTE);
  const end = length.endFrame as Uint8Array;
  assert.equal(readAll(reader, end, [4]), []);
  assert.is(reader.finish(), null);
  assert.is(reader.finish(), null, "and stays it");

  const two = length.reader("test:", MEBIBYTE);
  const stream = Buffer.concat([frame(length, pattern(5, 1)), end, frame(length, pattern(6, 2)), end]);
  assert.is(readAll(two, stream, [3]).length, 2);
  assert.is(two.finish(), null);
});

test("length: the end of the file without an end frame is IPC_PEER_GONE, once", () => {
  const whole = frame(length, pattern(20_000, 1));
  const end = length.endFrame as Uint8Array;
  for (const stream of [
    new Uint8Array(0),
    whole,
    Buffer.concat([whole, end.subarray(0, 2)]),
    Buffer.concat([end, whole]),
    Buffer.concat([whole, Uint8Array.of(5, 0)]),
    Buffer.concat([end, Uint8Array.of(5, 0)]),
    Buffer.concat([whole, whole.subarray(0, 5)]),
    Buffer.concat([whole, whole.subarray(0, 19_000)]),
    Buffer.concat([end, whole.subarray(0, 19_000)]),
  ]) {
    const reader = length.reader("test:somewhere", MEBIBYTE);
    for (const bytes of readAll(reader, stream, [1000])) same(bytes, pattern(20_000, 1));
    const error = failure(() => reader.finish());
    assert.is(error.code, "IPC_PEER_GONE");
    assert.match(error.message, "test:somewhere");
    assert.is(reader.finish(), null);
  }
});

test("length: a message past the limit is IPC_TOO_LARGE and is skipped, whatever the reads bring", () => {
  for (const sizes of [[1_000_000], [7], [4], [50_000], [104]]) {
    const reader = length.reader("test:somewhere", 100);
    const received: Uint8Array[] = [];
    const errors: IpcError[] = [];
    const sent = [pattern(100, 1), pattern(101, 2), pattern(50_000, 3), pattern(0, 4), pattern(99, 5)];
    for (const result of results(reader, frameAll(length, sent), sizes)) {
      if (result instanceof IpcError) errors.push(result);
      else received.push(result);
    }
    assert.equal(
      errors.map(({ code }) => code),
      ["IPC_TOO_LARGE", "IPC_TOO_LARGE"],
    );
    assert.match((errors[0] as IpcError).message, /test:somewhere has 101 bytes.*maxMessageBytes is 100/);
    assert.equal(
      received.map((bytes) => bytes.length),
      [100, 0, 99],
    );
    same(received[2] as Uint8Array, pattern(99, 5));
  }
});

test("length: the end of the file inside of a refused message is IPC_PEER_GONE", () => {
  const reader = length.reader("test:", 100);
  const stream = frame(length, pattern(500, 1)).subarray(0, 300);
  assert.equal(
    results(reader, stream, [1000]).map((result) => (result as IpcError).code),
    ["IPC_TOO_LARGE"],
  );
  assert.match(failure(() => reader.finish()).message, "in the middle of a message");
});

test("length: a length that no sender writes is IPC_CORRUPT", () => {
  for (const last of [0x80, 0xfe]) {
    const reader = length.reader("test:somewhere", MEBIBYTE);
    const stream = Buffer.concat([frame(length, pattern(3, 1)), Uint8Array.of(1, 2, 3, last), pattern(100, 1)]);
    const [first, error] = results(reader, stream, [1000]);
    same(first as Uint8Array, pattern(3, 1));
    assert.is((error as IpcError).code, "IPC_CORRUPT");
    assert.match((error as IpcError).message, /test:somewhere.*framing "length"/);
  }
  const text = length.reader("test:", MEBIBYTE);
  const [error] = results(text, new TextEncoder().encode("GET / HTTP/1.1\r\n"), [1000]);
  assert.is((error as IpcError).code, "IPC_TOO_LARGE", "text looks like a long message");
});

test("length: a length alone makes nobody allocate that much", () => {
  const reader = length.reader("test:", 1024 * MEBIBYTE);
  const header = new Uint8Array(4);
  length.header(header, 0, 1000 * MEBIBYTE);
  assert.equal(readAll(reader, header, [4]), []);
  assert.ok(reader.room().buffer.byteLength <= 16 * MEBIBYTE);
});

test("length: a very long message comes out the same and as exactly its bytes", () => {
  const sent = pattern(20 * MEBIBYTE, 3);
  const [received] = readAll(length.reader("test:", 64 * MEBIBYTE), frameAll(length, [sent]), [5 * MEBIBYTE]);
  same(received as Uint8Array, sent);
  assert.is(received?.buffer.byteLength, sent.length);
});

test("lines: a message is a line without its newline, and the end of the file ends the last one", () => {
  for (const [stream, expected] of [
    ["", []],
    ["\n", [""]],
    ["one", ["one"]],
    ["one\n", ["one"]],
    ["one\r\n\ntwo\nthree", ["one\r", "", "two", "three"]],
    [`${"x".repeat(100_000)}\n${"y".repeat(70_000)}`, ["x".repeat(100_000), "y".repeat(70_000)]],
  ] as const) {
    for (const sizes of [[1], [3], [1000], [100_000]]) {
      const reader = lines.reader("test:", MEBIBYTE);
      const received = readAll(reader, new TextEncoder().encode(stream), sizes);
      for (let last = reader.finish(); last !== null; last = reader.finish()) received.push(last);
      assert.equal(
        received.map((bytes) => new TextDecoder().decode(bytes)),
        expected,
      );
    }
  }
});

test("lines: what an earlier read left in the buffer is not looked at again", () => {
  const reader = lines.reader("test:", MEBIBYTE);
  assert.is(readAll(reader, new TextEncoder().encode("a\nb\nc\nd\ne\n"), [1000]).length, 5);
  assert.is(readAll(reader, new TextEncoder().encode("xyz"), [1000]).length, 0);
  assert.is(new TextDecoder().decode(reader.finish() as Uint8Array), "xyz");
});

test("lines: a line past the limit is IPC_TOO_LARGE once and is skipped", () => {
  const stream = new TextEncoder().encode(
    `${"a".repeat(10)}\n${"b".repeat(11)}\n${"c".repeat(90_000)}\n\n${"d".repeat(9)}\n${"e".repeat(50)}`,
  );
  for (const sizes of [[1], [7], [20], [1000], [200_000]]) {
    const reader = lines.reader("test:somewhere", 10);
    const seen = results(reader, stream, sizes).map((result) =>
      result instanceof IpcError ? result.code : new TextDecoder().decode(result),
    );
    assert.equal(seen, ["aaaaaaaaaa", "IPC_TOO_LARGE", "IPC_TOO_LARGE", "", "ddddddddd", "IPC_TOO_LARGE"]);
    assert.is(reader.finish(), null, "of a refused last line nothing is left");
  }
});

test("lines: a message with a newline in it is a TypeError", () => {
  assert.throws(() => lines.check(new TextEncoder().encode("ab\nc")), /newline at byte 2.*framing "length"/s);
  lines.check(new TextEncoder().encode("abc\r"));
  for (const name of ["length", "raw"] as Framing[]) FRAME_FORMATS[name].check(Uint8Array.of(10));
});

test.run();

function frame(format: FrameFormat, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(format.headerBytes + payload.length + format.trailerBytes);
  format.header(bytes, 0, payload.length);
  bytes.set(payload, format.headerBytes);
  format.trailer(bytes, format.headerBytes + payload.length);
  return bytes;
}

function frameAll(format: FrameFormat, payloads: Uint8Array[]): Uint8Array {
  return Buffer.concat(payloads.map((payload) => frame(format, payload)));
}

/** Gives the reader up to `most` bytes of `stream` from `offset`, as a read would; returns how many. */
function put(reader: FrameReader, stream: Uint8Array, offset: number, most: number): number {
  const room = reader.room();
  const piece = stream.subarray(offset, offset + Math.min(most, room.length));
  room.set(piece);
  reader.filled(piece.length);
  return piece.length;
}

/** All messages and errors that come out when reads bring `sizes` bytes, in turn. */
function results(reader: FrameReader, stream: Uint8Array, sizes: readonly number[]): (Uint8Array | IpcError)[] {
  const found: (Uint8Array | IpcError)[] = [];
  for (let offset = 0, turn = 0; ; turn++) {
    try {
      for (let bytes = reader.next(); bytes !== undefined; bytes = reader.next()) found.push(bytes);
    } catch (error) {
      if (!(error instanceof IpcError)) throw error;
      found.push(error);
      if (error.code === "IPC_CORRUPT") return found;
      continue;
    }
    if (offset === stream.length) return found;
    offset += put(reader, stream, offset, sizes[turn % sizes.length] as number);
  }
}

function readAll(reader: FrameReader, stream: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  return results(reader, stream, sizes).map((result) => {
    if (result instanceof IpcError) throw result;
    return result;
  });
}

function failure(call: () => unknown): IpcError {
  try {
    call();
  } catch (error) {
    return error as IpcError;
  }
  throw new Error("Nothing was thrown");
}

/** Bytes that tell where they belong. */
function pattern(size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = seed + i + (i >>> 8) * 31;
  return bytes;
}

function replaceNewlines(bytes: Uint8Array): void {
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) bytes[at] = 11;
}

/** Compares without the cost of a diff. */
function same(actual: Uint8Array, expected: Uint8Array): void {
  assert.ok(
    Buffer.compare(actual, expected) === 0,
    `${actual.length} bytes are not the ${expected.length} expected ones`,
  );
}
