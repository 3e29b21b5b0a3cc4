import { chmodSync, existsSync, statSync, writeFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SEM_VALUE_MAX } from "../../src/ffi/abi/current.ts";
import { getpid, gettid } from "../../src/ffi/ids.ts";
import { SystemError } from "../../src/ffi/system-error.ts";
import { Semaphore } from "../../src/sync/semaphore.ts";
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
import { uniqueName } from "../support/unique-name.ts";
import { sharedFile } from "./peers/shared-file.ts";

const LIMIT = 60_000;
const native = nativePeer("semaphore-peer");
const script = (...args: (string | number)[]) =>
  startPeer(currentRuntime(), "test/sync/peers/semaphore-user.ts", args.map(String));

/** Runs a test over a named semaphore and over one in shared memory. */
function both(name: string, run: (make: (value: number) => Semaphore) => void | Promise<void>): void {
  test(
    `${name}: named`,
    deadline(LIMIT, async () => {
      const made: Semaphore[] = [];
      try {
        await run((value) => {
          const semaphore = Semaphore.create(uniqueName("sem"), value);
          made.push(semaphore);
          return semaphore;
        });
      } finally {
        for (const semaphore of made) {
          semaphore.remove();
          semaphore.close();
        }
      }
    }),
  );
  test(
    `${name}: in shared memory`,
    deadline(LIMIT, async () => {
      using file = sharedFile();
      let offset = 64;
      const made: Semaphore[] = [];
      try {
        await run((value) => {
          const semaphore = Semaphore.init(file.region, offset, value);
          offset += Semaphore.bytes;
          made.push(semaphore);
          return semaphore;
        });
      } finally {
        for (const semaphore of made) semaphore.destroy();
      }
    }),
  );
}

both("counts, and does not go below 0", async (make) => {
  const semaphore = make(2);
  assert.is(semaphore.value, 2);
  await semaphore.wait();
  semaphore.waitSync();
  assert.is(semaphore.value, 0);
  assert.is(semaphore.tryWait(), false);
  await failsWith("IPC_TIMEOUT", () => semaphore.waitSync({ timeout: 0 }), /did not end within 0 ms/);
  await failsWith("IPC_TIMEOUT", () => semaphore.wait({ timeout: 0 }));
  semaphore.post();
  assert.is(semaphore.tryWait(), true);
});

both("a wait ends with a post of the same process, and the event loop is free meanwhile", async (make) => {
  const semaphore = make(0);
  const first = semaphore.wait();
  const second = semaphore.wait({ timeout: LIMIT });
  assert.is(await isPending(Promise.race([first, second])), true);
  semaphore.post();
  await Promise.race([first, second]);
  assert.is(semaphore.value, 0);
  semaphore.post();
  await Promise.all([first, second]);
});

both("a wait that is given up has taken none", async (make) => {
  const semaphore = make(0);
  const controller = new AbortController();
  const waits = [semaphore.wait({ signal: controller.signal }), semaphore.wait({ timeout: 20 })];
  const kept = semaphore.wait();
  await failsWith("IPC_TIMEOUT", waits[1] as Promise<void>, /did not end within 20 ms/);
  controller.abort(new Error("enough"));
  const error = await failsWith("IPC_ABORTED", waits[0] as Promise<void>);
  assert.is((error.cause as Error).message, "enough");
  semaphore.post();
  await kept;
  assert.is(semaphore.value, 0);
  semaphore.post();
  await failsWith("IPC_ABORTED", semaphore.wait({ signal: AbortSignal.abort() }));
  assert.is(semaphore.value, 1);
});

both("one that was taken in the moment of the abort is given back", async (make) => {
  const semaphore = make(0);
  for (let round = 0; round < 30; round++) {
    const controller = new AbortController();
    const wait = semaphore.wait({ signal: controller.signal });
    await turnEventLoop(round % 4);
    // the thread takes it while this one goes on
    semaphore.post();
    for (let spin = 0; spin < round * 1000; spin++) Atomics.load(COUNTED, 0);
    controller.abort();
    await failsWith("IPC_ABORTED", wait);
    assert.is(semaphore.value, 1);
    assert.is(semaphore.tryWait(), true);
  }
});
const COUNTED = new Int32Array(1);

