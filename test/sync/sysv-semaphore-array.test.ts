import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { IPC_PRIVATE } from "../../src/ffi/abi/current.ts";
import { getpid, getuid } from "../../src/ffi/ids.ts";
import { ftok } from "../../src/ffi/msg.ts";
import { SystemError } from "../../src/ffi/system-error.ts";
import { SysvSemaphoreArray } from "../../src/sync/sysv-semaphore-array.ts";
import { asNobody, isRoot } from "../support/as-nobody.ts";
import { deadline } from "../support/deadline.ts";
import { isPending, turnEventLoop } from "../support/event-loop.ts";
import { failsWith } from "../support/fails-with.ts";
import { whileInterrupted } from "../support/interrupted.ts";
import { leakCheck } from "../support/leak-check.ts";
import { nativePeer } from "../support/native-peer.ts";
import { startPeer } from "../support/peer-process.ts";
import { currentRuntime } from "../support/runtimes.ts";
import { skip } from "../support/skip.ts";
import { uniqueKey } from "../support/unique-key.ts";
import { uniqueName } from "../support/unique-name.ts";

const LIMIT = 60_000;
const native = nativePeer("semaphore-peer");
const script = (...args: (string | number)[]) =>
  startPeer(currentRuntime(), "test/sync/peers/semaphore-user.ts", args.map(String));

/** Runs a test with an array of its own. */
function withArray(
  values: number[],
  run: (array: SysvSemaphoreArray) => void | Promise<void>,
): (context: unknown) => Promise<void> {
  return deadline(LIMIT, async () => {
    const array = SysvSemaphoreArray.create(IPC_PRIVATE, values);
    try {
      await run(array);
    } finally {
      array.remove();
      array.close();
    }
  });
}

async function failsWithErrno(code: string, action: () => unknown): Promise<void> {
  try {
    await action();
  } catch (error) {
    assert.instance(error, SystemError);
    assert.is((error as SystemError).code, code);
    return;
  }
  throw new Error(`${code} expected`);
}

/** Waits until so many wait for a semaphore to grow. */
async function waiters(array: SysvSemaphoreArray, num: number, count: number): Promise<void> {
  while (array.waitingForIncrease(num) !== count) await setImmediate();
}

test(
  "several operations are done at once, or not at all",
  withArray([3, 0, 1], async (array) => {
    assert.is(array.length, 3);
    assert.is(
      array.tryOperate([
        { num: 0, op: -1 },
        { num: 1, op: -1 },
      ]),
      false,
    );
    assert.equal(array.values(), [3, 0, 1]);
    await array.operate([
      { num: 0, op: -3 },
      { num: 1, op: 0 },
      { num: 2, op: 4 },
    ]);
    array.operateSync([{ num: 2, op: -1 }]);
    assert.equal(array.values(), [0, 0, 4]);
    await array.wait(2);
    array.post(0);
    assert.equal([array.value(0), array.value(2)], [1, 3]);
    array.waitSync(2);
    assert.equal([array.tryWait(2), array.tryWait(1)], [true, false]);
    assert.is(array.value(2), 1);
    assert.is(array.lastPid(0), getpid());
    array.setValues([1, 2, 32_767]);
    array.setValue(1, 9);
    assert.equal(array.values(), [1, 9, 32_767]);
  }),
);

test(
  "a wait for several lasts until all are possible, and the event loop is free meanwhile",
  withArray([0, 0], async (array) => {
    const wait = array.operate([
      { num: 0, op: -1 },
      { num: 1, op: -2 },
    ]);
    await waiters(array, 0, 1);
    array.post(0);
    await waiters(array, 1, 1);
    array.post(1);
    assert.is(await isPending(wait), true);
    assert.equal(array.values(), [1, 1]);
    array.post(1);
    await wait;
    assert.equal(array.values(), [0, 0]);

    array.setValue(0, 2);
    const zero = array.operate([{ num: 0, op: 0 }]);
    while (array.waitingForZero(0) !== 1) await setImmediate();
    assert.is(array.waitingForIncrease(0), 0);
    array.setValue(0, 0);
    await zero;
  }),
);

