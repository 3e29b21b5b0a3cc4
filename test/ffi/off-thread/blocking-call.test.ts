import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { IPC_PRIVATE } from "../../../src/ffi/abi/current.ts";
import { E2BIG, EIDRM, EINTR, EINVAL } from "../../../src/ffi/abi/errno.ts";
import { close, pipe2, write } from "../../../src/ffi/fd.ts";
import {
  MSG_TEXT_OFFSET,
  msgctlRemove,
  msgctlSet,
  msgctlStat,
  msgget,
  msgsnd,
  setMessageType,
} from "../../../src/ffi/msg.ts";
import { callBlocking, callBlockingSync, startBlocking } from "../../../src/ffi/off-thread/blocking-call.ts";
import { BlockingCaller } from "../../../src/ffi/off-thread/blocking-caller.ts";
import { interruptSignal } from "../../../src/ffi/off-thread/interrupt.ts";
import { recommendedLibrary } from "../../../src/ffi/recommended.ts";
import { tgkill } from "../../../src/ffi/signal.ts";
import { deadline } from "../../support/deadline.ts";
import { failsWith } from "../../support/fails-with.ts";
import { skip } from "../../support/skip.ts";

const LIMIT = 30_000;
const ROOM = 64;

/** A queue of its own for each test, and the memory for one message. */
class Queue implements Disposable {
  readonly id = msgget(IPC_PRIVATE, 0o600);
  readonly message = new DataView(new SharedArrayBuffer(MSG_TEXT_OFFSET + ROOM));
  readonly #sent = new DataView(new ArrayBuffer(MSG_TEXT_OFFSET + 4));
  #removed = false;

