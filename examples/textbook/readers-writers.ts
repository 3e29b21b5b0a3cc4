// Readers and writers: any number of processes may read at the same time, or one may write. The lock is a process-shared
// pthread_rwlock_t in shared memory, beside what it guards: numbers that are all the same whenever nobody writes.
//
// Run it: bun examples/textbook/readers-writers.ts
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { RwLock, Semaphore, SharedMemory } from "millrace";

const READERS = 3;
const WRITERS = 2;
const READS = 500; // of each reader
const WRITES = 200; // of each writer
const NUMBERS = 1000;

// where things are in the shared memory, in bytes
const LOCK_AT = 0;
const INSIDE_AT = Math.ceil(RwLock.bytes / 8) * 8;
const GO_AT = INSIDE_AT + Semaphore.bytes;
const NUMBERS_AT = GO_AT + Semaphore.bytes;
const MEMORY_BYTES = NUMBERS_AT + 4 * NUMBERS;

const [, , role, name = ""] = process.argv;
if (role === "reader") read();
else if (role === "writer") write();
else await startAll();

function numbersOf(memory: SharedMemory) {
  return new Int32Array(memory.bytes.buffer, memory.bytes.byteOffset + NUMBERS_AT, NUMBERS);
}

function read() {
  using memory = SharedMemory.open(name);
  const lock = RwLock.at(memory, LOCK_AT);
  const numbers = numbersOf(memory);
  {
    // all readers are in here at the same time: each says so, and stays until it is told to go on
    using inside = Semaphore.at(memory, INSIDE_AT);
    using go = Semaphore.at(memory, GO_AT);
    using _guard = lock.readSync();
    inside.post();
    go.waitSync();
  }
  let last = 0;
  for (let count = 0; count < READS; count++) {
    using _guard = lock.readSync();
    const [first = 0] = numbers;
    assert(numbers.every((number) => number === first) && first >= last, "a reader saw a half-done change");
    last = first;
  }
}

function write() {
  using memory = SharedMemory.open(name);
  const lock = RwLock.at(memory, LOCK_AT);
  const numbers = numbersOf(memory);
  for (let count = 0; count < WRITES; count++) {
    using _guard = lock.writeSync();
    for (const [index, number] of numbers.entries()) numbers[index] = number + 1;
  }
}

async function startAll() {
  const sharedName = `/readers-writers-${process.pid}`;
  using memory = SharedMemory.create(sharedName, MEMORY_BYTES);
  const lock = RwLock.create(memory, LOCK_AT);
  const inside = Semaphore.init(memory, INSIDE_AT, 0);
  const go = Semaphore.init(memory, GO_AT, 0);
  const start = (as: string) => once(fork(import.meta.filename, [as, sharedName]), "exit");

  const readers = Array.from({ length: READERS }, () => start("reader"));
  for (let count = 0; count < READERS; count++) await inside.wait({ timeout: 10_000 });
  assert.equal(lock.tryWrite(), undefined);
  console.log(`${READERS} readers have the lock at the same time, and no writer gets it`);

  const writers = Array.from({ length: WRITERS }, () => start("writer"));
  for (let count = 0; count < READERS; count++) go.post();
  for (const ending of [...readers, ...writers]) assert.deepEqual(await ending, [0, null]);
  assert(numbersOf(memory).every((number) => number === WRITERS * WRITES));
  console.log(`${WRITERS * WRITES} changes, none was lost; ${READERS * READS} reads, none saw half a change`);

  for (const semaphore of [inside, go]) semaphore.destroy();
  lock.destroy();
  memory.remove();
}

// Output:
// 3 readers have the lock at the same time, and no writer gets it
// 400 changes, none was lost; 1500 reads, none saw half a change
