// timeout: 180s
/** Many processes count in memory that only a semaphore guards: the additions are plain, so two at once would lose one. */
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { IPC_PRIVATE } from "../../src/ffi/abi/current.ts";
import { Semaphore } from "../../src/sync/semaphore.ts";
import { SysvSemaphoreArray } from "../../src/sync/sysv-semaphore-array.ts";
import { deadline } from "../support/deadline.ts";
import { leakCheck } from "../support/leak-check.ts";
import { nativePeer } from "../support/native-peer.ts";
import { startPeer } from "../support/peer-process.ts";
import { currentRuntime } from "../support/runtimes.ts";
import { uniqueName } from "../support/unique-name.ts";
import { putBack, putBacks } from "./peers/add-one.ts";
import { type SharedFile, sharedFile } from "./peers/shared-file.ts";

const LIMIT = 170_000;
const PROCESSES = 100;
const TIMES = 10_000;
/** JavaScript processes among them, which are started and run beside the C ones, a few at a time. */
const SCRIPTS = 4;
const WAVE = 24;

/**
 * Of the test that kills: how often, how many processes at least, how many of them in the middle of an addition, and how many are alive
 * at a time. Slots must stay below the log's words.
 */
const PAUSE = 10;
const KILLED = 100;
const KILLED_INSIDE = 3;
const ALIVE = 12;
const MOST_SLOTS = 500;
/** Every so many-th addition of a C program has a nap in its middle. */
const NAP_EVERY = 8;

const native = nativePeer("semaphore-peer");

/** One process that counts into a slot of its own. */
interface Counter {
  readonly slot: number;
  readonly over: Promise<unknown>;
  kill(): Promise<void>;
}

type Verb = "named-count" | "array-count";

function start(
  verb: Verb,
  object: string | number,
  file: SharedFile,
  slot: number,
  isScript: boolean,
  napEvery = 0,
): Counter {
  const args = [object, file.path, slot, TIMES].map(String);
  if (isScript) {
    const peer = startPeer(currentRuntime(), "test/sync/peers/semaphore-user.ts", [verb, ...args]);
    const over = peer.exit().then(({ status }) => assert.is(status, 0, `process ${slot}`));
    return { slot, over, kill: () => peer.kill() };
  }
  const peer = native(verb, ...args, napEvery);
  return { slot, over: peer.end(), kill: () => peer.kill() };
}

/** Runs all the processes, so many at a time. */
async function runAll(verb: Verb, object: string | number, file: SharedFile): Promise<void> {
  let next = 1;
  const lane = async () => {
    while (next <= PROCESSES) await start(verb, object, file, next, next++ <= SCRIPTS).over;
  };
  await Promise.all(Array.from({ length: WAVE }, lane));
}

function assertExact({ words }: SharedFile): void {
  for (let slot = 1; slot <= PROCESSES; slot++) assert.is(words[slot], TIMES, `process ${slot}`);
  assert.is(words[0], PROCESSES * TIMES);
}

test(
  `${PROCESSES} processes add ${TIMES} each under a Semaphore`,
  deadline(LIMIT, async () => {
    using file = sharedFile();
    const name = uniqueName("count");
    using semaphore = Semaphore.create(name, 1);
    await runAll("named-count", name, file);
    assertExact(file);
    assert.is(semaphore.value, 1);
    semaphore.remove();
  }),
);

test(
  `${PROCESSES} processes add ${TIMES} each under a SysvSemaphoreArray`,
  deadline(LIMIT, async () => {
    using file = sharedFile();
    const array = SysvSemaphoreArray.create(IPC_PRIVATE, [1]);
    await runAll("array-count", array.id, file);
    assertExact(file);
    assert.equal(array.values(), [1]);
    array.remove();
  }),
);

test(
  `one process is killed every ${PAUSE} ms under SEM_UNDO: nobody hangs, and every addition that was completed counts`,
  deadline(LIMIT, async () => {
    const seed = Date.now() >>> 0;
    console.log(`seed ${seed}`);
    let state = seed;
    const random = (below: number) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    using file = sharedFile();
    const array = SysvSemaphoreArray.create(IPC_PRIVATE, [1]);
    const running = new Set<Counter>();
    const killed = new Set<number>();
    let slots = 0;
    const add = () => {
      const counter = start("array-count", array.id, file, ++slots, slots % 40 === 1, NAP_EVERY);
      running.add(counter);
      const ended = () => running.delete(counter);
      counter.over.then(ended, ended);
    };
    while (killed.size < KILLED || (putBacks(file.words) < KILLED_INSIDE && slots < MOST_SLOTS - ALIVE)) {
      while (running.size < ALIVE) add();
      await sleep(PAUSE);
      const victim = [...running][random(running.size)];
      if (victim === undefined) continue;
      killed.add(victim.slot);
      await victim.kill();
    }
    // the others come to their end
    await Promise.all([...running].map(({ over }) => over));
    assert.equal(array.values(), [1]);
    putBack(file.words);
    let sum = 0;
    for (let slot = 1; slot <= slots; slot++) {
      const own = file.words[slot] as number;
      sum += own;
      if (!killed.has(slot)) assert.is(own, TIMES, `process ${slot}`);
    }
    assert.is(file.words[0], sum);
    assert.ok(
      putBacks(file.words) >= KILLED_INSIDE,
      `${putBacks(file.words)} were killed while they held the semaphore`,
    );
    array.remove();
  }),
);

leakCheck(test);
test.run();
