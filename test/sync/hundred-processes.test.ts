// runtimes: bun - it starts a hundred scripts, which takes the others too long; they count among C programs in the tests beside this one
// timeout: 240s - a machine that is loaded
// serial
import { test } from "uvu";
import * as assert from "uvu/assert";
import { IPC_PRIVATE } from "../../src/ffi/abi/current.ts";
import { Mutex } from "../../src/sync/mutex.ts";
import { Semaphore } from "../../src/sync/semaphore.ts";
import { SysvSemaphoreArray } from "../../src/sync/sysv-semaphore-array.ts";
import { deadline } from "../support/deadline.ts";
import { leakCheck } from "../support/leak-check.ts";
import { startPeer } from "../support/peer-process.ts";
import { currentRuntime } from "../support/runtimes.ts";
import { uniqueName } from "../support/unique-name.ts";
import { COUNTS } from "./hundred-counts.ts";
import { LockMemory, MUTEX } from "./lock-memory.ts";

const PROCESSES = 100;
const TIMES = 10_000;

test(
  `${PROCESSES} scripts add ${TIMES} each, all at the same time: exact under Mutex, Semaphore and SysvSemaphoreArray, and not without`,
  deadline(200_000, async () => {
    using memory = new LockMemory();
    Mutex.create(memory.region, MUTEX);
    const name = uniqueName("hundred");
    using semaphore = Semaphore.create(name, 1);
    const array = SysvSemaphoreArray.create(IPC_PRIVATE, [1, PROCESSES, PROCESSES, PROCESSES, PROCESSES]);
    const args = [memory.name, name, `${array.id}`, `${TIMES}`];
    const peers = Array.from({ length: PROCESSES }, () =>
      startPeer(currentRuntime(), "test/sync/peers/hundred-user.ts", args),
    );
    for (const { status } of await Promise.all(peers.map((peer) => peer.exit()))) assert.is(status, 0);
    // the processes do meet, else the others would prove nothing
    const unguarded = memory.get(COUNTS.none.at);
    assert.ok(unguarded > 0 && unguarded < PROCESSES * TIMES, `${unguarded} without a guard`);
    for (const { at } of [COUNTS.mutex, COUNTS.semaphore, COUNTS.array]) assert.is(memory.get(at), PROCESSES * TIMES);
    assert.is(semaphore.value, 1);
    assert.equal(array.values(), [1, 0, 0, 0, 0]);
    semaphore.remove();
    array.remove();
  }),
);

leakCheck(test);
test.run();
