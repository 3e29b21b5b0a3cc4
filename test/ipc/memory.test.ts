import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Channel } from "../../src/ipc/channel.ts";
import { turnEventLoop } from "../support/event-loop.ts";
import { failsWith } from "../support/fails-with.ts";
import { leakCheck } from "../support/leak-check.ts";
import { uniqueName } from "../support/unique-name.ts";

const test = suite("what is special about memory:");
const ONE = new Uint8Array([1]);

test("a call that would block the thread for ever is IPC_UNSUPPORTED, since the other end is in the same thread", async () => {
  const address = `memory:${uniqueName()}`;
  const receiver = await Channel.receiver(address, { capacity: 100 });
  const sender = await Channel.sender(address);
  await failsWith("IPC_UNSUPPORTED", () => receiver.receiveSync(), /the other end is in this very thread/);
  while (sender.trySend(ONE));
  await failsWith("IPC_UNSUPPORTED", () => sender.sendSync(ONE), /Give a timeout, or await/);
  await failsWith("IPC_TIMEOUT", () => sender.sendSync(ONE, { timeout: 1 }));
  await receiver.close();
  await sender.close();
});

test("a larger capacity replaces that of an empty queue, and is IPC_EXISTS for one in use", async () => {
  const address = `memory:${uniqueName()}`;
  const receiver = await Channel.receiver(address, { capacity: 100 });
  const sender = await Channel.sender(address, { capacity: 200 });
  assert.is(receiver.stats().capacityBytes, 200);
  await sender.send(ONE);
  await sender.close();
  await failsWith("IPC_EXISTS", () => Channel.sender(address, { capacity: 300 }), /it exists with 200 and is in use/);
  await receiver.close();
});

test("a sender may go on where another has ended", async () => {
  const address = `memory:${uniqueName()}`;
  const first = await Channel.sender(address);
  await first.send(ONE);
  await first.close();
  const second = await Channel.sender(address);
  await second.send(new Uint8Array([2]));
  await second.close();
  const receiver = await Channel.receiver(address);
  assert.equal([await receiver.receive(), await receiver.receive()], [ONE, new Uint8Array([2])]);
  assert.is(await receiver.receive(), undefined);
  await receiver.close();
});

test("what a receiver looked at and did not release is there for the next one", async () => {
  const address = `memory:${uniqueName()}`;
  const sender = await Channel.sender(address, { capacity: 1000 });
  await sender.send(ONE);
  const first = await Channel.receiver(address);
  assert.equal(await first.peek(), ONE);
  await first.close();
  const second = await Channel.receiver(address);
  assert.equal(await second.receive(), ONE);
  await second.close();
  await sender.close();
});

test("a receiver that comes after another one finds no part of a message", async () => {
  const address = `memory:${uniqueName()}`;
  const sender = await Channel.sender(address, { capacity: 1000 });
  const first = await Channel.receiver(address);
  assert.ok(sender.trySend(new Uint8Array(5000)));
  assert.is(first.tryReceive(), undefined);
  await first.close();
  await turnEventLoop();
  await failsWith("IPC_CLOSED", sender.send(ONE));
  const second = await Channel.receiver(address);
  await sender.send(ONE);
  assert.equal(await second.receive(), ONE);
  await second.close();
  await sender.close();
});

test("room is counted with an overhead, so that empty messages fill a queue too", async () => {
  const address = `memory:${uniqueName()}`;
  const sender = await Channel.sender(address, { capacity: 160 });
  let count = 0;
  while (sender.trySend(new Uint8Array(0))) count++;
  assert.is(count, 10);
  assert.is(sender.stats().backlogBytes, 160);
  await sender.close();
  assert.ok(await Channel.remove(address));
});

leakCheck(test);
test.run();
