import { suite } from "uvu";
import * as assert from "uvu/assert";
import { IpcError } from "../../src/errors.ts";
import { createChannel } from "../../src/ipc/channel.ts";
import { BEGUN, FULL, TAKEN } from "../../src/ipc/link.ts";
import { deadline } from "../support/deadline.ts";
import { isPending, turnEventLoop } from "../support/event-loop.ts";
import { failsWith } from "../support/fails-with.ts";
import { FakeLink } from "../support/fake-link.ts";
import { leakCheck } from "../support/leak-check.ts";

const test = suite("how a channel sends");
const MESSAGE = new Uint8Array([1, 2, 3]);
const GONE = new IpcError("IPC_PEER_GONE", "The receiver died");

function open() {
  const link = new FakeLink("sender");
  return { link, sender: createChannel(link) };
}

function test10(name: string, handler: () => Promise<void>): void {
  test(name, deadline(10_000, handler));
}

test10("a message that is taken at once goes to the link as it is, and nothing waits", async () => {
  const { link, sender } = open();
  const first = sender.send(MESSAGE);
  assert.is(link.written[0], MESSAGE);
  assert.is(first, sender.send(MESSAGE), "calls that are done share a promise");
  sender.sendSync(MESSAGE);
  assert.ok(sender.trySend(MESSAGE));
  assert.equal(link.calls, ["write taken", "write taken", "write taken", "write taken"]);
  assert.is(link.mostPending, 0);
});

test10(
  "who finds room after a moment does not wait, and publishes before that; who stands behind others does not look",
  async () => {
    const { link, sender } = open();
    link.onSpin = () => {
      link.calls.push("look");
      return true;
    };
    link.results.push(FULL, TAKEN);
    await sender.send(MESSAGE);
    link.results.push(FULL);
    assert.is((await sender.claim(3)).length, 3);
    sender.abort();
    link.results.push(TAKEN, FULL, TAKEN, TAKEN);
    assert.is(await sender.sendMany([MESSAGE, MESSAGE, MESSAGE]), 3);
    assert.equal(
      link.calls.join(),
      "write full,look,write taken,claim full,look,claim taken,cork,write taken,write full,uncork,look,write taken,cork,write taken,uncork,flush,flush",
    );
    assert.is(link.mostPending, 0);

    // the room was for somebody else, or too small
    link.results.push(FULL, FULL);
    const waits = sender.send(MESSAGE);
    assert.ok(await isPending(waits));
    const behind = sender.send(MESSAGE);
    assert.ok(await isPending(behind));
    assert.equal([link.spins, link.mostPending], [4, 1]);
    link.wake();
    await Promise.all([waits, behind]);
    assert.is(sender.stats().messages, 6);

    link.onSpin = () => false;
    link.results.push(FULL);
    await failsWith("IPC_TIMEOUT", sender.send(MESSAGE, { timeout: 1 }));
  },
);

test10("a message that is only begun by send() is borrowed, and flushed when the link is ready", async () => {
  const { link, sender } = open();
  link.results.push(BEGUN);
  link.flushes = false;
  const sent = sender.send(MESSAGE);
  assert.ok(await isPending(sent));
  assert.is(link.pending, 1);
  link.flushes = true;
  link.wake();
  await sent;
  assert.is(link.written[0], MESSAGE);
  assert.not(link.calls.includes("keepRest"));
  assert.is(sender.stats().messages, 1);
});

test10("a message that is only begun by trySend() is copied and flushed in the background", async () => {
  const { link, sender } = open();
  link.results.push(BEGUN);
  link.flushes = false;
  const message = MESSAGE.slice();
  assert.ok(sender.trySend(message));
  message.fill(0xee);
  assert.is(sender.trySend(MESSAGE), false);
  const behind = sender.send(new Uint8Array([4]));
  link.flushes = true;
  link.wake();
  await behind;
  assert.equal(link.written, [MESSAGE, new Uint8Array([4])]);
});

test10("an error of the background is told to the next call that sends, once", async () => {
  for (const next of ["send", "trySend", "sendSync", "sendMany"] as const) {
    const { link, sender } = open();
    link.results.push(BEGUN);
    link.flushes = false;
    assert.ok(sender.trySend(MESSAGE));
    link.flushes = GONE;
    link.wake();
    await turnEventLoop();
    await failsWith("IPC_PEER_GONE", () => (next === "sendMany" ? sender.sendMany([MESSAGE]) : sender[next](MESSAGE)));
    await sender.send(MESSAGE);
    await sender.close();
  }
});

test10("an error of the background is told by close() when nobody sent after it", async () => {
  const { link, sender } = open();
  link.results.push(BEGUN);
  link.flushes = false;
  assert.ok(sender.trySend(MESSAGE));
  link.flushes = GONE;
  link.wake();
  await turnEventLoop();
  await failsWith("IPC_PEER_GONE", sender.close());
  assert.is(link.calls.at(-1), "close");
  assert.ok(sender.closed);

  const other = open();
  other.link.results.push(BEGUN);
  other.link.flushes = false;
  assert.ok(other.sender.trySend(MESSAGE));
  const closed = other.sender.close();
  other.link.flushes = GONE;
  other.link.wake();
  await failsWith("IPC_PEER_GONE", closed);
});

