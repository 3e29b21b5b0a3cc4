// timeout: 180s - it starts many processes, which takes its time on a loaded machine
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { SystemError } from "../../src/ffi/system-error.ts";
import { RwLock } from "../../src/sync/rw-lock.ts";
import { deadline } from "../support/deadline.ts";
import { isPending } from "../support/event-loop.ts";
import { failsWith } from "../support/fails-with.ts";
import { leakCheck } from "../support/leak-check.ts";
import { nativePeer } from "../support/native-peer.ts";
import { startPeer } from "../support/peer-process.ts";
import { currentRuntime } from "../support/runtimes.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";
import { COUNTER, LockMemory, RW_LOCK } from "./lock-memory.ts";
import { startThreads } from "./start-threads.ts";

const LIMIT = 60_000;
const native = nativePeer("lock-peer");
const peer = (...args: string[]) => startPeer(currentRuntime(), "test/sync/lock-peer.ts", args);

test("readers go together, a writer alone, in every way", async () => {
  using memory = new LockMemory();
  RwLock.create(memory.region, RW_LOCK);
  const lock = RwLock.at(memory.region, RW_LOCK);
  const readers = [await lock.read(), lock.readSync(), lock.tryRead(), lock.readSync({ timeout: 1000 })];
  assert.is(readers[0]?.mode, "read");
  assert.is(lock.tryWrite(), undefined);
  for (const reader of readers) {
    reader?.unlock();
    reader?.unlock();
    assert.is(reader?.isLocked, false);
  }
  for (const take of [
    () => lock.write(),
    () => lock.writeSync(),
    () => lock.tryWrite(),
    () => lock.writeSync({ timeout: 1000 }),
  ]) {
    const writer = await take();
    assert.is(writer?.mode, "write");
    assert.is(lock.tryRead(), undefined);
    assert.is(lock.tryWrite(), undefined);
    throwsSystemError(() => lock.readSync(), "EDEADLK", "pthread_rwlock_rdlock");
    throwsSystemError(() => lock.writeSync(), "EDEADLK", "pthread_rwlock_wrlock");
    throwsSystemError(() => lock.writeSync({ timeout: 1 }), "EDEADLK", "pthread_rwlock_clockwrlock");
    writer?.unlock();
    writer?.unlock();
  }
  lock.destroy();
});

test(
  "tasks of one thread wait for each other with the event loop free",
  deadline(LIMIT, async () => {
    using memory = new LockMemory();
    const lock = RwLock.create(memory.region, RW_LOCK);
    const first = await lock.write();
    const waits = [lock.write(), lock.read(), lock.read(), lock.write()];
    for (const wait of waits) assert.ok(await isPending(wait));
    let readers = 0;
    let writers = 0;
    first.unlock();
    await Promise.all(
      waits.map(async (wait) => {
        const guard = await wait;
        if (guard.mode === "read") readers++;
        else writers++;
        assert.ok(writers === 0 || (writers === 1 && readers === 0));
        await sleep(5);
        if (guard.mode === "read") readers--;
        else writers--;
        guard.unlock();
      }),
    );
    lock.tryWrite()?.unlock();
    lock.destroy();
  }),
);

test(
  "a wait that is over or aborted has taken nothing",
  deadline(LIMIT, async () => {
    using memory = new LockMemory();
    const lock = RwLock.create(memory.region, RW_LOCK);
    const reader = lock.readSync();
    const started = performance.now();
    await failsWith(
      "IPC_TIMEOUT",
      lock.write({ timeout: 30 }),
      /write\(\) of the lock at byte 128 did not end within 30 ms/,
    );
    assert.ok(performance.now() - started >= 29);
    await failsWith("IPC_TIMEOUT", () => lock.writeSync({ timeout: 10 }));
    reader.unlock();
    const writer = lock.writeSync();
    await failsWith("IPC_TIMEOUT", lock.read({ timeout: 10 }));
    for (const take of [
      (signal: AbortSignal) => lock.read({ signal }),
      (signal: AbortSignal) => lock.write({ signal }),
    ]) {
      await failsWith("IPC_ABORTED", take(AbortSignal.abort()));
      const abort = new AbortController();
      const wait = take(abort.signal);
      assert.ok(await isPending(wait));
      const reason = new Error("enough");
      abort.abort(reason);
      assert.is((await failsWith("IPC_ABORTED", wait)).cause, reason);
    }
    writer.unlock();
    // the waits that were aborted may have it for a moment
    (await lock.write()).unlock();
    lock.destroy();
  }),
);

test(
  "100 aborts race with unlocks, and nothing stays locked",
  deadline(LIMIT, async () => {
    using memory = new LockMemory();
    const lock = RwLock.create(memory.region, RW_LOCK);
    for (let round = 0; round < 100; round++) {
      const writer = lock.writeSync({ timeout: 10_000 });
      const abort = new AbortController();
      const wait = (round % 2 === 0 ? lock.write({ signal: abort.signal }) : lock.read({ signal: abort.signal })).then(
        (guard) => guard.unlock(),
        () => {},
      );
      if (round % 3 === 0) await sleep(1);
      if (round % 4 < 2) abort.abort();
      writer.unlock();
      if (round % 4 >= 2) abort.abort();
      await wait;
    }
    (await lock.write({ timeout: 10_000 })).unlock();
    lock.destroy();
  }),
);

