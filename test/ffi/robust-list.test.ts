import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { FUTEX_WAIT, recommendedLibrary, SYS_futex, setPendingRobust } from "../../src/ffi/mod.ts";
import { callBlocking } from "../../src/ffi/off-thread/blocking-call.ts";
import { deadline } from "../support/deadline.ts";
import { isPending } from "../support/event-loop.ts";

const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
const word = new Int32Array(memory.buffer as unknown as SharedArrayBuffer, 0, 1);
const address = recommendedLibrary().address(word);

const built = import.meta.url.endsWith(".js");
const file = new URL(built ? "./peers/robust-thread.js" : "./peers/robust-thread.ts", import.meta.url);

async function runThread(over: boolean): Promise<void> {
  const [code] = await once(new Worker(file, { workerData: { address, over } }), "exit");
  assert.is(code, 0);
}

test(
  "the kernel wakes who waits for a free lock when a thread ends that had it pending",
  deadline(30_000, async () => {
    const wait = callBlocking("syscall", [SYS_futex, word, FUTEX_WAIT, 0, 0, 0, 0]);
    await runThread(true);
    assert.ok(await isPending(wait));
    // the first one may end before the thread that waits is asleep
    while (await isPending(wait)) await runThread(false);
    assert.equal(await wait, { result: 0, errno: 0 });
    assert.is(word[0], 0);
  }),
);

test("a bad address is refused", () => {
  assert.throws(() => setPendingRobust(-8), RangeError);
  assert.throws(() => setPendingRobust(Number.NaN), RangeError);
});

test.run();
