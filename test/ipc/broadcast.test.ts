/* What a broadcast does that other channels do not. The contract is in broadcast.contract.test.ts. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { IpcError } from "../../src/errors.ts";
import { Channel } from "../../src/ipc/channel.ts";
import { objectDirectory } from "../../src/objects/object-directory.ts";
import { deadline } from "../support/deadline.ts";
import { failsWith } from "../support/fails-with.ts";
import { leakCheck } from "../support/leak-check.ts";
import { startPeer } from "../support/peer-process.ts";
import { currentRuntime, type RuntimeName } from "../support/runtimes.ts";
import { SeededMessages } from "../support/seeded-messages.ts";
import { uniqueName } from "../support/unique-name.ts";
import { PEER } from "./contract/by-name.ts";

const LIMIT = 60_000;
const newAddress = () => `broadcast:${uniqueName()}`;
const isThere = (address: string) => existsSync(join(objectDirectory(), `${address.slice(10)}.broadcast`));
const message = (i: number) => new Uint8Array(100).fill(i);

/** Receives up to the end, and gives how many came and how many were missed by the errors' word. */
async function takeAll(receiver: Channel): Promise<{ received: number; missed: number; errors: number }> {
  const taken = { received: 0, missed: 0, errors: 0 };
  for (;;) {
    try {
      if ((await receiver.receive()) === undefined) return taken;
      taken.received++;
    } catch (error) {
      assert.is((error as IpcError).code, "IPC_LAGGED");
      taken.missed += (error as IpcError).missed ?? 0;
      taken.errors++;
    }
  }
}

test(
  "a receiver that fell behind gets IPC_LAGGED once with the number, then goes on, and stats() says it too",
  deadline(LIMIT, async () => {
    const address = newAddress();
    const sender = await Channel.sender(address, { capacity: 4096 });
    const [slow, silent] = [await Channel.receiver(address), await Channel.receiver(address, { lag: "skip" })];
    for (let i = 0; i < 200; i++) assert.ok(sender.trySend(message(i)), "there always is room");
    const error = (await slow.receive().catch((error) => error)) as IpcError;
    assert.is(error.code, "IPC_LAGGED");
    assert.match(error.message, /missed \d+ messages/);
    assert.is((await slow.receive())?.[0], error.missed);
    assert.is(slow.stats().missed, error.missed);
    assert.is((await silent.receive())?.[0], error.missed);
    assert.is(silent.stats().missed, error.missed);
    await sender.close();
    const rest = await takeAll(slow);
    assert.equal(rest, { received: 199 - (error.missed as number), missed: 0, errors: 0 });
    assert.is((await takeAll(silent)).errors, 0);
    await slow.close();
    await silent.close();
  }),
);

test(
  "a receiver joins late: from the oldest message, or from now",
  deadline(LIMIT, async () => {
    const address = newAddress();
    const sender = await Channel.sender(address);
    await sender.send(message(1));
    const [oldest, now] = [await Channel.receiver(address), await Channel.receiver(address, { from: "now" })];
    await sender.send(message(2));
    assert.equal([(await oldest.receive())?.[0], (await oldest.receive())?.[0], (await now.receive())?.[0]], [1, 2, 2]);
    for (const channel of [sender, oldest, now]) await channel.close();
    assert.not(isThere(address));
  }),
);

test(
  "receivers that came first get what a sender sends that asks for more room, all of it",
  deadline(LIMIT, async () => {
    const address = newAddress();
    const receivers = [await Channel.receiver(address), await Channel.receiver(address, { from: "now" })];
    const waits = receivers.map((receiver) => receiver.receive());
    const sender = await Channel.sender(address, { capacity: 2 ** 22 });
    await sender.send(message(1));
    for (const wait of waits) assert.equal(await wait, message(1));
    await failsWith("IPC_BUSY", Channel.sender(address), /already holds that end/);
    await failsWith("IPC_EXISTS", Channel.receiver(address, { capacity: 2 ** 23 }));
    for (const channel of [sender, ...receivers]) await channel.close();
    assert.not(isThere(address));
  }),
);

