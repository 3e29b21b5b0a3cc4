// timeout: 180s - it starts many processes, which takes its time on a loaded machine
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Condition } from "../../src/sync/condition.ts";
import { Mutex } from "../../src/sync/mutex.ts";
import { deadline } from "../support/deadline.ts";
import { isPending } from "../support/event-loop.ts";
import { failsWith } from "../support/fails-with.ts";
import { leakCheck } from "../support/leak-check.ts";
import { nativePeer } from "../support/native-peer.ts";
import { startPeer } from "../support/peer-process.ts";
import { currentRuntime, type RuntimeName } from "../support/runtimes.ts";
import { CONDITION, COUNTER, FLAG, LockMemory, MUTEX } from "./lock-memory.ts";
import { startThreads } from "./start-threads.ts";

const LIMIT = 60_000;
const native = nativePeer("lock-peer");
const peer = (...args: string[]) => startPeer(currentRuntime() as RuntimeName, "test/sync/lock-peer.ts", args);

interface Shared {
  memory: LockMemory;
  mutex: Mutex;
  condition: Condition;
}

/** Runs a test on objects made by C, and again on ones made here. */
function withBoth(name: string, run: (shared: Shared) => Promise<void>): void {
  test(
    name,
    deadline(LIMIT, async () => {
      for (const maker of ["C", "here"]) {
        using memory = new LockMemory();
        if (maker === "C") await native("make", memory.name).end();
        else Condition.create(memory.region, CONDITION);
        const mutex = maker === "C" ? Mutex.at(memory.region, MUTEX) : Mutex.create(memory.region, MUTEX);
        const condition = Condition.at(memory.region, CONDITION);
        await run({ memory, mutex, condition });
        condition.destroy();
      }
    }),
  );
}

withBoth("C wakes us, who await, with the event loop free, and who block", async ({ memory, mutex, condition }) => {
  for (const wait of [
    (guard: Awaited<ReturnType<Mutex["lock"]>>) => condition.wait(guard),
    (guard: Awaited<ReturnType<Mutex["lock"]>>) => condition.waitSync(guard, { timeout: 60_000 }),
    (guard: Awaited<ReturnType<Mutex["lock"]>>) => condition.waitSync(guard),
  ]) {
    memory.set(FLAG, 0);
    const guard = await mutex.lock();
    const waker = native("wake", memory.name);
    while (memory.get(FLAG) === 0) await wait(guard);
    assert.ok(guard.isLocked);
    assert.is(mutex.tryLock(), undefined);
    guard.unlock();
    await waker.end();
  }
});

withBoth("we wake C, and a script that awaits", async ({ memory, mutex, condition }) => {
  const waiters = [native("wait", memory.name), native("wait", memory.name)];
  const script = peer("wait", memory.name);
  for (const waiter of waiters) {
    assert.is(await waiter.line(), "waiting");
    await waiter.asleep();
  }
  await script.line("waiting");
  const guard = await mutex.lock();
  memory.set(FLAG, 1);
  for (let count = 0; count < 3; count++) condition.signal();
  guard.unlock();
  for (const waiter of waiters) await waiter.end();
  assert.is((await script.exit()).status, 0);
});

withBoth(
  "a signal given as soon as the lock is free is not missed, 300 times",
  async ({ memory, mutex, condition }) => {
    for (let round = 1; round <= 300; round++) {
      const consumer = (async () => {
        const guard = await mutex.lock();
        while (memory.get(COUNTER) < round) await condition.wait(guard);
        guard.unlock();
      })();
      if (round % 3 === 0) await sleep(1);
      await mutex.withLock(() => {
        memory.set(COUNTER, round);
        condition.signal();
      });
      await consumer;
    }
  },
);

withBoth("broadcast wakes all the tasks of a thread", async ({ memory, mutex, condition }) => {
  let woken = 0;
  const waits = Array.from({ length: 6 }, async () => {
    using guard = await mutex.lock();
    while (memory.get(FLAG) === 0) await condition.wait(guard);
    woken++;
  });
  for (const wait of waits) assert.ok(await isPending(wait));
  await mutex.withLock(() => {
    memory.set(FLAG, 1);
    condition.broadcast();
  });
  await Promise.all(waits);
  assert.is(woken, 6);
});