  constructor() {
    setMessageType(this.#sent, 1);
  }

  /** The arguments of msgrcv. */
  get receive(): [number, DataView<SharedArrayBuffer>, number, number, number] {
    return [this.id, this.message, ROOM, 0, 0];
  }

  get received(): number {
    return this.message.getUint32(MSG_TEXT_OFFSET, true);
  }

  send(number: number): void {
    this.#sent.setUint32(MSG_TEXT_OFFSET, number, true);
    assert.is(msgsnd(this.id, this.#sent, 4, 0), 0);
  }

  remove(): void {
    if (!this.#removed) msgctlRemove(this.id);
    this.#removed = true;
  }

  [Symbol.dispose](): void {
    this.remove();
  }
}

function threads(): number[] {
  return readdirSync("/proc/self/task").map(Number);
}

/** Waits until so many threads block in msgrcv, as far as the kernel tells: some say 0 for all threads. */
async function blocked(count: number): Promise<void> {
  for (let tries = 0; tries < 5000; tries++) {
    const places = threads().map(whereAsleep);
    if (places.filter((place) => place.includes("msgrcv")).length >= count) return;
    if (tries >= 500 && places.every((place) => place === "" || place === "0")) return;
    await sleep(2);
  }
}

function whereAsleep(thread: number): string {
  try {
    return readFileSync(`/proc/self/task/${thread}/wchan`, "utf8");
  } catch {
    return ""; // it has ended
  }
}

const RECEIVED = { result: 4, errno: 0 };
const CANCELLED = { result: -1, errno: EINTR };

test(
  "msgrcv waits for a message while the event loop goes on",
  deadline(LIMIT, async () => {
    using queue = new Queue();
    const call = callBlocking("msgrcv", queue.receive);
    assert.is(await Promise.race([call, sleep(50, "blocks")]), "blocks");
    queue.send(17);
    assert.equal(await call, RECEIVED);
    assert.is(queue.received, 17);
  }),
);

test(
  "msgsnd waits for room",
  deadline(LIMIT, async () => {
    using queue = new Queue();
    queue.send(1);
    msgctlSet(queue.id, { qbytes: 4 });
    const message = new DataView(new SharedArrayBuffer(MSG_TEXT_OFFSET + 4));
    setMessageType(message, 1);
    message.setUint32(MSG_TEXT_OFFSET, 2, true);
    const call = callBlocking("msgsnd", [queue.id, message, 4, 0]);
    assert.is(await Promise.race([call, sleep(50, "blocks")]), "blocks");
    assert.equal(await callBlocking("msgrcv", queue.receive), RECEIVED);
    assert.is(queue.received, 1);
    assert.equal(await call, { result: 0, errno: 0 });
    assert.equal(await callBlocking("msgrcv", queue.receive), RECEIVED);
    assert.is(queue.received, 2);
  }),
);

test(
  "each call has its own errno",
  deadline(LIMIT, async () => {
    using queue = new Queue();
    using long = new Queue();
    long.send(1);
    const [id, message] = long.receive;
    const outcomes = await Promise.all([
      callBlocking("msgrcv", [-1, queue.message, ROOM, 0, 0]),
      callBlocking("msgrcv", [id, message, 1, 0, 0]),
    ]);
    assert.equal(outcomes, [
      { result: -1, errno: EINVAL },
      { result: -1, errno: E2BIG },
    ]);
  }),
);

test(
  "a queue that is removed ends the calls that block on it",
  deadline(LIMIT, async () => {
    using queue = new Queue();
    const calls = Array.from({ length: 3 }, () => callBlocking("msgrcv", queue.receive));
    await blocked(3);
    queue.remove();
    for (const outcome of await Promise.all(calls)) assert.equal(outcome, { result: -1, errno: EIDRM });
  }),
);

test(
  "a signal that fired before cancels a call that never began",
  deadline(LIMIT, async () => {
    using queue = new Queue();
    queue.send(1);
    assert.equal(await callBlocking("msgrcv", queue.receive, AbortSignal.abort()), CANCELLED);
    assert.is(msgctlStat(queue.id).qnum, 1);
  }),
);

test(
  "200 cancellations race with messages, and each message arrives once, in order",
  deadline(LIMIT, async () => {
    using queue = new Queue();
    const seed = Date.now() % 1_000_000;
    console.log(`seed ${seed}`);
    const random = generator(seed);
    const received: number[] = [];
    let sent = 0;
    let cancelled = 0;
    for (let round = 0; round < 200; round++) {
      const abort = new AbortController();
      const call = callBlocking("msgrcv", queue.receive, abort.signal);
      // up to the time that the thread takes to wake and to enter the call
      spin(random() * 0.15);
      if (random() < 0.2) await sleep(random() * 3);
      const steps = [() => abort.abort(), () => queue.send(++sent)];
      if (random() < 0.5) steps.reverse();
      steps[0]?.();
      spin(random() * 0.05);
      steps[1]?.();
      const outcome = await call;
      if (outcome.errno === 0) received.push(queue.received);
      else assert.equal(outcome, CANCELLED);
      if (outcome.errno === EINTR) cancelled++;
      assert.is(msgctlStat(queue.id).qnum, sent - received.length);
    }
    for (let left = sent - received.length; left > 0; left--) {
      assert.equal(await callBlocking("msgrcv", queue.receive), RECEIVED);
      received.push(queue.received);
    }
    assert.equal(
      received,
      Array.from({ length: sent }, (_, index) => index + 1),
    );
    assert.ok(cancelled > 0, "no call was cancelled");
  }),
);

test(
  "200 calls that block are cancelled at every moment",
  deadline(LIMIT, async () => {
    using queue = new Queue();
    const random = generator(7);
    for (let round = 0; round < 200; round++) {
      const abort = new AbortController();
      const call = callBlocking("msgrcv", queue.receive, abort.signal);
      spin(random() * 0.15);
      if (random() < 0.2) await sleep(random() * 3);
      abort.abort();
      assert.equal(await call, CANCELLED);
    }
  }),
);

test(
  "a cancellation is tried again until it succeeds",
  deadline(LIMIT, async () => {
    if (spawnSync("prlimit", ["--version"]).status !== 0) return skip("prlimit(1) is not installed");
    using queue = new Queue();
    const abort = new AbortController();
    const call = callBlocking("msgrcv", queue.receive, abort.signal);
    await blocked(1);
    const limit = (value: string) => spawnSync("prlimit", ["--pid", `${process.pid}`, `--sigpending=${value}`]).status;
    const { stdout } = spawnSync("prlimit", ["--sigpending", "--output=SOFT", "--noheadings", "--raw"]);
    // no signal can be sent now
    assert.is(limit("0:"), 0);
    abort.abort();
    assert.is(await Promise.race([call, sleep(50, "blocks")]), "blocks");
    assert.is(limit(`${stdout}`.trim().concat(":")), 0);
    assert.equal(await call, CANCELLED);
  }),
);

test(
  "a signal of somebody else's does not end a call",
  deadline(LIMIT, async () => {
    using queue = new Queue();
    const call = callBlocking("msgrcv", queue.receive);
    await blocked(1);
    for (let round = 0; round < 20; round++) {
      for (const thread of threads()) {
        try {
          tgkill(process.pid, thread, interruptSignal());
        } catch {
          // a thread that has just ended
        }
      }
      assert.is(await Promise.race([call, sleep(2, "blocks")]), "blocks");
    }
    queue.send(3);
    assert.equal(await call, RECEIVED);
    assert.is(queue.received, 3);
  }),
);

test(
  "many calls block at once, and their threads are used again",
  deadline(LIMIT, async () => {
    using queue = new Queue();
    await callBlocking("msgrcv", [-1, queue.message, ROOM, 0, 0]);
    let [before, after] = [0, 1];
    // the runtime starts and ends threads of its own
    for (let tries = 0; tries < 5 && before !== after; tries++) {
      before = threads().length;
      for (let round = 0; round < 20; round++) {
        queue.send(round);
        assert.equal(await callBlocking("msgrcv", queue.receive), RECEIVED);
      }
      after = threads().length;
    }
    assert.is(after, before);
    const calls = Array.from({ length: 10 }, () => callBlocking("msgrcv", queue.receive));
    for (let number = 0; number < 10; number++) queue.send(number);
    for (const outcome of await Promise.all(calls)) assert.equal(outcome, RECEIVED);
    assert.is(msgctlStat(queue.id).qnum, 0);
    for (let tries = 0; tries < 5000 && after > before + 4; tries++, after = threads().length) await sleep(2);
    assert.ok(after <= before + 4, `${after} threads, before ${before}`);
  }),
);

test(
  "callBlockingSync blocks this thread until the message is there, or the time is over",
  deadline(LIMIT, async () => {
    using queue = new Queue();
    queue.send(5);
    assert.equal(callBlockingSync("msgrcv", queue.receive, Number.POSITIVE_INFINITY), RECEIVED);
    assert.is(queue.received, 5);
    const started = performance.now();
    assert.equal(callBlockingSync("msgrcv", queue.receive, 40), CANCELLED);
    assert.ok(performance.now() - started >= 40);
    assert.equal(callBlockingSync("msgrcv", queue.receive, 0), CANCELLED);
    queue.send(6);
    assert.is(msgctlStat(queue.id).qnum, 1);
    assert.equal(callBlockingSync("msgrcv", queue.receive, 10_000), RECEIVED);
    assert.is(queue.received, 6);
  }),
);

test(
  "callBlockingSync ends when a descriptor can be read, or has hung up",
  deadline(LIMIT, async () => {
    using queue = new Queue();
    const [readEnd, writeEnd] = pipe2();
    assert.equal(callBlockingSync("msgrcv", queue.receive, 20, readEnd), CANCELLED);
    queue.send(8);
    assert.equal(callBlockingSync("msgrcv", queue.receive, Number.POSITIVE_INFINITY, readEnd), RECEIVED);
    assert.is(queue.received, 8);
    write(writeEnd, new Uint8Array(1));
    assert.equal(callBlockingSync("msgrcv", queue.receive, Number.POSITIVE_INFINITY, readEnd), CANCELLED);
    close(readEnd);
    const [otherReadEnd, otherWriteEnd] = pipe2();
    close(otherWriteEnd);
    assert.equal(callBlockingSync("msgrcv", queue.receive, Number.POSITIVE_INFINITY, otherReadEnd), CANCELLED);
    close(otherReadEnd);
    close(writeEnd);
  }),
);

test(
  "settle ends a call at once and tells its outcome, as the call itself does later",
  deadline(LIMIT, async () => {
    using queue = new Queue();
    for (let round = 0; round < 50; round++) {
      const call = startBlocking("msgrcv", queue.receive);
      if (round % 3 === 0) spin(0.1);
      const sends = round % 2 === 0;
      if (sends) queue.send(round);
      if (round % 5 === 0) await sleep(1);
      const outcome = call.settle();
      assert.equal(call.settle(), outcome);
      assert.equal(await call.over, outcome);
      assert.equal(call.settle(), outcome);
      assert.equal(outcome, msgctlStat(queue.id).qnum === 0 && sends ? RECEIVED : CANCELLED);
      if (sends && outcome.errno !== 0) callBlockingSync("msgrcv", queue.receive, Number.POSITIVE_INFINITY);
    }
  }),
);

test(
  "settle between the end of a call and the microtask that tells of it gives the call's outcome",
  deadline(LIMIT, async () => {
    using queue = new Queue();
    const caller = new BlockingCaller();
    const values = queue.receive.map((value) =>
      typeof value === "number" ? value : recommendedLibrary().address(value),
    );
    for (let round = 0; round < 10; round++) {
      const over = caller.run("msgrcv", values);
      queue.send(round);
      assert.equal(await over, RECEIVED);
      assert.equal(caller.settleSync(), RECEIVED);
      const cancelled = caller.run("msgrcv", values);
      assert.equal(caller.settleSync(), CANCELLED);
      assert.equal(await cancelled, CANCELLED);
      assert.equal(caller.settleSync(), CANCELLED);
    }
    caller.close();
  }),
);

test(
  "memory of one thread, and a wrong number of arguments, are refused",
  deadline(LIMIT, async () => {
    using queue = new Queue();
    const own = new Uint8Array(64) as never;
    await failsWith("TypeError", callBlocking("msgrcv", [queue.id, own, 8, 0, 0]), /SharedArrayBuffer/);
    await failsWith("TypeError", callBlocking("msgrcv", [queue.id, queue.message]), /2 arguments, but takes 5/);
    await failsWith("TypeError", () => callBlockingSync("msgrcv", [queue.id, own, 8, 0, 0], 0), /SharedArrayBuffer/);
  }),
);

/** Lets time pass without a turn of the event loop, in milliseconds. */
function spin(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

/** mulberry32: numbers from 0 to 1 that look random. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

test.run();