test(
  "a wait that is given up has had no effect",
  withArray([0, 5], async (array) => {
    const operations = [
      { num: 1, op: -5, undo: true },
      { num: 0, op: -1, undo: true },
    ];
    await failsWith("IPC_TIMEOUT", array.operate(operations, { timeout: 0 }));
    await failsWith("IPC_TIMEOUT", array.operate(operations, { timeout: 20.5 }), /did not end within 20.5 ms/);
    await failsWith("IPC_TIMEOUT", () => array.operateSync(operations, { timeout: 5 }));
    await failsWith("IPC_TIMEOUT", () => array.waitSync(0, { timeout: 5, undo: true }));
    const controller = new AbortController();
    const wait = array.operate(operations, { signal: controller.signal });
    await waiters(array, 0, 1);
    controller.abort();
    await failsWith("IPC_ABORTED", wait);
    assert.equal(array.values(), [0, 5]);
    assert.is(array.waitingForIncrease(0), 0);
    await failsWith("IPC_ABORTED", array.operate([{ num: 1, op: -1 }], { signal: AbortSignal.abort() }));
    assert.equal(array.values(), [0, 5]);
  }),
);

test(
  "an abort in the moment of the operation: it was done, or had no effect",
  withArray([0], async (array) => {
    for (let round = 0; round < 30; round++) {
      const controller = new AbortController();
      const wait = array.wait(0, { signal: controller.signal });
      await turnEventLoop(round % 4);
      array.post(0);
      for (let spin = 0; spin < round * 1000; spin++) Atomics.load(new Int32Array(1), 0);
      controller.abort();
      const done = await wait.then(
        () => true,
        () => false,
      );
      assert.is(array.value(0), done ? 0 : 1);
      array.setValue(0, 0);
    }
  }),
);

test(
  "signals interrupt a wait without ending it",
  withArray([0], async (array) => {
    const started = performance.now();
    await whileInterrupted(() => {
      try {
        array.operateSync([{ num: 0, op: -1, undo: true }], { timeout: 150 });
      } catch (error) {
        assert.is((error as { code?: string }).code, "IPC_TIMEOUT");
      }
    });
    assert.ok(performance.now() - started >= 149);
    assert.is(array.value(0), 0);
  }),
);

test(
  "a key leads to one array, as ipcs and /proc show it",
  deadline(LIMIT, async () => {
    const key = uniqueKey();
    await failsWith("IPC_NOT_FOUND", () => SysvSemaphoreArray.open(key), /Cannot open the semaphores 0x/);
    using array = SysvSemaphoreArray.create(key, [4, 5], { mode: 0o640 });
    assert.equal([array.key, array.length], [key, 2]);
    assert.ok(array.stat().otime > 0, "others see that it has its values");
    await failsWith("IPC_EXISTS", () => SysvSemaphoreArray.create(key, [1]));
    using opened = SysvSemaphoreArray.open(key);
    assert.equal([opened.id, opened.length, opened.values()], [array.id, 2, [4, 5]]);
    const row = readFileSync("/proc/sysvipc/sem", "utf8")
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .find(([, id]) => id === `${array.id}`);
    assert.equal(row?.slice(0, 5), [`${key}`, `${array.id}`, "640", "2", `${getuid()}`]);
    assert.match(execFileSync("ipcs", ["-s", "-i", `${array.id}`], { encoding: "utf8" }), /nsems = 2/);
    opened.set({ mode: 0o600 });
    assert.is(array.stat().mode, 0o600);
    assert.is(SysvSemaphoreArray.fromId(array.id).remove(), true);
    assert.is(array.remove(), false);
    assert.is(SysvSemaphoreArray.remove(key), false);
    for (const use of [
      () => array.values(),
      () => array.tryOperate([{ num: 0, op: 1 }]),
      () => array.operate([{ num: 0, op: 1 }]),
      () => array.stat(),
      () => array.setValue(0, 1),
      () => array.lastPid(0),
    ]) {
      await failsWith("IPC_CLOSED", use, /were removed/);
    }
    await failsWith("IPC_NOT_FOUND", () => SysvSemaphoreArray.fromId(array.id));
  }),
);

