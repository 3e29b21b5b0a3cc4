/**
 * A process with the locks of `lock-memory.ts`:
 *
 *     hold NAME              locks the mutex, says "locked", and waits to be killed
 *     wait-lock NAME         says "waiting" and waits asynchronously for the mutex, to be killed
 *     wait-lock-sync NAME    the same, blocking
 *     count NAME COUNT SLOT async|sync|mixed   counts as the C peer does
 *     wait NAME              under the mutex, waits for the flag on the condition, and says "woken"
 *     pending NAME           waits on the condition for ever, and ends with process.exit at a line on standard input
 *     read NAME, write NAME  takes the lock so, says "reading" or "writing", and waits for a line on standard input
 */
import { once } from "node:events";
import { Condition } from "../../src/sync/condition.ts";
import { Mutex } from "../../src/sync/mutex.ts";
import type { MutexGuard } from "../../src/sync/mutex-guard.ts";
import { RwLock } from "../../src/sync/rw-lock.ts";
import { CONDITION, FLAG, LockMemory, MUTEX, RW_LOCK } from "./lock-memory.ts";

const [verb, name, times, slot, how] = process.argv.slice(2) as [string, string, string, string, string];
const memory = new LockMemory(name);
const mutex = () => Mutex.at(memory.region, MUTEX);
const condition = () => Condition.at(memory.region, CONDITION);
const rwLock = () => RwLock.at(memory.region, RW_LOCK);

const verbs: Record<string, () => Promise<void>> = {
  async hold() {
    await mutex().lock();
    console.log("locked");
    setInterval(() => {}, 1e6);
  },
  async "wait-lock"() {
    // the thread that waits is there then
    await mutex()
      .lock({ timeout: 1 })
      .catch(() => {});
    console.log("waiting");
    await mutex().lock();
    console.log("locked");
    setInterval(() => {}, 1e6);
  },
  async "wait-lock-sync"() {
    console.log("waiting");
    mutex().lockSync();
    console.log("locked");
    setInterval(() => {}, 1e6);
  },
  async count() {
    const shared = mutex();
    for (let step = 0; step < Number(times); step++) {
      const sync = how === "sync" || (how === "mixed" && step % 50 !== 0);
      count(sync ? shared.lockSync() : await shared.lock());
    }
  },
  async wait() {
    const guard = await mutex().lock();
    console.log("waiting");
    while (memory.get(FLAG) === 0) await condition().wait(guard);
    console.log("woken");
    guard.unlock();
  },
  async pending() {
    const guard = await mutex().lock();
    const wait = condition().wait(guard);
    // the mutex is free once the wait has begun
    (await mutex().lock()).unlock();
    console.log("waiting");
    await Promise.race([wait, once(process.stdin, "data")]);
    process.exit(0);
  },
  async read() {
    const guard = await rwLock().read();
    console.log("reading");
    await once(process.stdin, "data");
    guard.unlock();
    process.exit(0);
  },
  async write() {
    const guard = await rwLock().write();
    console.log("writing");
    await once(process.stdin, "data");
    guard.unlock();
    process.exit(0);
  },
};

await (verbs[verb] as () => Promise<void>)();

function count(guard: MutexGuard): void {
  if (guard.ownerDied) {
    memory.repair();
    guard.repaired();
  }
  memory.increment(Number(slot));
  guard.unlock();
}
