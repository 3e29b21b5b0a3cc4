// timeout: 180s - it starts many processes, which takes its time on a loaded machine
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { callBlocking } from "../../src/ffi/off-thread/blocking-call.ts";
import { pthreadMutexUnlock } from "../../src/ffi/pthread-mutex.ts";
import { Mutex } from "../../src/sync/mutex.ts";
import { deadline } from "../support/deadline.ts";
import { isPending, turnEventLoop } from "../support/event-loop.ts";
import { failsWith } from "../support/fails-with.ts";
import { leakCheck } from "../support/leak-check.ts";
import { nativePeer } from "../support/native-peer.ts";
import { startPeer } from "../support/peer-process.ts";
import { currentRuntime } from "../support/runtimes.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";
import { COUNTER, FLAG, LockMemory, MUTEX } from "./lock-memory.ts";
import { startThreads } from "./start-threads.ts";

const LIMIT = 60_000;
const native = nativePeer("lock-peer");
const peer = (...args: string[]) => startPeer(currentRuntime(), "test/sync/lock-peer.ts", args);

test("a lock is taken and given up, in every way and of every kind", async () => {
  using memory = new LockMemory();
  for (const type of ["normal", "errorcheck", "recursive"] as const) {
    for (const robust of [true, false]) {
      const mutex = Mutex.create(memory.region, MUTEX, { type, robust });
      assert.is(mutex.robust, robust);
      assert.is(Mutex.at(memory.region, MUTEX).robust, robust);
      for (const lock of [
        () => mutex.tryLock(),
        () => mutex.lock(),
        () => mutex.lockSync(),
        () => mutex.lockSync({ timeout: 1000 }),
      ]) {
        const guard = await lock();
        assert.is(guard?.isLocked, true);
        assert.is(guard?.ownerDied, false);
        await failsWith("IPC_BUSY", () => mutex.destroy(), /somebody has locked it|thread \d+ has locked it/);
        if (type !== "recursive") assert.is(mutex.tryLock(), undefined);
        guard?.unlock();
        guard?.unlock();
        assert.is(guard?.isLocked, false);
      }
      assert.is(await mutex.withLock(() => 7), 7);
      await failsWith(
        "RangeError",
        mutex.withLock(() => Promise.reject(new RangeError("Mine"))),
      );
      mutex.tryLock()?.unlock();
      mutex.destroy();
      await failsWith("IPC_NOT_FOUND", () => mutex.tryLock(), /destroyed/);
      await failsWith("IPC_NOT_FOUND", () => Mutex.at(memory.region, MUTEX));
    }
  }
});

test("a recursive lock counts", async () => {
  using memory = new LockMemory();
  const mutex = Mutex.create(memory.region, MUTEX, { type: "recursive" });
  const guards = [mutex.lockSync(), await mutex.lock(), mutex.tryLock()];
  const other = native("lock", memory.name);
  assert.is(await other.line(), "waiting");
  await other.asleep();
  for (const guard of guards) guard?.unlock();
  assert.is(await other.line(), "locked");
  await other.end();
});

test("locking it again blocks nobody but says EDEADLK, and a foreign unlock EPERM", async () => {
  using memory = new LockMemory();
  for (const robust of [true, false]) {
    const mutex = Mutex.create(memory.region, MUTEX, { robust });
    const guard = mutex.lockSync();
    throwsSystemError(() => mutex.lockSync(), "EDEADLK", "pthread_mutex_timedlock");
    throwsSystemError(() => mutex.lockSync({ timeout: 10 }), "EDEADLK", "pthread_mutex_clocklock");
    pthreadMutexUnlock(mutex.address);
    throwsSystemError(() => guard.unlock(), "EPERM", "pthread_mutex_unlock");
  }
});