withBoth("a wait ends when its time is over, and has the lock again", async ({ mutex, condition }) => {
  const guard = await mutex.lock();
  for (const wait of [() => condition.wait(guard, { timeout: 30 }), () => condition.waitSync(guard, { timeout: 30 })]) {
    const started = performance.now();
    await failsWith("IPC_TIMEOUT", wait, /the condition at byte 64 did not end within 30 ms/);
    assert.ok(performance.now() - started >= 29);
    assert.ok(guard.isLocked);
    assert.is(mutex.tryLock(), undefined);
  }
  await failsWith("IPC_TIMEOUT", condition.wait(guard, { timeout: 0 }));
  guard.unlock();
});

withBoth(
  "an aborted wait has the lock again, and takes no signal from others",
  async ({ memory, mutex, condition }) => {
    const reason = new Error("enough");
    for (let round = 0; round < 30; round++) {
      memory.set(FLAG, 0);
      const other = (async () => {
        using guard = await mutex.lock();
        while (memory.get(FLAG) === 0) await condition.wait(guard);
      })();
      const abort = new AbortController();
      const guard = await mutex.lock();
      const wait = condition.wait(guard, { signal: abort.signal });
      // free again once the wait has begun
      const gate = await mutex.lock();
      memory.set(FLAG, 1);
      if (round % 2 === 0) abort.abort(reason);
      condition.signal();
      if (round % 2 === 1) abort.abort(reason);
      gate.unlock();
      const error = await failsWith("IPC_ABORTED", wait);
      assert.is(error.cause, reason);
      assert.ok(guard.isLocked);
      guard.unlock();
      await other;
    }
    const guard = mutex.lockSync();
    await failsWith("IPC_ABORTED", condition.wait(guard, { signal: AbortSignal.abort() }));
    assert.ok(guard.isLocked);
    guard.unlock();
  },
);

withBoth("the owner dies while we wait for the lock after the wait", async ({ memory, mutex, condition }) => {
  const guard = await mutex.lock();
  const wait = condition.wait(guard);
  const owner = native("hold", memory.name);
  assert.is(await owner.line(), "locked");
  await failsWith("TypeError", () => guard.unlock(), /a wait on a condition is under way/);
  condition.signal();
  assert.ok(await isPending(wait));
  await owner.kill();
  await wait;
  assert.ok(guard.ownerDied);
  await failsWith("IPC_OWNER_DIED", condition.wait(guard), /repaired\(\) first/);
  await failsWith("IPC_OWNER_DIED", () => condition.waitSync(guard));
  guard.repaired();
  guard.unlock();
});

withBoth("the mutex becomes useless while we wait", async ({ memory, mutex, condition }) => {
  const guard = await mutex.lock();
  const wait = condition.wait(guard);
  const owner = native("hold", memory.name);
  assert.is(await owner.line(), "locked");
  await owner.kill();
  await native("spoil", memory.name).end();
  condition.signal();
  await failsWith("IPC_OWNER_DIED", wait, /Nobody can use it/);
  assert.is(guard.isLocked, false);
  guard.unlock();
});

withBoth("a process that ends with a wait under way leaves nobody blocked", async ({ memory, mutex, condition }) => {
  for (let round = 0; round < 4; round++) {
    memory.set(FLAG, 0);
    const leaver = peer("pending", memory.name);
    await leaver.line("waiting");
    leaver.say("end");
    assert.is((await leaver.exit()).status, 0);
    const waiter = native("wait", memory.name);
    assert.is(await waiter.line(), "waiting");
    await waiter.asleep();
    const guard = await mutex.lock();
    memory.set(FLAG, 1);
    condition.signal();
    guard.unlock();
    await waiter.end();
  }
});

test("misuse is refused before anything happens", async () => {
  using memory = new LockMemory();
  const { region } = memory;
  await failsWith("RangeError", () => Condition.create(region, 4090), /multiple of 8|48 bytes/);
  await failsWith("RangeError", () => Condition.at(region, 12), /multiple of 8/);
  const mutex = Mutex.create(region, MUTEX);
  const condition = Condition.create(region, CONDITION);
  const guard = mutex.lockSync();
  guard.unlock();
  await failsWith("TypeError", condition.wait(guard), /Cannot wait with the mutex at byte 0: its guard is unlocked/);
  await failsWith("TypeError", () => condition.waitSync(guard), /unlocked/);
  for (const wrong of [undefined, mutex]) {
    await failsWith("TypeError", condition.wait(wrong as never), /give wait\(\) the guard that lock\(\)/);
    await failsWith("TypeError", () => condition.waitSync(wrong as never), /the guard that lock\(\)/);
  }
  await failsWith("RangeError", condition.wait(guard, { timeout: Number.NaN }), /timeout is NaN/);
  condition.signal();
  condition.broadcast();
});

leakCheck(test, startThreads);
test.run();