test(
  "a key of a file, as ftok makes it",
  deadline(LIMIT, async () => {
    const file = join(tmpdir(), uniqueName("key"));
    await failsWith("IPC_NOT_FOUND", () => SysvSemaphoreArray.create(`${file}#65`, [1]), /Create the file/);
    writeFileSync(file, "");
    const array = SysvSemaphoreArray.create(`${file}#A`, [1]);
    assert.is(array.key, ftok(file, 65) >>> 0);
    assert.is(SysvSemaphoreArray.open(`${file}#65`).id, array.id);
    assert.is(SysvSemaphoreArray.remove(`${file}#65`), true);
    rmSync(file);
  }),
);

test(
  "an array that is removed ends the waits, on and off the thread",
  deadline(LIMIT, async () => {
    const array = SysvSemaphoreArray.create(IPC_PRIVATE, [0]);
    const wait = array.wait(0);
    const peer = native("array-op", array.id, 0, -1, 0);
    await waiters(array, 0, 2);
    array.remove();
    await failsWith("IPC_CLOSED", wait, /were removed/);
    await peer.kill();
  }),
);

test(
  "close ends the waits of the handle, and the array stays",
  withArray([0], async (array) => {
    const handle = SysvSemaphoreArray.fromId(array.id);
    const wait = handle.wait(0);
    await waiters(array, 0, 1);
    handle.close();
    handle.close();
    await failsWith("IPC_CLOSED", wait, /is closed/);
    await failsWith("IPC_CLOSED", () => handle.values());
    assert.is(array.waitingForIncrease(0), 0);
    assert.is(array.value(0), 0);
  }),
);

test(
  "of processes that open or make one at once, one makes it, and all see its values",
  deadline(LIMIT, async () => {
    const key = uniqueKey();
    const peers = Array.from({ length: 4 }, () => script("array-open-or-create", key));
    const said = new Set<string>();
    for (const peer of peers) {
      const { status, lines } = await peer.exit();
      assert.is(status, 0);
      said.add(lines.join());
    }
    assert.is(said.size, 1);
    assert.match([...said][0] ?? "", /^\d+ 7 8 9$/);
    await failsWith("IPC_EXISTS", SysvSemaphoreArray.openOrCreate(key, [1]), /there are 3/);
    assert.is(SysvSemaphoreArray.remove(key), true);
  }),
);

test(
  "an array that was made and not set yet is waited for, boundedly",
  deadline(LIMIT, async () => {
    const key = uniqueKey();
    const half = native("array-half", key, 2);
    const id = Number(await half.line());
    await half.end();
    await failsWith("IPC_TIMEOUT", SysvSemaphoreArray.openOrCreate(key, [1, 1], { timeout: 30 }), /if it died/);
    await failsWith(
      "IPC_ABORTED",
      SysvSemaphoreArray.openOrCreate(key, [1, 1], { signal: AbortSignal.timeout(20), timeout: LIMIT }),
    );
    await failsWith(
      "IPC_TIMEOUT",
      () => SysvSemaphoreArray.openOrCreateSync(key, [1, 1], { timeout: 30 }),
      /if it died/,
    );
    const opened = SysvSemaphoreArray.openOrCreate(key, [1, 1], { timeout: LIMIT });
    await turnEventLoop();
    // what its maker does at last
    const setter = native("array-do", id, 1, 6);
    const array = SysvSemaphoreArray.openOrCreateSync(key, [1, 1], { timeout: LIMIT });
    assert.equal([array.id, array.values(), (await opened).id], [id, [0, 6], id]);
    await setter.end();
    assert.is(array.remove(), true);
    const made = SysvSemaphoreArray.openOrCreateSync(key, [3]);
    assert.equal(made.values(), [3]);
    made.remove();
    // one that goes while it is waited for is made anew
    await native("array-half", key, 2).end();
    const again = SysvSemaphoreArray.openOrCreate(key, [1, 2], { timeout: LIMIT });
    await turnEventLoop();
    SysvSemaphoreArray.remove(key);
    const fresh = await again;
    assert.equal(fresh.values(), [1, 2]);
    fresh.remove();
  }),
);

