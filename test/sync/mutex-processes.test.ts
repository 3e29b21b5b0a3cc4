// timeout: 240s - a hundred processes count to a million, on a machine that may be loaded
// serial
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Mutex } from "../../src/sync/mutex.ts";
import { deadline } from "../support/deadline.ts";
import { leakCheck } from "../support/leak-check.ts";
import { nativePeer } from "../support/native-peer.ts";
import { startPeer } from "../support/peer-process.ts";
import { currentRuntime } from "../support/runtimes.ts";
import { COUNTER, LockMemory, MUTEX, REPAIRS, SLOTS } from "./lock-memory.ts";
import { startThreads } from "./start-threads.ts";

const LIMIT = 200_000;
/** How many owners have to die with the mutex locked, in the test that kills. */
const DEATHS = 5;
const native = nativePeer("lock-peer");
const script = (name: string, count: number, slot: number, how: string) =>
  startPeer(currentRuntime(), "test/sync/lock-peer.ts", ["count", name, `${count}`, `${slot}`, how]);

test(
  "100 processes, in C and scripts, add 10,000 each: none is lost",
  deadline(LIMIT, async () => {
    using memory = new LockMemory();
    Mutex.create(memory.region, MUTEX);
    const programs = Array.from({ length: 92 }, (_, slot) => native("count", memory.name, 10_000, slot));
    for (let slot = 92; slot < 100; slot += 2) {
      const pair = [script(memory.name, 10_000, slot, "mixed"), script(memory.name, 10_000, slot + 1, "sync")];
      for (const one of pair) assert.is((await one.exit()).status, 0);
    }
    for (const program of programs) await program.end();
    assert.is(memory.get(COUNTER), 1_000_000);
    for (let slot = 0; slot < 100; slot++) assert.is(memory.get(SLOTS + 4 * slot), 10_000);
  }),
);

test(
  "one process is killed every 10 ms: nobody hangs, and the count is what was completed",
  deadline(LIMIT, async () => {
    const seed = Date.now() % 1_000_000;
    console.log(`seed ${seed}`);
    const random = generator(seed);
    using memory = new LockMemory();
    const mutex = Mutex.create(memory.region, MUTEX);
    const FOREVER = 2_000_000_000;
    // the victims count until they are killed
    const victims = [
      ...Array.from({ length: 20 }, (_, slot) => native("count", memory.name, FOREVER, slot)),
      ...["async", "mixed", "sync", "async"].map((how, index) => script(memory.name, FOREVER, 20 + index, how)),
    ];
    const survivors = Array.from({ length: 6 }, (_, index) => native("count", memory.name, 20_000, 30 + index));
    const scripts = ["async", "sync"].map((how, index) => script(memory.name, 300, 40 + index, how));
    for (let slot = 20; slot < 24; slot++) while (memory.get(SLOTS + 4 * slot) === 0) await sleep(1);
    // a C program comes in the place of each one until enough were killed with the mutex locked
    for (let more = 0; victims.length > 0; ) {
      const [victim] = victims.splice(Math.floor(random() * victims.length), 1);
      await victim?.kill();
      if (memory.get(REPAIRS) < DEATHS) victims.push(native("count", memory.name, FOREVER, 50 + (more++ % 200)));
      await sleep(10);
    }
    for (const survivor of survivors) await survivor.end();
    for (const survivor of scripts) assert.is((await survivor.exit()).status, 0);
    const guard = await mutex.lock();
    if (guard.ownerDied) {
      memory.repair();
      guard.repaired();
    }
    for (let slot = 30; slot < 36; slot++) assert.is(memory.get(SLOTS + 4 * slot), 20_000);
    for (let slot = 40; slot < 42; slot++) assert.is(memory.get(SLOTS + 4 * slot), 300);
    assert.is(memory.get(COUNTER), memory.sum);
    assert.ok(memory.get(REPAIRS) >= DEATHS, `${memory.get(REPAIRS)} deaths of owners`);
    guard.unlock();
  }),
);

/** mulberry32: numbers from 0 to 1 that look random. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

leakCheck(test, startThreads);
test.run();