both("close ends the waits", async (make) => {
  const semaphore = make(0);
  const waits = [semaphore.wait(), semaphore.wait({ timeout: LIMIT })];
  await turnEventLoop();
  semaphore.close();
  semaphore.close();
  for (const wait of waits) await failsWith("IPC_CLOSED", wait, /handle of .*semaphore.* is closed/);
  for (const use of [
    () => semaphore.wait(),
    () => semaphore.tryWait(),
    () => semaphore.waitSync(),
    () => semaphore.post(),
    () => semaphore.value,
  ]) {
    await failsWith("IPC_CLOSED", use);
  }
});

both("waitSync waits the whole time, also when signals come", async (make) => {
  const semaphore = make(0);
  const started = performance.now();
  await whileInterrupted(() => {
    try {
      semaphore.waitSync({ timeout: 150 });
    } catch (error) {
      assert.is((error as { code?: string }).code, "IPC_TIMEOUT");
    }
  });
  assert.ok(performance.now() - started >= 149);
  // an asynchronous wait goes on as well: its thread is interrupted, and waits again
  const wait = semaphore.wait();
  await turnEventLoop();
  await whileInterrupted(() => gettid() === getpid());
  assert.is(await isPending(wait), true);
  semaphore.post();
  await wait;
});

both("no post past the largest value", (make) => {
  const semaphore = make(SEM_VALUE_MAX);
  assert.is(semaphore.value, SEM_VALUE_MAX);
  try {
    semaphore.post();
    assert.unreachable();
  } catch (error) {
    assert.instance(error, SystemError);
    assert.is((error as SystemError).code, "EOVERFLOW");
  }
  assert.is(semaphore.value, SEM_VALUE_MAX);
});

test(
  "a name leads to one semaphore, an entry of /dev/shm, until it is removed",
  deadline(LIMIT, async () => {
    const name = uniqueName("sem");
    await failsWith("IPC_NOT_FOUND", () => Semaphore.open(name), /Cannot open the semaphore \/sem-/);
    using made = Semaphore.create(name, 3, { mode: 0o640 });
    assert.is(made.name, `/${name}`);
    assert.is(statSync(`/dev/shm/sem.${name}`).mode & 0o777, 0o640);
    await failsWith("IPC_EXISTS", () => Semaphore.create(`/${name}`, 0));
    using opened = Semaphore.open(`/${name}`);
    using other = Semaphore.openOrCreate(name, 99);
    opened.post();
    assert.equal([made.value, other.value], [4, 4]);
    assert.is(Semaphore.remove(name), true);
    assert.is(Semaphore.remove(name), false);
    assert.is(existsSync(`/dev/shm/sem.${name}`), false);
    assert.is(opened.remove(), false);
    // who has it keeps it
    opened.post();
    assert.is(made.value, 5);
    using another = Semaphore.openOrCreate(name, 1);
    assert.is(another.value, 1);
    assert.is(made.remove(), false, "the name is another's");
    assert.is(another.remove(), true);
  }),
);

test(
  "a C program's wait and post, named",
  deadline(LIMIT, () => exchangeNamed("native")),
);
test(
  "another JavaScript process's wait and post, named",
  deadline(LIMIT, () => exchangeNamed("script")),
);

async function exchangeNamed(who: "native" | "script"): Promise<void> {
  const name = uniqueName("sem");
  using semaphore = Semaphore.create(name, 0);
  if (who === "native") {
    const waiter = native("named-wait", name, 2);
    assert.is(await waiter.line(), "waiting");
    await waiter.asleep();
    semaphore.post();
    assert.is(await waiter.line(), "taken");
    semaphore.post();
    await waiter.end();
    const wait = semaphore.wait();
    const poster = native("named-post", name, 3);
    await wait;
    await poster.end();
  } else {
    const waiter = script("named-wait", name);
    await waiter.line("waiting");
    semaphore.post();
    await waiter.line("taken");
    assert.is((await waiter.exit()).status, 0);
    const wait = semaphore.wait();
    const poster = script("named-post", name, 3);
    await wait;
    assert.is((await poster.exit()).status, 0);
  }
  assert.is(semaphore.value, 2);
  semaphore.remove();
}

test(
  "a semaphore that a C program made, by a name and in shared memory",
  deadline(LIMIT, async () => {
    const name = uniqueName("sem");
    const maker = native("named-make", name, 5);
    assert.is(await maker.line(), "made");
    using named = Semaphore.open(name);
    await named.wait();
    assert.is(named.value, 4);
    await maker.kill();
    assert.is(named.remove(), true);

    using file = sharedFile();
    await native("shared-init", file.path, 128, 1).end();
    using shared = Semaphore.at(file.region, 128);
    await shared.wait();
    const waiter = native("shared-wait", file.path, 128, 1);
    assert.is(await waiter.line(), "waiting");
    await waiter.asleep();
    shared.post();
    await waiter.end();
    const wait = shared.wait();
    await native("shared-post", file.path, 128, 2).end();
    await wait;
    assert.is(shared.value, 1);
  }),
);

