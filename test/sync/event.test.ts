// timeout: 180s - thousands of wake-ups between processes take their time on a loaded machine
import { readFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SYS_futex } from "../../src/ffi/abi/current.ts";
import { Event } from "../../src/sync/event.ts";
import { deadline } from "../support/deadline.ts";
import { isPending, turnEventLoop } from "../support/event-loop.ts";
import { failsWith } from "../support/fails-with.ts";
import { whileInterrupted } from "../support/interrupted.ts";
import { leakCheck } from "../support/leak-check.ts";
import { type NativePeer, nativePeer } from "../support/native-peer.ts";
import { startPeer } from "../support/peer-process.ts";
import { currentRuntime } from "../support/runtimes.ts";
import { type SharedFile, sharedFile } from "./peers/shared-file.ts";

const LIMIT = 150_000;
const OFFSET = 128;
const WAITERS = OFFSET / 4 + 1;
const native = nativePeer("semaphore-peer");
const script = (...args: (string | number)[]) =>
  startPeer(currentRuntime(), "test/sync/peers/semaphore-user.ts", args.map(String));

/** Runs a test with an event of its own. */
function withEvent(autoReset: boolean, run: (event: Event, file: SharedFile) => void | Promise<void>) {
  return deadline(LIMIT, async () => {
    using file = sharedFile();
    using event = Event.create(file.region, OFFSET, { autoReset });
    await run(event, file);
    assert.is(file.words[WAITERS], 0, "nobody counts as waiting");
  });
}

test(
  "a manual event stays set until it is reset",
  withEvent(false, async (event) => {
    assert.equal([event.isSet, event.autoReset, event.tryWait()], [false, false, false]);
    event.set();
    event.set();
    await event.wait();
    event.waitSync();
    assert.equal([event.tryWait(), event.tryWait(), event.isSet], [true, true, true]);
    event.reset();
    event.reset();
    assert.equal([event.isSet, event.tryWait()], [false, false]);
    await failsWith("IPC_TIMEOUT", () => event.waitSync({ timeout: 5 }));
    await failsWith("IPC_TIMEOUT", event.wait({ timeout: 0 }));
  }),
);

test(
  "an auto-reset event is used up by one wait",
  withEvent(true, async (event) => {
    assert.equal([event.isSet, event.autoReset], [false, true]);
    for (const wait of [() => event.wait(), () => event.waitSync(), () => assert.ok(event.tryWait())]) {
      event.set();
      event.set();
      assert.is(event.isSet, true);
      await wait();
      assert.equal([event.isSet, event.tryWait()], [false, false]);
    }
    event.set();
    event.reset();
    assert.is(event.tryWait(), false);
    await failsWith("IPC_TIMEOUT", event.wait({ timeout: 5 }), /did not end within 5 ms/);
  }),
);

test(
  "a set releases all who wait for a manual event, also when a reset follows at once",
  withEvent(false, async (event, file) => {
    const waits = [event.wait(), event.wait({ timeout: LIMIT }), event.wait()];
    while (file.words[WAITERS] !== 3) await setImmediate();
    assert.is(await isPending(Promise.race(waits)), true);
    event.set();
    event.reset();
    await Promise.all(waits);
    assert.is(event.isSet, false);
  }),
);

test(
  "a set releases exactly one who waits for an auto-reset event",
  withEvent(true, async (event) => {
    let released = 0;
    const waits = [1, 2, 3].map(() => event.wait().then(() => released++));
    for (let sets = 1; sets <= 3; sets++) {
      await turnEventLoop();
      assert.is(released, sets - 1);
      event.set();
      while (released < sets) await setImmediate();
    }
    await Promise.all(waits);
    assert.is(event.isSet, false);
  }),
);

test(
  "an aborted wait takes nothing, whenever it is aborted",
  withEvent(true, async (event) => {
    for (let round = 0; round < 40; round++) {
      const controller = new AbortController();
      const aborted = event.wait({ signal: controller.signal });
      let taken = 0;
      const kept = event.wait().then(() => taken++);
      await turnEventLoop(round % 5);
      if (round % 2 === 0) controller.abort();
      event.set();
      if (round % 2 === 1) controller.abort();
      const wasReleased = await aborted.then(
        () => true,
        () => false,
      );
      // the one set releases one of the two
      if (wasReleased) {
        assert.is(await isPending(kept), true);
        event.set();
      }
      await kept;
      assert.equal([taken, event.isSet], [1, false]);
    }
  }),
);

test(
  "abort, time-out and close end a wait",
  withEvent(false, async (event, file) => {
    const controller = new AbortController();
    const wait = event.wait({ signal: controller.signal });
    await turnEventLoop();
    controller.abort(new Error("enough"));
    await failsWith("IPC_ABORTED", wait);
    await failsWith("IPC_ABORTED", event.wait({ signal: AbortSignal.abort() }));
    await failsWith("IPC_TIMEOUT", event.wait({ timeout: 20.5 }), /20.5 ms/);
    const other = Event.at(file.region, OFFSET);
    const waits = [other.wait(), other.wait({ timeout: LIMIT })];
    await turnEventLoop();
    assert.is(file.words[WAITERS], 2);
    other.close();
    other.close();
    assert.is(file.words[WAITERS], 0);
    for (const ended of waits) await failsWith("IPC_CLOSED", ended);
    for (const use of [
      () => other.set(),
      () => other.reset(),
      () => other.isSet,
      () => other.tryWait(),
      () => other.wait(),
      () => other.waitSync(),
    ]) {
      await failsWith("IPC_CLOSED", use);
    }
  }),
);