for (const robust of [true, false]) {
  test(
    `two tasks of one thread wait for each other with the event loop free (robust: ${robust})`,
    deadline(LIMIT, async () => {
      using memory = new LockMemory();
      const mutex = Mutex.create(memory.region, MUTEX, { robust });
      const guard = await mutex.lock();
      const waiting = [mutex.lock(), mutex.lock(), mutex.lock()];
      for (const wait of waiting) assert.ok(await isPending(wait));
      let inside = 0;
      guard.unlock();
      await Promise.all(
        waiting.map(async (wait) => {
          using _guard = await wait;
          assert.is(++inside, 1);
          await sleep(5);
          inside--;
        }),
      );
      assert.is(mutex.tryLock()?.isLocked, true);
    }),
  );

  test(
    `a wait that is over or aborted has taken nothing, and wakes are not lost (robust: ${robust})`,
    deadline(LIMIT, async () => {
      using memory = new LockMemory();
      const mutex = Mutex.create(memory.region, MUTEX, { robust });
      const guard = mutex.lockSync();
      await failsWith("IPC_TIMEOUT", mutex.lock({ timeout: 0 }), /within 0 ms/);
      const started = performance.now();
      await failsWith("IPC_TIMEOUT", mutex.lock({ timeout: 30 }), /within 30 ms/);
      assert.ok(performance.now() - started >= 29);
      const reason = new Error("enough");
      const failure = await failsWith("IPC_ABORTED", mutex.lock({ signal: AbortSignal.abort(reason) }));
      assert.is(failure.cause, reason);
      const abort = new AbortController();
      const aborted = mutex.lock({ signal: abort.signal });
      const other = native("lock", memory.name);
      assert.is(await other.line(), "waiting");
      await other.asleep();
      const patient = mutex.lock();
      abort.abort();
      await failsWith("IPC_ABORTED", aborted);
      guard.unlock();
      (await patient).unlock();
      await other.end();
    }),
  );

  test(
    `500 aborts race with unlocks, and nobody who waits is forgotten (robust: ${robust})`,
    deadline(LIMIT, async () => {
      using memory = new LockMemory();
      const mutex = Mutex.create(memory.region, MUTEX, { robust });
      for (let round = 0; round < 500; round++) {
        const guard = mutex.lockSync();
        const abort = new AbortController();
        const impatient = mutex.lock({ signal: abort.signal }).then(
          (taken) => taken.unlock(),
          () => {},
        );
        const patient = mutex.lock();
        if (round % 3 === 0) await sleep(1);
        else await callBlocking("awaitUnlocked", [new Int32Array(new SharedArrayBuffer(64)), 0, 0]);
        if (round % 2 === 0) abort.abort();
        guard.unlock();
        if (round % 2 === 1) abort.abort();
        (await patient).unlock();
        await impatient;
      }
      assert.is(mutex.tryLock()?.isLocked, true);
    }),
  );
}

test(
  "lockSync waits its time",
  deadline(LIMIT, async () => {
    using memory = new LockMemory();
    await native("make", memory.name).end();
    const mutex = Mutex.at(memory.region, MUTEX);
    const holder = native("hold", memory.name);
    assert.is(await holder.line(), "locked");
    assert.is(mutex.tryLock(), undefined);
    const started = performance.now();
    await failsWith("IPC_TIMEOUT", () => mutex.lockSync({ timeout: 30 }), /lockSync\(\) of the mutex at byte 0/);
    assert.ok(performance.now() - started >= 29);
    await holder.kill();
  }),
);

for (const [what, start] of [
  ["a C program", (memory: LockMemory) => native("hold", memory.name)],
  ["a script", (memory: LockMemory) => peer("hold", memory.name)],
] as const) {
  test(
    `${what} is killed with the lock: whoever waits gets it, is told, and repairs`,
    deadline(LIMIT, async () => {
      using memory = new LockMemory();
      await native("make", memory.name).end();
      const mutex = Mutex.at(memory.region, MUTEX);
      for (const lock of [() => mutex.lock(), () => mutex.lockSync(), () => mutex.tryLock()]) {
        const owner = start(memory);
        await owner.line("locked");
        const waiting = lock === undefined || lock.toString().includes("mutex.lock()") ? lock() : undefined;
        if (waiting instanceof Promise) assert.ok(await isPending(waiting));
        await owner.kill();
        const guard = await (waiting ?? lock());
        assert.is(guard?.ownerDied, true);
        guard?.repaired();
        assert.is(guard?.ownerDied, false);
        await failsWith("TypeError", () => guard?.repaired(), /no owner died/);
        guard?.unlock();
        assert.is(mutex.lockSync().unlock(), undefined);
      }
    }),
  );
}

test(
  "a script is killed with the lock, and C, which waits, is told",
  deadline(LIMIT, async () => {
    using memory = new LockMemory();
    Mutex.create(memory.region, MUTEX);
    const owner = peer("hold", memory.name);
    await owner.line("locked");
    const other = native("lock", memory.name);
    assert.is(await other.line(), "waiting");
    await other.asleep();
    await owner.kill();
    assert.is(await other.line(), "owner died");
    await other.end();
    assert.is((await Mutex.at(memory.region, MUTEX).lock()).ownerDied, false);
  }),
);

test(
  "unlocked without repair after its owner died, it is of no use to anybody any more",
  deadline(LIMIT, async () => {
    for (const spoil of [
      async (mutex: Mutex) => (await mutex.lock()).unlock(),
      (_mutex: Mutex, memory: LockMemory) => native("spoil", memory.name).end(),
    ]) {
      using memory = new LockMemory();
      const mutex = Mutex.create(memory.region, MUTEX);
      const owner = native("hold", memory.name);
      assert.is(await owner.line(), "locked");
      await owner.kill();
      await spoil(mutex, memory);
      for (let round = 0; round < 2; round++) {
        await failsWith("IPC_OWNER_DIED", () => mutex.tryLock(), /without repaired\(\)/);
        await failsWith("IPC_OWNER_DIED", mutex.lock());
        await failsWith("IPC_OWNER_DIED", () => mutex.lockSync());
      }
      mutex.destroy();
    }
  }),
);

