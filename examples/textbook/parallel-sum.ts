// Several processes sum one array in shared memory: each takes one part after the other and adds its sum to the total, under a mutex that
// all share. One process is killed with the mutex locked and the total half changed. The next one gets the mutex all the same, is told so,
// and makes the data right before it goes on.
//
// Run it: bun examples/textbook/parallel-sum.ts
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { Mutex, SharedMemory } from "millrace";

const WORKERS = 3;
const PARTS = 200;
const PART_LENGTH = 5000;
const LENGTH = PARTS * PART_LENGTH;

// where things are in the shared memory, in bytes
const MUTEX_AT = 0;
const TOTAL_AT = Math.ceil(Mutex.bytes / 8) * 8;
const NUMBERS_AT = TOTAL_AT + 8;
const PARTS_AT = NUMBERS_AT + 8 * LENGTH;
const MEMORY_BYTES = PARTS_AT + PARTS;

// what becomes of a part
const WAITING = 0;
const TAKEN = 1;
const ADDED = 2;

const [, , role, name = ""] = process.argv;
if (role === "worker") work();
else if (role === "victim") die();
else await lead();

/** What the processes share. */
function openTask(memory: SharedMemory) {
  const { buffer, byteOffset } = memory.bytes;
  return {
    mutex: Mutex.at(memory, MUTEX_AT),
    total: new Float64Array(buffer, byteOffset + TOTAL_AT, 1),
    numbers: new Float64Array(buffer, byteOffset + NUMBERS_AT, LENGTH),
    parts: new Uint8Array(buffer, byteOffset + PARTS_AT, PARTS),
  };
}

type Task = ReturnType<typeof openTask>;

function work() {
  using memory = SharedMemory.open(name);
  const task = openTask(memory);
  for (let part = takePart(task); part >= 0; part = takePart(task)) addPart(task, part);
}

/** @returns the number of the part, -1 when none is left */
function takePart(task: Task): number {
  using _guard = lock(task);
  const part = task.parts.indexOf(WAITING);
  if (part >= 0) task.parts[part] = TAKEN;
  return part;
}

function addPart(task: Task, part: number) {
  const sum = sumOfPart(task, part); // the work, which all do at the same time
  using _guard = lock(task);
  task.total[0] = (task.total[0] ?? 0) + sum;
  task.parts[part] = ADDED;
}

/** Locks the mutex. After the death of one who had it locked, the total is told from the parts that were added. */
function lock(task: Task) {
  const guard = task.mutex.lockSync();
  if (guard.ownerDied) {
    let total = 0;
    for (const [part, state] of task.parts.entries()) if (state === ADDED) total += sumOfPart(task, part);
    task.total[0] = total;
    guard.repaired();
    console.log("the owner of the mutex had died: the total is right again");
  }
  return guard;
}

function sumOfPart({ numbers }: Task, part: number): number {
  let sum = 0;
  for (const number of numbers.subarray(part * PART_LENGTH, (part + 1) * PART_LENGTH)) sum += number;
  return sum;
}

/** Adds one part as it should be, and is killed in the middle of a change. */
function die() {
  using memory = SharedMemory.open(name);
  const task = openTask(memory);
  addPart(task, takePart(task));
  task.mutex.lockSync();
  task.total[0] = Number.NaN;
  process.kill(process.pid, "SIGKILL");
}

async function lead() {
  const sharedName = `/parallel-sum-${process.pid}`;
  using memory = SharedMemory.create(sharedName, MEMORY_BYTES);
  Mutex.create(memory, MUTEX_AT);
  const task = openTask(memory);
  for (let index = 0; index < LENGTH; index++) task.numbers[index] = index;

  const start = (as: string) => once(fork(import.meta.filename, [as, sharedName]), "exit");
  assert.deepEqual(await start("victim"), [null, "SIGKILL"]);
  const workers = Array.from({ length: WORKERS }, () => start("worker"));
  for (const ending of workers) assert.deepEqual(await ending, [0, null]);

  assert(task.parts.every((state) => state === ADDED));
  assert.equal(task.total[0], (LENGTH * (LENGTH - 1)) / 2);
  console.log(`the sum of ${LENGTH} numbers, in ${PARTS} parts by ${WORKERS} processes: ${task.total[0]}`);
  task.mutex.destroy();
  memory.remove();
}

// Output:
// the owner of the mutex had died: the total is right again
// the sum of 1000000 numbers, in 200 parts by 3 processes: 499999500000