test10("a begun message whose send() ends early is taken back, or goes on when it cannot be", async () => {
  for (const retracts of [true, false]) {
    const { link, sender } = open();
    link.retracts = retracts;
    link.results.push(BEGUN);
    link.flushes = false;
    const sent = sender.send(MESSAGE, { timeout: 1 });
    if (retracts) await failsWith("IPC_TIMEOUT", sent);
    else await sent;
    assert.is(link.calls.includes("keepRest"), !retracts);
    const behind = sender.send(new Uint8Array([4]));
    link.flushes = true;
    link.wake();
    await behind;
    assert.equal(link.written, retracts ? [new Uint8Array([4])] : [MESSAGE, new Uint8Array([4])]);
    assert.is(sender.stats().messages, retracts ? 1 : 2);
  }
});

test10("what a send() that ended left to the background reports its error to the next call", async () => {
  const { link, sender } = open();
  link.retracts = false;
  link.results.push(BEGUN);
  link.flushes = false;
  await sender.send(MESSAGE, { timeout: 1 });
  link.flushes = GONE;
  link.wake();
  await turnEventLoop();
  await failsWith("IPC_PEER_GONE", sender.send(MESSAGE));
  await sender.send(MESSAGE);
});

test10("a begun message is taken back when the wait for the rest fails", async () => {
  for (const start of ["send", "trySend"] as const) {
    const { link, sender } = open();
    link.results.push(BEGUN);
    link.flushes = false;
    link.readyError = GONE;
    if (start === "send") await failsWith("IPC_PEER_GONE", sender.send(MESSAGE));
    else sender.trySend(MESSAGE);
    await turnEventLoop();
    assert.ok(link.calls.includes("retract"), start);
    link.flushes = true;
    link.readyError = undefined;
    await sender.send(new Uint8Array([4]));
    assert.equal(link.written, [new Uint8Array([4])], start);
  }
});

test10("one ready() at a time is pending while calls wait, and none when the last of them has ended", async () => {
  const { link, sender } = open();
  link.results.push(...Array(10).fill(FULL));
  const stop = new AbortController();
  const options = { signal: stop.signal };
  const sends = [1, 2, 3].map(() => failsWith("IPC_ABORTED", sender.send(MESSAGE, options)));
  await turnEventLoop();
  assert.is(link.pending, 1);
  link.wake();
  await turnEventLoop();
  assert.is(link.pending, 1);
  stop.abort();
  await Promise.all(sends);
  assert.is(link.pending, 0);
  assert.is(link.mostPending, 1);
  link.results.length = 0;
  await sender.send(MESSAGE);
  await turnEventLoop();
  assert.is(link.pending, 0);
});

test10("no ready() is pending while the thread blocks, and it is pending again afterwards", async () => {
  const { link, sender } = open();
  link.results.push(FULL);
  const waits = sender.send(MESSAGE);
  await turnEventLoop();
  assert.is(link.pending, 1);
  link.results.push(...Array(9).fill(FULL));
  await failsWith("IPC_TIMEOUT", () => sender.sendSync(new Uint8Array([9]), { timeout: 5 }));
  assert.is(link.syncWaitsWhilePending, 0);
  await turnEventLoop();
  assert.is(link.pending, 1);
  link.results.length = 0;
  link.wake();
  await waits;
  assert.equal(link.written, [MESSAGE]);
});

test10("a link that refuses to wait fails the calls that wait, and no others", async () => {
  const { link, sender } = open();
  link.results.push(FULL, FULL);
  link.readyError = new Error("no more descriptors");
  const sends = [sender.send(MESSAGE), sender.send(MESSAGE)].map((sent) => sent.catch((error) => error));
  for (const sent of sends) assert.is(await sent, link.readyError);
  link.results.length = 0;
  await sender.send(MESSAGE);
  link.results.push(FULL, FULL);
  link.onReadySync = () => {
    throw GONE;
  };
  await failsWith("IPC_PEER_GONE", () => sender.sendSync(MESSAGE));
  assert.is(sender.stats().waiting, 0);
});

