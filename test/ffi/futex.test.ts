import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  CLOCK_MONOTONIC,
  clockGettime,
  close,
  futexWait,
  futexWaitBitset,
  futexWake,
  futexWakeBitset,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  mmap,
  O_CREAT,
  O_RDWR,
  open,
  PROT_READ,
  PROT_WRITE,
  pageSize,
  posixFallocate,
  recommendedLibrary,
  SYS_futex,
} from "../../src/ffi/mod.ts";
import { deadline } from "../support/deadline.ts";
import { leakCheck } from "../support/leak-check.ts";
import { startPeer } from "../support/peer-process.ts";
import { currentRuntime } from "../support/runtimes.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";

const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
const words = new Int32Array(memory.buffer);
const address = recommendedLibrary().address(words);
/** An address where the system maps nothing by itself. */
const NOTHING = 4096;

test("a word that holds another value does not block", () => {
  Atomics.store(words, 0, 7);
  assert.is(futexWait(address, 8), "changed");
  assert.is(futexWait(address, -8, 0), "changed");
  assert.is(futexWait(address, 7, 0), "timeout");
});

test("the value may be given signed or unsigned", () => {
  for (const value of [-1, -(2 ** 31), 2 ** 31 - 1, 0]) {
    Atomics.store(words, 0, value);
    assert.is(futexWait(address, value, 0), "timeout");
    assert.is(futexWait(address, value >>> 0, 0), "timeout");
  }
});

test("the whole time is waited for", () => {
  Atomics.store(words, 0, 0);
  for (const timeout of [0, 0.3, 15, 15.9, 1003.5]) {
    const started = performance.now();
    assert.is(futexWait(address, 0, timeout), "timeout");
    // the kernel's clock is not this one: they may disagree by a little
    assert.ok(performance.now() - started >= timeout - 0.1, `${timeout} ms`);
  }
});

test("a wait up to a moment ends then, also when it is over already", () => {
  Atomics.store(words, 0, 0);
  const end = clockGettime(CLOCK_MONOTONIC) + 30.5;
  assert.is(futexWaitBitset(address, 0, end), "timeout");
  assert.ok(clockGettime(CLOCK_MONOTONIC) >= end - 0.001);
  assert.is(futexWaitBitset(address, 0, end, 1), "timeout");
  assert.is(futexWaitBitset(address, 0, 0), "timeout");
  assert.is(futexWaitBitset(address, 1), "changed");
});

test("a wake that nobody waits for wakes nobody", () => {
  assert.is(futexWake(address, 1), 0);
  assert.is(futexWakeBitset(address, 1, 1), 0);
});

test(
  "threads are woken, as many as asked for",
  deadline(30_000, async () => {
    const built = import.meta.url.endsWith(".js");
    const file = new URL(built ? "./peers/futex-thread.js" : "./peers/futex-thread.ts", import.meta.url);
    words.fill(0);
    const results: string[] = [];
    const workers = [0, 1, 2].map((index) => new Worker(file, { workerData: { words, address, index } }));
    const ended = workers.map((worker) => new Promise<void>((resolve) => worker.once("exit", () => resolve())));
    for (const worker of workers) worker.on("message", (result) => results.push(result));
    for (const index of [0, 1, 2]) while (!isBlocked(words[1 + index] as number)) await setImmediate();
    assert.is(futexWake(address, 1), 1);
    assert.is(futexWake(address, 2), 2);
    await Promise.all(ended);
    assert.equal(results, ["woken", "woken", "woken"]);
  }),
);

test(
  "processes are woken, through memory that they share",
  deadline(30_000, async () => {
    const path = join(tmpdir(), `futex-${process.pid}`);
    const fd = open(path, O_RDWR | O_CREAT);
    posixFallocate(fd, 0, pageSize());
    mmap(address, pageSize(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
    close(fd);
    const peer = startPeer(currentRuntime(), "test/ffi/peers/futex-waiter.ts", [path]);
    while (Atomics.load(words, 0) === 0) await setImmediate();
    Atomics.store(words, 1, 42);
    while (futexWake(address + 4, 1) === 0 && Atomics.load(words, 0) === 1) await setImmediate();
    // blocks this thread until the peer wakes it
    while (Atomics.load(words, 0) === 1) futexWait(address, 1);
    assert.is(Atomics.load(words, 0), 2);
    const { lines } = await peer.exit();
    assert.match(lines[0] ?? "", /^(woken|changed) 42$/);
    mmap(address, pageSize(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    rmSync(path);
  }),
);

test(
  "only the waits that have a bit of the wake are woken",
  deadline(30_000, async () => {
    const built = import.meta.url.endsWith(".js");
    const file = new URL(built ? "./peers/futex-bitset-thread.js" : "./peers/futex-bitset-thread.ts", import.meta.url);
    words.fill(0);
    const worker = new Worker(file, { workerData: { words, address, bitset: 0x8000_0002 } });
    const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    let result = "";
    worker.on("message", (text) => {
      result = text;
    });
    while (!isBlocked(words[1] as number)) await setImmediate();
    assert.is(futexWakeBitset(address, 1, 0x7fff_fffd), 0);
    assert.is(futexWakeBitset(address, 1, 0x8000_0000), 1);
    await ended;
    assert.is(result, "woken");
  }),
);

test("calls throw what the system says", () => {
  throwsSystemError(() => futexWait(NOTHING, 0, 10), "EFAULT", "futex");
  throwsSystemError(() => futexWake(NOTHING, 1), "EFAULT", "futex");
  throwsSystemError(() => futexWait(address + 2, 0, 10), "EINVAL", "futex");
  throwsSystemError(() => futexWake(address + 2, 1), "EINVAL", "futex");
  throwsSystemError(() => futexWaitBitset(NOTHING, 0, 10), "EFAULT", "futex");
  throwsSystemError(() => futexWaitBitset(address, 0, 10, 0), "EINVAL", "futex");
  throwsSystemError(() => futexWakeBitset(address, 1, 0), "EINVAL", "futex");
});

test("memory that is not there is EFAULT to every call", () => {
  throwsSystemError(() => futexWakeBitset(NOTHING, 1, 1), "EFAULT", "futex");
});

test("misuse is refused before the call", () => {
  assert.throws(() => futexWait(-1, 0), /address is -1/);
  assert.throws(() => futexWait(address, 2 ** 32), /expected is 4294967296/);
  assert.throws(() => futexWait(address, 0.5), /expected is 0.5/);
  assert.throws(() => futexWait(address, 0, -1), /timeout is -1/);
  assert.throws(() => futexWait(address, 0, Number.NaN), /timeout is NaN/);
  assert.throws(() => futexWake(address, 0.5), /count is 0.5/);
  assert.throws(() => futexWaitBitset(address, 0, Number.NaN), /timeout is NaN/);
  assert.throws(() => futexWaitBitset(address, 0, 0, 0.5), /bitset is 0.5/);
  assert.throws(() => futexWakeBitset(address, 0, 2 ** 32), /bitset is 4294967296/);
});

/** Whether that thread waits on our word. */
function isBlocked(tid: number): boolean {
  if (tid === 0) return false;
  const [number, first] = readFileSync(`/proc/self/task/${tid}/syscall`, "utf8").split(" ");
  return number === `${SYS_futex}` && first === `0x${address.toString(16)}`;
}

leakCheck(test);
test.run();
