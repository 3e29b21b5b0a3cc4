// The sentences of src/ffi/library.ts, by their numbers
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { IpcError } from "../../src/errors.ts";
import { MAP_ANONYMOUS, MAP_PRIVATE, SYS_gettid } from "../../src/ffi/abi/current.ts";
import { EBADF, EINVAL, ENOENT } from "../../src/ffi/abi/errno.ts";
import { cString } from "../../src/ffi/c-string.ts";
import { type NativeType, recommendedLibrary } from "../../src/ffi/mod.ts";
import { collectGarbage } from "../support/collect-garbage.ts";
import { leakCheck } from "../support/leak-check.ts";
import { currentRuntime } from "../support/runtimes.ts";

const library = recommendedLibrary();

const BACKENDS = { bun: "bun:ffi", node20: "koffi", node26: "koffi", "node26-ffi": "node:ffi", deno: "deno" } as const;

const c = library.bind({
  labs: { parameters: ["i64"], result: "i64" },
  abs: { parameters: ["i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
  memmove: { parameters: ["buffer", "buffer", "usize"], result: "pointer" },
  mempcpy: { parameters: ["pointer", "buffer", "usize"], result: "pointer" },
  strnlen: { parameters: ["pointer", "usize"], result: "usize" },
  mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
  munmap: { parameters: ["pointer", "usize"], result: "i32" },
});

function bind(name: string, parameters: NativeType[], result: NativeType) {
  const { [name]: bound } = library.bind({ [name]: { parameters, result } });
  return bound as (...values: unknown[]) => unknown;
}

test("the backend is the one for this runtime, the same at every call", () => {
  assert.is(library.name, BACKENDS[currentRuntime()]);
  assert.is(recommendedLibrary(), library);
});

test("1. bind gives a function per name, which calls C on this thread at once", () => {
  const bound = library.bind({
    getpid: { parameters: [], result: "i32" },
    syscall: { parameters: ["i64"], result: "i32" },
  });
  assert.equal(Object.keys(bound).sort(), ["getpid", "syscall"]);
  assert.is(bound.getpid(), process.pid);
  assert.is(bound.syscall(SYS_gettid), process.pid, "the thread is the main one");
});

test("1. binding the same name with another signature leaves the first as it was", () => {
  const wide = bind("labs", ["i64"], "i64");
  const narrow = bind("labs", ["i32"], "i32");
  assert.is(wide(-(2 ** 40)), 2 ** 40);
  assert.is(narrow(-5), 5);
  assert.is(wide(-(2 ** 40)), 2 ** 40);
});

test("2. 32-bit integers are numbers", () => {
  assert.is(c.abs(-7), 7);
  assert.is(bind("toupper", ["i32"], "i32")(97), 65);
  const swap = bind("htonl", ["u32"], "u32");
  assert.is(swap(0x01020304), 0x04030201);
  assert.is(swap(0xfffffffe), 0xfeffffff);
  assert.is(bind("abs", ["i32"], "i32")(-2147483647), 2147483647);
  assert.is(bind("atoi", ["buffer"], "i32")(cString("-2147483648")), -2147483648);
});

test("2. 64-bit integers are numbers, from one end of the safe range to the other", () => {
  const parse = bind("atoll", ["buffer"], "i64");
  const parseWord = bind("atoll", ["buffer"], "isize");
  for (const value of [
    0,
    1,
    -1,
    2 ** 31,
    -(2 ** 31) - 1,
    2 ** 32,
    2 ** 52 + 1,
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
  ]) {
    assert.is(parse(cString(`${value}`)), value);
    assert.is(parseWord(cString(`${value}`)), value);
    assert.is(c.labs(value), Math.abs(value));
    assert.is(c.labs(-value), Math.abs(value));
  }
  for (const type of ["i64", "u64", "usize", "isize", "pointer"] as const) {
    for (const value of [0, 2 ** 31, 2 ** 32 + 1, 2 ** 47 - 1])
      assert.is(bind("labs", [type], "i64")(value), value, type);
  }
  const unsigned = bind("strtoull", ["buffer", "pointer", "i32"], "u64");
  const size = bind("strtoul", ["buffer", "pointer", "i32"], "usize");
  for (const value of [0, 2 ** 31, 2 ** 32 - 1, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
    assert.is(unsigned(cString(`${value}`), 0, 10), value);
    assert.is(size(cString(`${value}`), 0, 10), value);
  }
});

test("2. every argument reaches its place, whatever the types beside it", () => {
  const print = bind("snprintf", ["buffer", "usize", "buffer", "i32", "i64", "u32", "u64", "isize", "pointer"], "i32");
  const text = new Uint8Array(200);
  for (const step of [0, 1, 0]) {
    const length = print(
      text,
      200,
      cString("%d %lld %u %llu %zd %p"),
      -1,
      -(2 ** 50) - step,
      2 ** 32 - 1,
      2 ** 53 - 1,
      -5,
      2 ** 47 - 1,
    );
    assert.is(
      decode(text.subarray(0, length as number)),
      `-1 ${-(2 ** 50) - step} 4294967295 9007199254740991 -5 0x7fffffffffff`,
    );
  }
  // each count of parameters, with the wide one at each place
  const widths = ["i32", "i64"] as const;
  for (let count = 1; count <= 6; count++) {
    for (let wideAt = 0; wideAt < count; wideAt++) {
      const types = Array.from({ length: count }, (_, index) => widths[index === wideAt ? 1 : 0] as NativeType);
      const format = types.map((type) => (type === "i64" ? "%lld" : "%d")).join(" ");
      const values = types.map((type, index) => (type === "i64" ? 2 ** 33 + index : -1 - index));
      const written = bind("snprintf", ["buffer", "usize", "buffer", ...types], "i32")(
        text,
        200,
        cString(format),
        ...values,
      );
      assert.is(decode(text.subarray(0, written as number)), values.join(" "));
    }
  }
});

test("2. a function without a result", () => {
  const bytes = new Uint8Array([1, 2, 3, 4]);
  assert.is(bind("bzero", ["buffer", "usize"], "void")(bytes, 3), undefined);
  assert.equal(bytes, new Uint8Array([0, 0, 0, 4]));
});

const VIEWS = [
  Uint8Array,
  Int8Array,
  Uint8ClampedArray,
  Uint16Array,
  Int32Array,
  BigInt64Array,
  Float64Array,
  DataView,
] as (new (
  buffer: ArrayBufferLike,
  offset: number,
  length: number,
) => ArrayBufferView)[];

test("3. C reads and writes a view of any kind of buffer, from where the view begins", () => {
  const wasm = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const grows = new WebAssembly.Memory({ initial: 1 });
  const buffers = [new ArrayBuffer(64), new ArrayBuffer(100_000), new SharedArrayBuffer(64), wasm.buffer, grows.buffer];
  const source = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);
  for (const buffer of buffers) {
    for (const View of VIEWS) {
      const bytes = new Uint8Array(buffer, 0, 64).fill(0);
      c.memmove(new View(buffer, 16, 1), source, 8);
      assert.equal([...bytes.subarray(16, 24)], [...source]);
      assert.is(bytes[15], 0);
      assert.is(bytes[24], 0);
      const back = new Uint8Array(8);
      c.memmove(back, new View(buffer, 16, 1), 8);
      assert.equal(back, source);
    }
  }
  const small = new Uint16Array([0x0102, 0x0304]);
  c.memmove(small, source, 2);
  assert.is(small[0], 0x0201);
  const pooled = Buffer.from("abc");
  c.memmove(pooled, Buffer.from("xyz"), 3);
  assert.is(pooled.toString(), "xyz");
});

test("3. an empty view of any kind is taken", () => {
  const buffer = new ArrayBuffer(8);
  const empty = [
    new Uint8Array(0),
    new Uint8Array(new ArrayBuffer(0)),
    new Uint8Array(buffer, 8, 0),
    new Uint8Array(buffer).subarray(3, 3),
    new DataView(buffer, 8, 0),
    new Uint8Array(new SharedArrayBuffer(0)),
    Buffer.alloc(0),
  ];
  for (const view of empty) {
    c.memmove(view, view, 0);
    c.memmove(view, new Uint8Array(4), 0);
    c.memmove(new Uint8Array(4), view, 0);
  }
});

test("4. a pointer is a number, as argument and as result", () => {
  const view = new Uint8Array(new ArrayBuffer(4096));
  view.set(cString("water"));
  const address = library.address(view);
  assert.is(c.memmove(view, view, 0), address);
  assert.is(c.strnlen(address, 100), 5);
  assert.is(c.strnlen(address + 2, 100), 3);
  assert.is(c.mempcpy(address + 1, new Uint8Array([0]), 1), address + 2);
  assert.is(c.strnlen(address, 100), 1);
});

test("4. NULL is 0 in both directions", () => {
  const find = bind("strchr", ["buffer", "i32"], "pointer");
  assert.is(find(cString("abc"), "x".charCodeAt(0)), 0);
  assert.is(bind("strtol", ["buffer", "pointer", "i32"], "i64")(cString("12"), 0, 10), 12);
});

test("4. a result with all bits set is -1", () => {
  assert.is(c.mmap(0, 0, 0, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), -1);
  assert.is(library.errno(), EINVAL);
});

test("5. errno is that of the call just made, in hot code too", () => {
  const path = cString("/nonexistent/file");
  for (let round = 0; round < 50_000; round++) {
    if (c.close(-1) !== -1) assert.unreachable();
    const bad = library.errno();
    if (c.open(path, 0) !== -1) assert.unreachable();
    const missing = library.errno();
    if (c.munmap(0, 0) !== -1) assert.unreachable();
    const invalid = library.errno();
    if (bad !== EBADF || missing !== ENOENT || invalid !== EINVAL) assert.equal([round, bad, missing, invalid], []);
  }
});

test("5. errno belongs to the thread", async () => {
  const built = import.meta.url.endsWith(".js");
  const worker = new Worker(new URL(built ? "./peers/fails-on.js" : "./peers/fails-on.ts", import.meta.url));
  const words = new Int32Array(new SharedArrayBuffer(8));
  const wrong = new Promise<number>((resolve, reject) => {
    worker.on("message", resolve);
    worker.on("error", reject);
  });
  const ended = new Promise((resolve) => worker.on("exit", resolve));
  worker.postMessage(words);
  Atomics.wait(words, 0, 0, 20_000);
  assert.is(Atomics.load(words, 0), 1, "the worker runs");
  const path = cString("/nonexistent/file");
  for (let round = 0; round < 20_000; round++) {
    if (c.open(path, 0) !== -1) assert.unreachable();
    if (library.errno() !== ENOENT) assert.is(library.errno(), ENOENT);
  }
  Atomics.store(words, 1, 1);
  assert.is(await wrong, 0, "wrong errnos in the worker");
  await ended;
});

test("6. address is that of the view's first byte, in any kind of buffer", () => {
  const wasm = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  for (const buffer of [new ArrayBuffer(4096), new SharedArrayBuffer(4096), wasm.buffer]) {
    const whole = new Uint8Array(buffer);
    const start = library.address(whole);
    assert.type(start, "number");
    assert.is(c.memmove(whole, whole, 0), start);
    assert.is(library.address(whole.subarray(7)), start + 7);
    assert.is(library.address(new DataView(buffer, 16)), start + 16);
    assert.is(library.address(new Float64Array(buffer, 8, 1)), start + 8);
  }
});

test("6. address stays right while other memory comes and goes", async () => {
  const buffers = Array.from({ length: 20 }, (_, index) => new ArrayBuffer(8 << (index % 14)));
  const wasm = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const views = [...buffers, wasm.buffer].map((buffer) => new Uint8Array(buffer));
  const addresses = views.map((view) => library.address(view));
  await collectGarbage();
  let kept: unknown[] = [];
  for (let round = 0; round < 200; round++) kept = [...kept.slice(-50), new Uint8Array(10_000), { round }];
  await collectGarbage();
  for (const [index, view] of views.entries()) {
    c.mempcpy(addresses[index], new Uint8Array([index, 200 - index]), 2);
    assert.equal([view[0], view[1]], [index, 200 - index]);
    assert.is(library.address(view), addresses[index]);
  }
});

test("7. an empty view has no address", () => {
  for (const view of [
    new Uint8Array(0),
    new DataView(new ArrayBuffer(8), 8, 0),
    new Uint8Array(new SharedArrayBuffer(0)),
  ]) {
    assert.throws(
      () => library.address(view),
      (error: unknown) => error instanceof RangeError,
    );
  }
});

test("8. a function that the C library lacks is IPC_UNSUPPORTED, and the ones beside it can be bound", () => {
  const definitions = {
    abs: { parameters: ["i32"], result: "i32" },
    no_such_function: { parameters: [], result: "i32" },
  } as const;
  assert.throws(
    () => library.bind(definitions),
    (error: unknown) =>
      error instanceof IpcError && error.code === "IPC_UNSUPPORTED" && error.message.includes('"no_such_function"'),
  );
  assert.is(library.bind({ abs: definitions.abs }).abs(-3), 3);
});

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

leakCheck(test);
test.run();