test(
  "a form that blocks does not wait for the tasks of its own thread, and they go on after it",
  deadline(LIMIT, async () => {
    using memory = new LockMemory();
    await native("make", memory.name).end();
    const lock = RwLock.at(memory.region, RW_LOCK);
    const writer = native("write", memory.name);
    assert.is(await writer.line(), "waiting");
    assert.is(await writer.line(), "writing");
    const waits = [lock.write(), lock.read()];
    for (const wait of waits) assert.ok(await isPending(wait));
    await failsWith("IPC_TIMEOUT", () => lock.writeSync({ timeout: 20 }));
    for (const wait of waits) assert.ok(await isPending(wait));
    await failsWith("IPC_TIMEOUT", () => lock.readSync({ timeout: 20 }));
    process.kill(writer.pid, "SIGUSR1");
    await Promise.all(waits.map(async (wait) => (await wait).unlock()));
    await writer.end();
    lock.destroy();
  }),
);

test(
  "a form that blocks says EDEADLK when another thread has just taken the lock for a task of this one",
  deadline(LIMIT, async () => {
    using memory = new LockMemory();
    const lock = RwLock.create(memory.region, RW_LOCK);
    let told = 0;
    for (let round = 0; round < 50 || (told === 0 && round < 1000); round++) {
      const guard = lock.writeSync();
      const wait = lock.write();
      assert.ok(await isPending(wait));
      guard.unlock();
      // no turn of the event loop meanwhile, in which the task could know of it
      const end = performance.now() + ((round % 10) / 10) * (1 + round / 50);
      while (performance.now() < end);
      try {
        lock.writeSync({ timeout: 30_000 }).unlock();
      } catch (error) {
        assert.is((error as SystemError).code, "EDEADLK");
        told++;
      }
      (await wait).unlock();
    }
    assert.ok(told > 0);
    lock.destroy();
  }),
);

for (const maker of ["C", "here"]) {
  test(
    `C and we lock each other out of a lock made in ${maker}`,
    deadline(LIMIT, async () => {
      using memory = new LockMemory();
      if (maker === "C") await native("make", memory.name).end();
      else RwLock.create(memory.region, RW_LOCK);
      const lock = RwLock.at(memory.region, RW_LOCK);

      const ours = await lock.write();
      const reader = native("read", memory.name);
      assert.is(await reader.line(), "waiting");
      await reader.asleep();
      ours.unlock();
      assert.is(await reader.line(), "reading");
      lock.tryRead()?.unlock();
      assert.is(lock.tryWrite(), undefined);
      const waiting = lock.write();
      assert.ok(await isPending(waiting));
      process.kill(reader.pid, "SIGUSR1");
      const taken = await waiting;
      const writer = native("write", memory.name);
      assert.is(await writer.line(), "waiting");
      await writer.asleep();
      taken.unlock();
      assert.is(await writer.line(), "writing");
      await reader.end();
      assert.is(lock.tryRead(), undefined);
      const late = lock.read();
      assert.ok(await isPending(late));
      process.kill(writer.pid, "SIGUSR1");
      (await late).unlock();
      await writer.end();
      lock.destroy();
    }),
  );
}

test(
  "two scripts lock each other out, and a lock that was waited for is given up as any other",
  deadline(LIMIT, async () => {
    using memory = new LockMemory();
    const lock = RwLock.create(memory.region, RW_LOCK);
    const reader = peer("read", memory.name);
    await reader.line("reading");
    assert.is(lock.tryWrite(), undefined);
    const wait = lock.write();
    assert.ok(await isPending(wait));
    reader.say("end");
    const guard = await wait;
    const writer = peer("write", memory.name);
    const other = peer("read", memory.name);
    assert.is(lock.tryRead(), undefined);
    guard.unlock();
    await Promise.race([writer.line("writing"), other.line("reading")]);
    other.say("end");
    writer.say("end");
    for (const script of [reader, writer, other]) assert.is((await script.exit()).status, 0);
    lock.tryWrite()?.unlock();
    lock.destroy();
  }),
);

test(
  "writers get through while readers come and go",
  deadline(LIMIT, async () => {
    using memory = new LockMemory();
    const lock = RwLock.create(memory.region, RW_LOCK);
    let over = false;
    let torn = 0;
    const readers = Array.from({ length: 3 }, async () => {
      while (!over) {
        const guard = await lock.read();
        const before = memory.get(COUNTER);
        await sleep(1);
        if (memory.get(COUNTER) !== before) torn++;
        guard.unlock();
        await sleep(2);
      }
    });
    for (let round = 0; round < 20; round++) {
      using _guard = await lock.write({ timeout: 30_000 });
      memory.increment(0);
    }
    over = true;
    await Promise.all(readers);
    assert.is(torn, 0);
    assert.is(memory.get(COUNTER), 20);
    lock.destroy();
  }),
);

test("misuse is refused before anything happens", async () => {
  using memory = new LockMemory();
  await failsWith("RangeError", () => RwLock.create(memory.region, 4095), /56 bytes/);
  await failsWith("RangeError", () => RwLock.create(memory.region, 2), /multiple of 8/);
  await failsWith("IPC_NOT_FOUND", () => RwLock.at(memory.region, RW_LOCK), /Make it with RwLock.create/);
  const lock = RwLock.create(memory.region, RW_LOCK);
  await failsWith("RangeError", lock.read({ timeout: -1 }), /timeout is -1/);
  await failsWith("TypeError", () => lock.writeSync({ signal: AbortSignal.abort() } as never), /cannot be aborted/);
});

leakCheck(test, startThreads);
test.run();
