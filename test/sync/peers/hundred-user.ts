/**
 * One of a hundred processes, which count in shared memory at the same time: `hundred-user.ts MEMORY SEMAPHORE ARRAY TIMES`. They count
 * without any guard first, and then under each of the three, and before each count they wait for one another.
 */
import { Mutex } from "../../../src/sync/mutex.ts";
import { Semaphore } from "../../../src/sync/semaphore.ts";
import { SysvSemaphoreArray } from "../../../src/sync/sysv-semaphore-array.ts";
import { COUNTS } from "../hundred-counts.ts";
import { LockMemory, MUTEX } from "../lock-memory.ts";

const [memoryName = "", semaphoreName = "", arrayId = "", times = ""] = process.argv.slice(2);
const memory = new LockMemory(memoryName);
const mutex = Mutex.at(memory.region, MUTEX);
const semaphore = Semaphore.open(semaphoreName);
const array = SysvSemaphoreArray.fromId(Number(arrayId));

count("none", () => undefined);
count("mutex", () => {
  const guard = mutex.lockSync();
  return () => guard.unlock();
});
count("semaphore", () => {
  semaphore.waitSync();
  return () => semaphore.post();
});
count("array", () => {
  array.operateSync([{ num: 0, op: -1, undo: true }]);
  return () => array.post(0, { undo: true });
});
semaphore.close();

/** @param take takes the guard, and returns what gives it back */
function count(guard: keyof typeof COUNTS, take: () => (() => void) | undefined): void {
  const { at, start } = COUNTS[guard];
  array.operateSync([{ num: start, op: -1 }]);
  array.operateSync([{ num: start, op: 0 }]);
  for (let left = Number(times); left > 0; left--) {
    const give = take();
    const before = memory.get(at);
    // long enough for another process to come between
    for (let pause = 0; pause < 20; pause++) memory.get(at);
    memory.set(at, before + 1);
    give?.();
  }
}