test(
  "a semaphore goes with the process that made it, unless it shall stay",
  deadline(LIMIT, async () => {
    const name = uniqueName("sem");
    assert.is((await script("named-make-and-end", name, 1, 1).exit()).status, 0);
    assert.is(existsSync(`/dev/shm/sem.${name}`), false);
    assert.is((await script("named-make-and-end", name, 1, 0).exit()).status, 0);
    assert.is(Semaphore.remove(name), true);
  }),
);

test(
  "a file that is too short is no semaphore",
  deadline(LIMIT, async () => {
    const name = uniqueName("sem");
    writeFileSync(`/dev/shm/sem.${name}`, "short");
    await failsWith("IPC_CORRUPT", () => Semaphore.open(name), /has 5 bytes, not 32/);
    await failsWith("IPC_CORRUPT", () => Semaphore.openOrCreate(name, 1));
    assert.is(Semaphore.remove(name), true);
  }),
);

test(
  "another user's semaphore",
  deadline(LIMIT, async () => {
    if (!isRoot()) return skip("needs root, to become another user");
    const name = uniqueName("sem");
    using semaphore = Semaphore.create(name, 1);
    await failsWith("IPC_PERMISSION", () => asNobody(() => Semaphore.open(name)));
    await failsWith("IPC_PERMISSION", () => asNobody(() => Semaphore.remove(name)));
    await failsWith("IPC_PERMISSION", () => asNobody(() => semaphore.remove()));
    chmodSync(`/dev/shm/sem.${name}`, 0o666);
    asNobody(() => Semaphore.open(name).close());
    assert.is(Semaphore.remove(name), true);
  }),
);

test(
  "misuse is refused before any call",
  deadline(LIMIT, async () => {
    for (const [name, pattern] of [
      ["", /is empty/],
      ["/", /is empty/],
      ["a/b", /slash/],
      ["a\0b", /NUL/],
      ["x".repeat(252), /has 252 bytes, but may have 251/],
    ] as const) {
      await failsWith("RangeError", () => Semaphore.create(name, 1), pattern);
      await failsWith("RangeError", () => Semaphore.open(name), pattern);
      await failsWith("RangeError", () => Semaphore.remove(name), pattern);
    }
    const longest = uniqueName("longest").padEnd(251, "x");
    Semaphore.create(longest, 1).close();
    assert.is(Semaphore.remove(longest), true);
    await failsWith("TypeError", () => Semaphore.open(5 as unknown as string));
    for (const value of [-1, 0.5, SEM_VALUE_MAX + 1, Number.NaN]) {
      await failsWith("RangeError", () => Semaphore.create("misuse", value), /The value is/);
    }
    await failsWith("TypeError", () => Semaphore.create("misuse", "1" as unknown as number));
    await failsWith("RangeError", () => Semaphore.create("misuse", 1, { mode: 0o1777 }));
    await failsWith("TypeError", () => Semaphore.openOrCreate("misuse", 1, { removeOnExit: 1 as never }));
    await failsWith("TypeError", () => Semaphore.create("misuse", 1, null as never));
    using file = sharedFile();
    for (const offset of [4, -8, 4096 - 24, 0.5]) {
      await failsWith("RangeError", () => Semaphore.init(file.region, offset, 1), /The offset is/);
    }
    const shared = Semaphore.init(file.region, 0, 1);
    await failsWith("TypeError", () => shared.remove(), /destroy\(\)/);
    await failsWith("RangeError", () => shared.wait({ timeout: -1 }));
    await failsWith("TypeError", () => shared.waitSync({ signal: new AbortController().signal } as never));
    assert.is(shared.value, 1);
    shared.destroy();
    shared.destroy();
    assert.not(existsSync("/dev/shm/sem.misuse"));
  }),
);

leakCheck(test, async () => {
  using file = sharedFile();
  using semaphore = Semaphore.init(file.region, 0, 0);
  // as many threads as are kept; they run when the waits are over, as they need not when those are given up
  const waits = Array.from({ length: 4 }, () => semaphore.wait());
  for (let posts = 0; posts < 4; posts++) semaphore.post();
  await Promise.all(waits);
  using named = Semaphore.create(uniqueName("warm-up"), 0);
  named.remove();
});
test.run();
