import { suite } from "uvu";
import * as assert from "uvu/assert";
import { IpcError } from "../../src/errors.ts";
import { createChannel } from "../../src/ipc/channel.ts";
import { deadline } from "../support/deadline.ts";
import { isPending, turnEventLoop } from "../support/event-loop.ts";
import { failsWith } from "../support/fails-with.ts";
import { FakeLink } from "../support/fake-link.ts";
import { leakCheck } from "../support/leak-check.ts";

const test = suite("how a channel receives");
const GONE = new IpcError("IPC_PEER_GONE", "The sender died");

function open() {
  const link = new FakeLink("receiver");
  return { link, receiver: createChannel(link) };
}

function test10(name: string, handler: () => Promise<void>): void {
  test(name, deadline(10_000, handler));
}

function bytes(...values: number[]): Uint8Array {
  return new Uint8Array(values);
}

test10("a message that is there is given as the link gave it, and nothing waits", async () => {
  const { link, receiver } = open();
  const messages = [bytes(1), bytes(2), bytes(3)];
  link.toRead.push(...messages);
  assert.is(await receiver.receive(), messages[0]);
  assert.is(receiver.tryReceive(), messages[1]);
  assert.is(receiver.receiveSync(), messages[2]);
  assert.is(link.mostPending, 0);
});

test10("who finds a message after a moment does not wait; who stands behind others does not look", async () => {
  const { link, receiver } = open();
  link.onSpin = () => {
    link.toRead.push(bytes(link.spins));
    return true;
  };
  assert.equal(await receiver.receive(), bytes(1));
  assert.equal(await receiver.peek(), bytes(2));
  receiver.release();
  assert.equal((await receiver.batches().next()).value, [bytes(3)]);
  const inPlace = receiver.peekBatches();
  assert.equal((await inPlace.next()).value, [bytes(4)]);
  await inPlace.return?.();
  for await (const message of receiver) {
    assert.equal(message, bytes(5));
    break;
  }
  assert.is(link.mostPending, 0);

  link.onSpin = () => true;
  const waits = receiver.receive();
  assert.ok(await isPending(waits));
  const behind = receiver.receive();
  assert.ok(await isPending(behind));
  assert.equal([link.spins, link.mostPending], [6, 1]);
  link.toRead.push(bytes(7), bytes(8));
  link.wake();
  assert.equal(await Promise.all([waits, behind]), [bytes(7), bytes(8)]);
});

test10("nothing is read before somebody asks for it", async () => {
  const { link, receiver } = open();
  link.toRead.push(bytes(1), bytes(2));
  const iterator = receiver[Symbol.asyncIterator]();
  receiver.batches();
  const stream = receiver.readable;
  await turnEventLoop();
  assert.is(link.toRead.length, 2);
  await iterator.next();
  await turnEventLoop();
  assert.is(link.toRead.length, 1);
  await stream.cancel();
});

test10("an early wake-up is none", async () => {
  const { link, receiver } = open();
  const received = receiver.receive();
  for (let i = 0; i < 3; i++) {
    await turnEventLoop();
    link.wake();
  }
  assert.ok(await isPending(received));
  assert.is(link.mostPending, 1);
  link.toRead.push(bytes(1));
  link.wake();
  assert.equal(await received, bytes(1));
});

test10("an error goes to one call: the first that waits, or the next", async () => {
  const { link, receiver } = open();
  const waits = [receiver.receive(), receiver.receive(), receiver.receive()];
  const outcome = failsWith("IPC_PEER_GONE", waits[0] as Promise<unknown>);
  link.toRead.push(GONE, null);
  link.wake();
  await outcome;
  assert.equal(await Promise.all(waits.slice(1)), [undefined, undefined]);
  assert.ok(receiver.ended);
});

test10("an error behind messages of a batch is kept for the next call, whichever that is", async () => {
  const { link, receiver } = open();
  const calls = [
    () => receiver.receive(),
    () => receiver.tryReceive(),
    () => receiver.receiveSync(),
    () => receiver.batches().next(),
  ];
  for (const call of calls) {
    link.toRead.push(bytes(1), GONE, bytes(2));
    assert.equal((await receiver.batches().next()).value, [bytes(1)]);
    await failsWith("IPC_PEER_GONE", call);
    assert.equal(await receiver.receive(), bytes(2));
    link.toRead.push(bytes(3), GONE, bytes(4));
    for await (const batch of receiver.peekBatches()) {
      assert.equal(batch, [bytes(3)]);
      break;
    }
    await failsWith("IPC_PEER_GONE", call);
    assert.equal(await receiver.receive(), bytes(4));
  }
});

test10("a batch that is peeked at is released once, by whatever ends its use", async () => {
  const { link, receiver } = open();
  link.toRead.push(bytes(1), bytes(2), bytes(3), bytes(4), bytes(5), bytes(6));
  const batches = receiver.peekBatches({ max: 2 });
  assert.equal(await batches.next(), { done: false, value: [bytes(1), bytes(2)] });
  assert.equal(link.calls, []);
  assert.equal(await batches.next(), { done: false, value: [bytes(3), bytes(4)] });
  assert.equal(link.calls, ["release"]);
  receiver.release();
  await batches.return?.();
  await batches.return?.();
  assert.equal(link.calls, ["release", "release"]);
  const left = receiver.peekBatches();
  assert.equal(await left.next(), { done: false, value: [bytes(5), bytes(6)] });
  await receiver.close();
  assert.equal(await left.next(), { done: true, value: undefined });
  assert.equal(link.calls, ["release", "release", "close"]);
});

test10("no ready() is pending while the thread blocks, and it is pending again afterwards", async () => {
  const { link, receiver } = open();
  const waits = receiver.receive();
  await turnEventLoop();
  link.onReadySync = () => {
    link.toRead.push(bytes(1), bytes(2));
    return true;
  };
  assert.equal(receiver.receiveSync(), bytes(2));
  assert.equal(await waits, bytes(1));
  assert.is(link.syncWaitsWhilePending, 0);
  const next = receiver.receive();
  await turnEventLoop();
  assert.is(link.pending, 1);
  link.toRead.push(bytes(3));
  link.wake();
  assert.equal(await next, bytes(3));
  await turnEventLoop();
  assert.is(link.pending, 0);
});

test10("close() ends the wait, and the link is closed once", async () => {
  const { link, receiver } = open();
  const outcome = failsWith("IPC_CLOSED", receiver.receive());
  await turnEventLoop();
  await Promise.all([receiver.close(), receiver.close()]);
  receiver[Symbol.dispose]();
  await outcome;
  await turnEventLoop();
  assert.is(link.pending, 0);
  assert.equal(link.calls, ["close"]);
});

leakCheck(test);
test.run();