test(
  "a new sender begins a new session: the receivers of the old one come to their end, new ones hear the new one",
  deadline(LIMIT, async () => {
    const address = newAddress();
    const first = await Channel.sender(address);
    const old = await Channel.receiver(address);
    await first.send(message(1));
    await first.close();
    const second = await Channel.sender(address);
    const young = await Channel.receiver(address);
    await second.send(message(2));
    assert.equal([(await old.receive())?.[0], await old.receive()], [1, undefined]);
    assert.is((await young.receive())?.[0], 2);
    for (const channel of [old, second, young]) await channel.close();
    assert.not(isThere(address));
  }),
);

test(
  "16 receivers in several processes and runtimes get every message",
  deadline(LIMIT, async () => {
    const address = newAddress();
    const others: RuntimeName[] = [currentRuntime(), "bun", "node26", "deno"];
    const count = 400;
    const steps = [`receive:${count}:7:3000`, "end"];
    const peers = others.map((runtime) =>
      startPeer(runtime, PEER, ["receiver", address, JSON.stringify({ capacity: 2 ** 22 }), ...steps]),
    );
    const sender = await Channel.sender(address, { capacity: 2 ** 22 });
    const here = await Promise.all(Array.from({ length: 12 }, () => Channel.receiver(address)));
    await Promise.all(peers.map((peer) => peer.line("open")));
    const seeded = new SeededMessages(7, 3000);
    const verified = here.map(async (receiver) => {
      for (let i = 0; i < count; i++) seeded.verify(i, (await receiver.receive()) as Uint8Array);
      assert.is(await receiver.receive(), undefined);
      await receiver.close();
    });
    for (let i = 0; i < count; i++) {
      await sender.send(seeded.at(i));
      if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await sender.close();
    await Promise.all(verified);
    for (const peer of peers) assert.is((await peer.exit()).status, 0);
  }),
);

test(
  "a receiver that is stopped neither slows the sender nor another receiver",
  deadline(LIMIT, async () => {
    const address = newAddress();
    const sender = await Channel.sender(address, { capacity: 4096 });
    const peer = startPeer(currentRuntime(), PEER, ["receiver", address, "{}", "receive:1:1:10", "hang"]);
    await peer.line("open");
    process.kill(peer.pid, "SIGSTOP");
    const receiver = await Channel.receiver(address);
    for (let i = 0; i < 5000; i++) {
      await sender.send(message(i));
      assert.is((await receiver.receive())?.[0], i & 255);
    }
    await peer.kill();
    assert.ok(sender.trySend(message(1)), "a receiver that died leaves nothing");
    await sender.close();
    await receiver.close();
    assert.not(isThere(address));
  }),
);

test(
  "a sender that is killed is IPC_PEER_GONE once for each of its receivers, also for those that sleep",
  deadline(LIMIT, async () => {
    const address = newAddress();
    const receivers = await Promise.all([1, 2, 3].map(() => Channel.receiver(address)));
    const peer = startPeer(currentRuntime(), PEER, ["sender", address, "{}", "send:2:1:10", "hang"]);
    for (const receiver of receivers) for (let i = 0; i < 2; i++) await receiver.receive();
    const outcomes = receivers.map((receiver) => failsWith("IPC_PEER_GONE", receiver.receive()));
    await peer.kill();
    await Promise.all(outcomes);
    for (const receiver of receivers) {
      assert.is(await receiver.receive(), undefined);
      await receiver.close();
    }
    assert.not(isThere(address), "the last receiver removed it");
  }),
);

test("options that make no sense are misuse", async () => {
  const address = newAddress();
  await failsWith("TypeError", Channel.receiver(address, { from: "here" as "now" }), /"oldest" or "now"/);
  await failsWith("TypeError", Channel.receiver(address, { lag: "wait" as "skip" }), /"error" or "skip"/);
  await failsWith("TypeError", Channel.receiver(`ring:${uniqueName()}`, { lag: "skip" }), /has no use for/);
});

leakCheck(test, async () => {
  const address = newAddress();
  const receivers = await Promise.all([1, 2, 3, 4].map(() => Channel.receiver(address)));
  const sender = await Channel.sender(address);
  const waits = receivers.map((receiver) => receiver.receive());
  await sender.send(message(1));
  await Promise.all(waits);
  for (const channel of [sender, ...receivers]) await channel.close();
});

test.run();