test(
  "waitSync waits the whole time, also when signals come",
  withEvent(false, async (event) => {
    const started = performance.now();
    await whileInterrupted(() => {
      try {
        event.waitSync({ timeout: 150 });
      } catch (error) {
        assert.is((error as { code?: string }).code, "IPC_TIMEOUT");
      }
    });
    assert.ok(performance.now() - started >= 149);
  }),
);

for (const autoReset of [false, true]) {
  const kind = autoReset ? "auto-reset" : "manual";
  test(
    `C programs and JavaScript processes wait for and set one ${kind} event`,
    withEvent(autoReset, async (event, file) => {
      const waiter = native("event-wait", file.path, OFFSET, 1);
      assert.is(await waiter.line(), "waiting");
      await waiting(waiter, file);
      event.set();
      assert.is(await waiter.line(), "released");
      await waiter.end();
      event.reset();

      const wait = event.wait();
      await native("event-set", file.path, OFFSET).end();
      await wait;
      event.reset();

      const peer = script("event-wait", file.path, OFFSET, 1);
      await peer.line("waiting");
      await native("event-set", file.path, OFFSET).end();
      assert.is((await peer.exit()).status, 0);
      event.reset();

      const setter = script("event-set", file.path, OFFSET);
      event.waitSync();
      assert.is((await setter.exit()).status, 0);
    }),
  );
}

test(
  "a process that is killed while it waits takes no auto-reset event with it",
  withEvent(true, async (event, file) => {
    const peers = [native("event-wait", file.path, OFFSET, 1), native("event-wait", file.path, OFFSET, 1)] as const;
    for (const peer of peers) assert.is(await peer.line(), "waiting");
    await waiting(peers[0], file);
    await waiting(peers[1], file);
    await peers[0].kill();
    event.set();
    assert.is(await peers[1].line(), "released");
    await peers[1].end();
    // the dead one is still counted, which costs a system call and no more
    assert.is(Atomics.exchange(file.words, WAITERS, 0), 1);
  }),
);

test(
  "every hand-over of two processes arrives, auto-reset",
  withEvent(true, async (event, file) => {
    using back = Event.create(file.region, OFFSET + 64, { autoReset: true });
    const rounds = 300;
    const peer = native("event-echo", file.path, OFFSET, rounds);
    for (let round = 0; round < rounds; round++) {
      event.set();
      if (round % 3 === 0) back.waitSync({ timeout: LIMIT });
      else await back.wait({ timeout: LIMIT });
    }
    await peer.end();
    assert.equal([event.isSet, back.isSet], [false, false]);
  }),
);

test(
  "processes that take one auto-reset event in parallel: each set is taken once",
  withEvent(true, async (event, file) => {
    const sets = 1_000; // all three spin, so each takes the turns of a scheduler where the machine is busy
    const takers = [1, 2].map(() => script("event-take", file.path, OFFSET));
    while (Atomics.load(file.words, 15) < takers.length) await setImmediate();
    await native("event-set-many", file.path, OFFSET, sets).end();
    while (event.isSet) await setImmediate();
    Atomics.store(file.words, 17, 1);
    for (const taker of takers) assert.is((await taker.exit()).status, 0);
    assert.is(file.words[16], sets);
  }),
);

test(
  "misuse, and memory without an event",
  deadline(LIMIT, async () => {
    using file = sharedFile();
    await failsWith("IPC_NOT_FOUND", () => Event.at(file.region, 0), /Event.create/);
    for (const offset of [2, -4, 4092, 0.5]) {
      await failsWith("RangeError", () => Event.create(file.region, offset));
      await failsWith("RangeError", () => Event.at(file.region, offset));
    }
    await failsWith("TypeError", () => Event.create({} as never, 0));
    await failsWith("TypeError", () => Event.create(file.region, 0, null as never));
    await failsWith("TypeError", () => Event.create(file.region, 0, { autoReset: 1 as never }));
    using event = Event.create(file.region, 4088);
    await failsWith("RangeError", event.wait({ timeout: -1 }));
    await failsWith("TypeError", () => event.waitSync({ signal: new AbortController().signal } as never));
    assert.is(Event.bytes, 8);
  }),
);

/** Waits until a peer sleeps in the kernel's futex, counted as a waiter. */
async function waiting(peer: NativePeer, file: SharedFile): Promise<void> {
  while ((file.words[WAITERS] as number) === 0 || !sleepsOnFutex(peer.pid)) await setImmediate();
}

function sleepsOnFutex(pid: number): boolean {
  return readFileSync(`/proc/${pid}/syscall`, "utf8").startsWith(`${SYS_futex} `);
}

leakCheck(test, async () => {
  using file = sharedFile();
  using event = Event.create(file.region, 0);
  // as many threads as are kept; they run when the waits are over, as they need not when those are given up
  const waits = Array.from({ length: 4 }, () => event.wait());
  event.set();
  await Promise.all(waits);
});
test.run();
