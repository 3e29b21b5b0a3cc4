/* What a funnel does that other channels do not. The contract is in funnel.contract.test.ts, random kills are in funnel-kills.test.ts. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Channel } from "../../src/ipc/channel.ts";
import { objects } from "../../src/ipc/listing/objects.ts";
import { objectDirectory } from "../../src/objects/object-directory.ts";
import { deadline } from "../support/deadline.ts";
import { isPending } from "../support/event-loop.ts";
import { failsWith } from "../support/fails-with.ts";
import { leakCheck } from "../support/leak-check.ts";
import { startPeer } from "../support/peer-process.ts";
import { currentRuntime } from "../support/runtimes.ts";
import { uniqueName } from "../support/unique-name.ts";

const LIMIT = 60_000;
const PEER = "test/ipc/peers/funnel-peer.ts";
const newAddress = () => `funnel:${uniqueName()}`;
const isThere = (address: string) => existsSync(join(objectDirectory(), `${address.slice(7)}.funnel`));
const message = (...values: number[]) => new Uint8Array(values);

test(
  "messages of several senders come in the order in which they were sent, and the stream ends with the last sender",
  deadline(LIMIT, async () => {
    const address = newAddress();
    const receiver = await Channel.receiver(address);
    const senders = await Promise.all([1, 2, 3].map(() => Channel.sender(address)));
    for (let i = 0; i < 30; i++) await senders[i % 3]?.send(message(i));
    for (let i = 0; i < 30; i++) assert.equal(await receiver.receive(), message(i));
    const waits = receiver.receive();
    await senders[0]?.close();
    await senders[1]?.close();
    assert.ok(await isPending(waits));
    const late = await Channel.sender(address);
    await senders[2]?.close();
    await late.send(message(99));
    assert.equal(await waits, message(99));
    await late.close();
    assert.is(await receiver.receive(), undefined);
    await receiver.close();
    assert.not(isThere(address));
  }),
);

test(
  "a sender that comes after the end begins a new stream, also while the receiver of the old one is open",
  deadline(LIMIT, async () => {
    const address = newAddress();
    const old = await Channel.receiver(address);
    await (await Channel.sender(address)).close();
    assert.is(await old.receive(), undefined);
    const sender = await Channel.sender(address);
    await sender.send(message(1));
    assert.is(await old.receive(), undefined);
    const receiver = await Channel.receiver(address);
    assert.equal(await receiver.receive(), message(1));
    for (const channel of [old, sender, receiver]) await channel.close();
    assert.not(isThere(address));
  }),
);

test(
  "all senders that wait for room get on, and what none of them may do is closed to all when the receiver closes",
  deadline(LIMIT, async () => {
    const address = newAddress();
    const receiver = await Channel.receiver(address, { capacity: 4096 });
    const senders = await Promise.all(Array.from({ length: 5 }, () => Channel.sender(address)));
    const sends = senders.flatMap((sender, slot) =>
      Array.from({ length: 40 }, (_, i) => sender.send(new Uint8Array(200).fill(slot * 40 + i))),
    );
    assert.ok(await isPending(Promise.all(sends)));
    const next = [0, 0, 0, 0, 0];
    for (let i = 0; i < sends.length; i++) {
      const value = (await receiver.receive())?.[0] as number;
      const slot = Math.floor(value / 40);
      assert.is(value % 40, next[slot]);
      next[slot] = (next[slot] as number) + 1;
    }
    await Promise.all(sends);
    const outcomes = senders.map((sender) =>
      failsWith("IPC_CLOSED", async () => {
        for (;;) await sender.send(new Uint8Array(300));
      }),
    );
    await receiver.close();
    await Promise.all(outcomes);
    for (const sender of senders) await sender.close();
    assert.not(isThere(address));
  }),
);

test(
  "what a killed sender had claimed is passed over, whether the receiver waits for it or not",
  deadline(LIMIT, async () => {
    for (const waits of [true, false]) {
      const address = newAddress();
      const receiver = await Channel.receiver(address);
      const sender = await Channel.sender(address);
      const peer = startPeer(currentRuntime(), PEER, ["claim", address]);
      await peer.line("there");
      await sender.send(message(2));
      assert.equal(await receiver.receive(), message(1));
      assert.is(receiver.tryReceive(), undefined, "the claim holds up what is behind it");
      const received = waits ? receiver.receive() : undefined;
      if (received !== undefined) assert.ok(await isPending(received));
      await peer.kill();
      assert.equal(await (received ?? receiver.receive()), message(2));
      await sender.send(message(3));
      assert.equal(receiver.receiveSync(), message(3));
      await sender.close();
      await failsWith("IPC_PEER_GONE", receiver.receive(), /A sender of .* died without closing/);
      assert.is(await receiver.receive(), undefined);
      await receiver.close();
      assert.not(isThere(address));
    }
  }),
);

test(
  "a sender that takes the place of a killed one gives up what that had claimed",
  deadline(LIMIT, async () => {
    const address = newAddress();
    const receiver = await Channel.receiver(address);
    const peer = startPeer(currentRuntime(), PEER, ["claim", address]);
    await peer.line("there");
    assert.equal(await receiver.receive(), message(1));
    await peer.kill();
    // the receiver has not looked since
    const successor = await Channel.sender(address);
    await successor.send(message(4));
    assert.equal(await receiver.receive(), message(4));
    await successor.close();
    await failsWith("IPC_PEER_GONE", receiver.receive());
    await receiver.close();
  }),
);

test(
  "what a killed receiver had not released comes to its successor, and the senders go on",
  deadline(LIMIT, async () => {
    const address = newAddress();
    const senders = await Promise.all([1, 2].map(() => Channel.sender(address)));
    const peer = startPeer(currentRuntime(), PEER, ["peek", address]);
    for (let i = 0; i < 6; i++) await senders[i & 1]?.send(message(i));
    await peer.line("there");
    assert.is(senders[0]?.peer.pid, peer.pid);
    await peer.kill();
    assert.is(senders[0]?.peer.alive, false);
    const receiver = await Channel.receiver(address);
    await senders[0]?.send(message(6));
    for (let i = 1; i <= 6; i++) assert.equal(await receiver.receive(), message(i));
    for (const channel of [...senders, receiver]) await channel.close();
    assert.not(isThere(address));
  }),
);

test(
  "a receiver that comes to a full funnel, in which a sender of another process waits, takes all of it",
  deadline(LIMIT, async () => {
    const address = newAddress();
    const first = await Channel.sender(address, { capacity: 4096 });
    const peer = startPeer(currentRuntime(), PEER, ["fill", address]);
    await peer.line("there");
    const own = first.send(message(1));
    const receiver = await Channel.receiver(address);
    const lengths: number[] = [];
    for (let i = 0; i < 10; i++) lengths.push((await receiver.receive())?.length ?? 0);
    await own;
    assert.equal(
      lengths.sort((a, b) => a - b),
      [1, 500, 500, 500, 500, 500, 500, 500, 500, 500],
    );
    await peer.kill();
    await first.close();
    await failsWith("IPC_PEER_GONE", receiver.receive());
    await receiver.close();
  }),
);

test(
  "there may be 64 senders, the next one is IPC_LIMIT until one closes",
  deadline(LIMIT, async () => {
    const address = newAddress();
    const receiver = await Channel.receiver(address);
    const senders: Channel[] = [];
    for (let i = 0; i < 64; i++) senders.push(await Channel.sender(address));
    await failsWith("IPC_LIMIT", Channel.sender(address), /has 64 senders already/);
    const received = receiver.receive();
    for (const [i, sender] of senders.entries()) await sender.send(message(i));
    assert.equal(await received, message(0));
    for (let i = 1; i < 64; i++) assert.equal(await receiver.receive(), message(i));
    await senders.pop()?.close();
    senders.push(await Channel.sender(address));
    for (const sender of senders) await sender.close();
    assert.is(await receiver.receive(), undefined);
    await receiver.close();
    assert.not(isThere(address));
  }),
);

test(
  "the sender that comes first decides on the capacity; later ones and the receiver take what is there",
  deadline(LIMIT, async () => {
    const address = newAddress();
    const receiver = await Channel.receiver(address);
    const received = receiver.receive();
    const first = await Channel.sender(address, { capacity: 2 ** 22 });
    await first.send(message(1));
    assert.equal(await received, message(1));
    assert.is(receiver.stats().capacityBytes, 2 ** 22);
    await failsWith("IPC_EXISTS", Channel.sender(address, { capacity: 2 ** 23 }));
    await failsWith("IPC_BUSY", Channel.receiver(address, { capacity: 2 ** 23 }));
    const second = await Channel.sender(address);
    const large = new Uint8Array(second.maxMessageBytes).fill(7);
    assert.is(large.length, 2 ** 21);
    await second.send(large);
    assert.equal(await receiver.receive(), large);
    await failsWith("IPC_TOO_LARGE", second.send(new Uint8Array(large.length + 1)), /capacity of twice the message/);
    for (const channel of [first, second, receiver]) await channel.close();
    assert.not(isThere(address));
  }),
);

test(
  "a funnel is listed with what waits in it, and can be removed when nobody holds it",
  deadline(LIMIT, async () => {
    const address = newAddress();
    const name = `${address.slice(7)}.funnel`;
    const [one, two] = [await Channel.sender(address), await Channel.sender(address)];
    await one.send(new Uint8Array(100));
    await two.send(new Uint8Array(1));
    const listed = () => objects.list({ kinds: ["ring"] }).find((object) => object.name === name);
    assert.equal(listed()?.backlog, { messages: undefined, bytes: 192 });
    assert.equal(listed()?.holders, [process.pid]);
    await one.close();
    assert.equal(listed()?.holders, [process.pid], "there is another one");
    await failsWith("IPC_BUSY", () => objects.remove({ kind: "ring", name }));
    await failsWith("IPC_BUSY", Channel.remove(address));
    await two.close();
    assert.equal(listed()?.holders, []);
    assert.is(objects.remove({ kind: "ring", name }).backlog?.bytes, 192);
    assert.not(isThere(address));
    const again = await Channel.sender(address);
    objects.remove({ kind: "ring", name }, { force: true });
    await again.close();
    assert.is(await Channel.remove(address), false);
  }),
);

test(
  "what a killed sender left without a receiver is collected as garbage",
  deadline(LIMIT, async () => {
    const address = newAddress();
    const peer = startPeer(currentRuntime(), PEER, ["claim", address]);
    await peer.line("there");
    await peer.kill();
    assert.ok(isThere(address));
    const { removed } = objects.gc();
    assert.ok(removed.some((object) => object.name.endsWith(`${address.slice(7)}.funnel`)));
    assert.not(isThere(address));
  }),
);

leakCheck(test, async () => {
  const address = newAddress();
  const receiver = await Channel.receiver(address);
  const senders = await Promise.all([1, 2, 3, 4, 5].map(() => Channel.sender(address)));
  const wait = receiver.receive();
  await senders[0]?.send(message(1));
  await wait;
  await startPeer(currentRuntime(), PEER, ["nothing", address]).kill();
  for (const channel of [...senders, receiver]) await channel.close();
});

test.run();