test10("a timer runs only while a call with a timeout waits", async () => {
  const { link, sender } = open();
  const { setTimeout: realSet, clearTimeout: realClear } = globalThis;
  const running = new Set<unknown>();
  let started = 0;
  globalThis.setTimeout = ((handler: () => void, time: number) => {
    const timer = realSet(handler, time);
    started++;
    running.add(timer);
    return timer;
  }) as typeof setTimeout;
  globalThis.clearTimeout = ((timer: unknown) => {
    running.delete(timer);
    realClear(timer as number);
  }) as typeof clearTimeout;
  try {
    await sender.send(MESSAGE, { timeout: 1000 });
    assert.is(started, 0);
    link.results.push(FULL, FULL);
    const sends = [sender.send(MESSAGE), sender.send(MESSAGE, { timeout: 1000 })];
    await Promise.resolve();
    assert.is(started, 1);
    link.results.length = 0;
    link.wake();
    await Promise.all(sends);
    assert.is(running.size, 0);
    link.results.push(FULL, FULL, FULL);
    const outcome = failsWith("IPC_CLOSED", sender.send(MESSAGE, { timeout: 1e12 }));
    assert.is(started, 2);
    await failsWith("IPC_TIMEOUT", sender.close({ timeout: 0 }));
    await outcome;
    assert.is(running.size, 0);
  } finally {
    Object.assign(globalThis, { setTimeout: realSet, clearTimeout: realClear });
  }
});

test10("a timeout that is longer than a timer takes is waited for in pieces", async () => {
  const { link, sender } = open();
  const { setTimeout: realSet } = globalThis;
  const timers: { handler: () => void; time: number }[] = [];
  globalThis.setTimeout = ((handler: () => void, time: number) =>
    timers.push({ handler, time })) as unknown as typeof setTimeout;
  try {
    link.results.push(FULL);
    const sent = sender.send(MESSAGE, { timeout: 2 ** 40 });
    assert.is(timers[0]?.time, 2 ** 31 - 1);
    timers[0]?.handler();
    assert.is(timers.length, 2);
    assert.ok(await isPending(sent));
    link.wake();
    await sent;
  } finally {
    globalThis.setTimeout = realSet;
  }
});

test10("sendMany() corks the link while it does not wait, and uncorks it before it does", async () => {
  const { link, sender } = open();
  link.results.push(TAKEN, TAKEN, FULL);
  const sending = sender.sendMany([MESSAGE, MESSAGE, MESSAGE, MESSAGE]);
  await turnEventLoop();
  link.wake();
  assert.is(await sending, 4);
  const told = link.calls.filter((call, i) => call !== link.calls[i - 1]);
  assert.equal(told.slice(0, 5), ["cork", "write taken", "write full", "uncork", "flush"]);
  assert.is(link.calls.filter((call) => call === "cork").length, link.calls.filter((call) => call === "uncork").length);

  const failing = open();
  await failsWith("TypeError", failing.sender.sendMany([MESSAGE, "x" as unknown as Uint8Array]));
  assert.equal(failing.link.calls, ["cork", "write taken", "uncork", "flush"]);
});

test10("sendMany() ends when what it corked is handed over", async () => {
  const { link, sender } = open();
  link.flushes = false;
  const sending = sender.sendMany([MESSAGE]);
  assert.ok(await isPending(sending));
  assert.is(sender.trySend(MESSAGE), false);
  link.flushes = true;
  link.wake();
  assert.is(await sending, 1);
});

test10("close() flushes, announces the end, flushes that, and closes the link, once", async () => {
  const { link, sender } = open();
  await sender.send(MESSAGE);
  link.calls.length = 0;
  await Promise.all([sender.close(), sender.close()]);
  assert.equal(link.calls, ["flush", "end", "flush", "close"]);

  const slow = open();
  slow.link.flushes = false;
  const closed = slow.sender.close();
  assert.ok(await isPending(closed));
  assert.not(slow.link.calls.includes("end"));
  slow.link.flushes = true;
  slow.link.wake();
  await closed;
  assert.is(slow.link.calls.filter((call) => call === "end").length, 1);
});

test10("what is still in the background when the time of close() is over is no error of nobody", async () => {
  const { link, sender } = open();
  link.results.push(BEGUN);
  link.flushes = false;
  assert.ok(sender.trySend(MESSAGE));
  await failsWith("IPC_TIMEOUT", sender.close({ timeout: 1 }));
  assert.is(link.calls.at(-1), "close");
  // an unhandled rejection would end the process
  await turnEventLoop();
});

test10("a receiver that has left needs no end", async () => {
  const { link, sender } = open();
  const end = link.end.bind(link);
  link.end = () => {
    end();
    link.flushes = new IpcError("IPC_CLOSED", "The receiver has closed");
  };
  await sender.close();
  assert.is(link.calls.at(-1), "close");
});

test10("using blocks for what is left, within its bound, and closes whatever comes", async () => {
  const { link, sender } = open();
  link.results.push(FULL);
  const waits = sender.send(MESSAGE);
  link.onReadySync = () => true;
  sender[Symbol.dispose]();
  await waits;
  assert.equal(link.written, [MESSAGE]);
  assert.is(link.calls.at(-1), "close");

  const stuck = open();
  stuck.link.flushes = false;
  stuck.link.onReadySync = () => {
    throw GONE;
  };
  await failsWith("IPC_PEER_GONE", () => stuck.sender[Symbol.dispose]());
  assert.is(stuck.link.calls.at(-1), "close");
  assert.ok(stuck.sender.closed);
});

leakCheck(test);
test.run();