test(
  "who waits while it becomes unrecoverable is told, all of them",
  deadline(LIMIT, async () => {
    using memory = new LockMemory();
    const mutex = Mutex.create(memory.region, MUTEX);
    const owner = native("hold", memory.name);
    assert.is(await owner.line(), "locked");
    await owner.kill();
    const guard = mutex.tryLock();
    assert.is(guard?.ownerDied, true);
    const waiting = [mutex.lock(), mutex.lock(), mutex.lock()];
    for (const wait of waiting) assert.ok(await isPending(wait));
    guard?.unlock();
    for (const wait of waiting) await failsWith("IPC_OWNER_DIED", wait);
  }),
);

test(
  "a script that is killed as it is woken takes no wake with it",
  deadline(LIMIT, async () => {
    using memory = new LockMemory();
    const mutex = Mutex.create(memory.region, MUTEX);
    for (let round = 0; round < 3; round++) {
      const owner = native("fell", memory.name);
      assert.is(await owner.line(), "locked");
      const victim = peer("wait-lock", memory.name);
      await victim.line("waiting");
      memory.set(FLAG, victim.pid);
      const other = native("lock", memory.name);
      assert.is(await other.line(), "waiting");
      await other.asleep();
      // SIGKILL, and the unlock before the victim has left the kernel's queue, so that it is the one that is woken
      process.kill(owner.pid, "SIGUSR1");
      await owner.end();
      await victim.exit();
      await other.end();
      mutex.tryLock()?.unlock();
    }
  }),
);

test(
  "a wake-up that is lost on the way holds no script up",
  deadline(LIMIT, async () => {
    for (const robust of [true, false]) {
      for (const verb of ["wait-lock", "wait-lock-sync"]) {
        using memory = new LockMemory();
        const mutex = Mutex.create(memory.region, MUTEX, { robust });
        const guard = mutex.lockSync();
        const other = peer(verb, memory.name);
        await other.line("waiting");
        while (!memory.isMarked(robust)) await turnEventLoop();
        // by now it sleeps; the lock of whoever came after a wake-up that was lost has no mark
        await turnEventLoop();
        memory.unmark(robust);
        guard.unlock();
        await other.line("locked");
        await other.kill();
      }
    }
  }),
);

test(
  "C, scripts that await and scripts that block count under one mutex, 4 x 3000",
  deadline(LIMIT, async () => {
    for (const robust of [true, false]) {
      using memory = new LockMemory();
      const mutex = Mutex.create(memory.region, MUTEX, { robust, type: "errorcheck" });
      const others = [native("count", memory.name, 3000, 1), native("count", memory.name, 3000, 2)];
      const script = peer("count", memory.name, "3000", "3", "mixed");
      for (let step = 0; step < 3000; step++) {
        const guard = step % 10 === 0 ? await mutex.lock() : mutex.lockSync();
        memory.increment(0);
        guard.unlock();
      }
      for (const other of others) await other.end();
      assert.is((await script.exit()).status, 0);
      assert.is(memory.get(COUNTER), 12_000);
      assert.is(memory.sum, 12_000);
    }
  }),
);

test("misuse is refused before anything happens", async () => {
  using memory = new LockMemory();
  const { region } = memory;
  await failsWith("RangeError", () => Mutex.create(region, -8), /offset is -8/);
  await failsWith("RangeError", () => Mutex.create(region, 4), /multiple of 8/);
  await failsWith("RangeError", () => Mutex.create(region, region.length - 8), /4096 bytes/);
  await failsWith("RangeError", () => Mutex.create(region, 0.5), /offset is 0.5/);
  await failsWith("TypeError", () => Mutex.create(region, "0" as never), /offset is of type string/);
  await failsWith("TypeError", () => Mutex.create(undefined as never, 0), /must be mapped shared memory/);
  await failsWith(
    "TypeError",
    () => Mutex.create(region.bytes as never, 0),
    /is an object without an arena.*not its bytes/,
  );
  await failsWith("TypeError", () => Mutex.create(region, 0, { type: "fast" as "normal" }), /type is "fast"/);
  await failsWith(
    "TypeError",
    () => Mutex.create(region, 0, { robust: 1 as never }),
    /robust of Mutex.create\(\) is 1/,
  );
  await failsWith("IPC_NOT_FOUND", () => Mutex.at(region, 8), /Make it with Mutex.create/);
  const mutex = Mutex.create(region, MUTEX);
  await failsWith("RangeError", mutex.lock({ timeout: -1 }), /timeout is -1/);
  await failsWith("TypeError", () => mutex.lockSync({ signal: AbortSignal.abort() } as never), /cannot be aborted/);
});

leakCheck(test, startThreads);
test.run();