test(
  "a C program's array, and its operations",
  deadline(LIMIT, async () => {
    const key = uniqueKey();
    const maker = native("array-make", key, 2, 0);
    const id = Number(await maker.line());
    await maker.end();
    const array = SysvSemaphoreArray.open(key);
    assert.equal([array.id, array.values()], [id, [2, 0]]);
    const peer = native("array-op", id, 1, -1, 0);
    await waiters(array, 1, 1);
    array.post(1);
    assert.is(await peer.line(), "waiting");
    assert.is(await peer.line(), "done");
    assert.is(array.lastPid(1), peer.pid);
    await peer.kill();
    const wait = array.operate([
      { num: 0, op: -2 },
      { num: 1, op: -1 },
    ]);
    await waiters(array, 1, 1);
    await native("array-do", id, 1, 1).end();
    await wait;
    assert.equal(array.values(), [0, 0]);
    array.remove();
  }),
);

test(
  "what a C process did is undone when it is killed, and wakes who waits",
  withArray([1], async (array) => {
    const peer = native("array-op", array.id, 0, -1, 1);
    assert.is(await peer.line(), "waiting");
    assert.is(await peer.line(), "done");
    const wait = array.wait(0);
    await waiters(array, 0, 1);
    await peer.kill();
    await wait;
    assert.is(array.value(0), 0);
  }),
);

test(
  "what a JavaScript process did is undone when it is killed and when it ends, also what was done off its thread",
  withArray([0, 1], async (array) => {
    for (const killed of [true, false]) {
      array.setValues([0, 1]);
      const peer = script("array-undo", array.id, killed ? 1 : 0);
      await peer.line("waiting");
      await waiters(array, 0, 1);
      array.post(0);
      await peer.line("done");
      if (killed) {
        assert.equal(array.values(), [0, 0]);
        await peer.kill();
      } else {
        await peer.exit();
      }
      assert.equal(array.values(), [1, 1]);
    }
  }),
);

test(
  "an array goes with the process that made it",
  deadline(LIMIT, async () => {
    const key = uniqueKey();
    const { status, lines } = await script("array-make-and-end", key).exit();
    assert.is(status, 0);
    assert.match(lines[0] ?? "", /^\d+$/);
    await failsWith("IPC_NOT_FOUND", () => SysvSemaphoreArray.open(key));
  }),
);

test(
  "what the system refuses",
  withArray([0, 32_767], async (array) => {
    const [, , most = 0] = readFileSync("/proc/sys/kernel/sem", "utf8").trim().split(/\s+/).map(Number);
    const tooMany = Array.from({ length: most + 1 }, () => ({ num: 0, op: 1 }));
    await failsWithErrno("E2BIG", () => array.operate(tooMany));
    await failsWithErrno("E2BIG", () => array.tryOperate(tooMany));
    await failsWithErrno("E2BIG", () => array.operateSync(tooMany));
    await failsWithErrno("ERANGE", () => array.operate([{ num: 1, op: 1 }]));
    await failsWithErrno("ERANGE", () => array.post(1));
    assert.equal(array.values(), [0, 32_767]);
  }),
);

test(
  "another user's array",
  deadline(LIMIT, async () => {
    if (!isRoot()) return skip("needs root, to become another user");
    const key = uniqueKey();
    const array = SysvSemaphoreArray.create(key, [1], { removeOnExit: false });
    await failsWith("IPC_PERMISSION", () => asNobody(() => SysvSemaphoreArray.open(key)), /ipcs -s/);
    await failsWith("IPC_PERMISSION", () => asNobody(() => array.tryOperate([{ num: 0, op: 1 }])));
    await failsWith("IPC_PERMISSION", () => asNobody(() => array.remove()));
    await failsWith("IPC_PERMISSION", () => asNobody(() => SysvSemaphoreArray.remove(key)));
    array.set({ mode: 0o644 });
    asNobody(() => assert.equal(SysvSemaphoreArray.open(key).values(), [1]));
    await failsWith("IPC_PERMISSION", () => asNobody(() => array.post(0)));
    await failsWith("IPC_PERMISSION", () => asNobody(() => array.set({ mode: 0o666 })));
    array.set({ uid: 65_534 });
    assert.equal([array.stat().uid, array.stat().cuid], [65_534, 0]);
    assert.is(
      asNobody(() => array.remove()),
      true,
    );
    // without permission to set the values none is left behind
    await failsWith("IPC_PERMISSION", () => asNobody(() => SysvSemaphoreArray.create(key, [1], { mode: 0 })));
    await failsWith("IPC_NOT_FOUND", () => SysvSemaphoreArray.open(key));
  }),
);

test(
  "misuse is refused before any call",
  withArray([1, 1], async (array) => {
    const key = uniqueKey();
    for (const values of [[], [-1], [32_768], [0.5], [Number.NaN]]) {
      await failsWith("RangeError", () => SysvSemaphoreArray.create(key, values));
      await failsWith("RangeError", SysvSemaphoreArray.openOrCreate(key, values));
    }
    await failsWith("TypeError", () => SysvSemaphoreArray.create(key, ["1" as never]));
    await failsWith("TypeError", () => SysvSemaphoreArray.create(key, 1 as never));
    await failsWith("RangeError", () => SysvSemaphoreArray.create(key, [1], { mode: -1 }));
    await failsWith("RangeError", () => SysvSemaphoreArray.create(2 ** 32, [1]), /key is 4294967296/);
    await failsWith("TypeError", () => SysvSemaphoreArray.create(undefined as never, [1]));
    for (const text of ["", "#", "/tmp", "/tmp#0", "/tmp#256", "#65"]) {
      await failsWith("RangeError", () => SysvSemaphoreArray.create(text, [1]), /PATH#ID/);
    }
    await failsWith("RangeError", () => SysvSemaphoreArray.open(IPC_PRIVATE), /IPC_PRIVATE/);
    await failsWith("RangeError", () => SysvSemaphoreArray.fromId(-1));
    await failsWith("TypeError", () => SysvSemaphoreArray.fromId("1" as never));
    await failsWith("RangeError", array.operate([]), /no operation/);
    await failsWith("TypeError", array.operate({} as never));
    await failsWith("RangeError", array.operate([{ num: 2, op: 1 }]), /numbers 0 to 1/);
    await failsWith("RangeError", () => array.tryOperate([{ num: -1, op: 1 }]));
    await failsWith("RangeError", () => array.operateSync([{ num: 0, op: 32_768 }]));
    await failsWith("RangeError", array.wait(0, { timeout: -1 }));
    await failsWith("TypeError", array.operate([{ num: 0, op: -1 }], null as never));
    await failsWith("RangeError", () => array.setValues([1]));
    await failsWith("RangeError", () => array.setValue(0, -1));
    await failsWith("RangeError", () => array.value(2));
    assert.equal(array.values(), [1, 1]);
  }),
);

leakCheck(test, async () => {
  const array = SysvSemaphoreArray.create(IPC_PRIVATE, [0]);
  // as many threads as are kept; they run when the waits are over, as they need not when those are given up
  const waits = Array.from({ length: 4 }, () => array.wait(0));
  array.setValue(0, 4);
  await Promise.all(waits);
  array.remove();
});
test.run();
