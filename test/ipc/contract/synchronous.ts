import * as assert from "uvu/assert";
import { failsWith } from "../../support/fails-with.ts";
import { SeededMessages } from "../../support/seeded-messages.ts";
import { assertMessages, bytes, LARGE, receiveAll } from "./context.ts";
import type { Sentence } from "./mod.ts";

/** The forms that block the thread. */
export function synchronous(sentence: Sentence): void {
  sentence(39, "sendSync() and receiveSync() do what can be done at once", ["messages"], async (context) => {
    const { sender, receiver } = await context.pair();
    const seeded = new SeededMessages(39, 300);
    for (let i = 0; i < 100; i++) {
      sender.sendSync(seeded.at(i));
      seeded.verify(i, receiver.receiveSync() as Uint8Array);
    }
  });

  sentence(40, "a receiveSync() whose time is over is IPC_TIMEOUT, and no message is lost", [], async (context) => {
    const { sender, receiver } = await context.pair();
    for (const timeout of [0, 1, 30]) {
      const started = performance.now();
      await failsWith("IPC_TIMEOUT", () => receiver.receiveSync({ timeout }), /^receiveSync\(\) on .* within/);
      assert.ok(performance.now() - started >= timeout - 1, `${performance.now() - started} ms of ${timeout}`);
    }
    sender.sendSync(bytes(1));
    assert.equal(receiver.receiveSync({ timeout: 10_000 }), bytes(1));
  });

  sentence(
    41,
    "a sendSync() whose time is over is IPC_TIMEOUT, and nothing was sent",
    ["messages", "backPressure"],
    async (context) => {
      const { sender, receiver } = await context.smallPair();
      const sent = context.fill(sender);
      for (const timeout of [0, 1, 30]) {
        await failsWith("IPC_TIMEOUT", () => sender.sendSync(LARGE, { timeout }), /^sendSync\(\) on /);
      }
      assertMessages(await receiveAll(receiver, sent.length), sent);
      sender.sendSync(bytes(1));
      assert.equal(await receiver.receive(), bytes(1));
    },
  );

  sentence(
    42,
    "a call that blocks goes behind the calls that wait already",
    ["messages", "backPressure"],
    async (context) => {
      const { sender, receiver } = await context.pair();
      const first = receiver.receive();
      const second = receiver.receive();
      for (const i of [1, 2, 3]) await sender.send(bytes(i));
      assert.equal(receiver.receiveSync({ timeout: 10_000 }), bytes(3));
      assert.equal(await Promise.all([first, second]), [bytes(1), bytes(2)]);

      const small = await context.smallPair();
      const sent = context.fill(small.sender);
      const waits = small.sender.send(LARGE);
      await failsWith("IPC_TIMEOUT", () => small.sender.sendSync(LARGE, { timeout: 10 }));
      while (small.receiver.stats().messages < sent.length) small.receiver.receiveSync();
      small.sender.sendSync(bytes(3));
      await waits;
      assertMessages(await receiveAll(small.receiver, 2), [LARGE, bytes(3)]);
    },
  );

  sentence(43, "receiveSync() blocks until another process sends", ["processes", "messages"], async (context) => {
    const { channel, peer } = await context.connectPeer("sender", ["await", "send:500:43:4000", "close"]);
    const seeded = new SeededMessages(43, 4000);
    await peer.line("awaiting");
    peer.resume();
    for (let i = 0; i < 500; i++) seeded.verify(i, channel.receiveSync() as Uint8Array);
    if (context.supports.end) assert.is(channel.receiveSync(), undefined);
  });

  sentence(
    44,
    "sendSync() blocks until another process receives",
    ["processes", "messages", "backPressure"],
    async (context) => {
      const steps = ["await", "receive:500:44:4000"];
      const { channel, peer } = await context.connectPeer("receiver", steps, context.factory.small);
      const seeded = new SeededMessages(44, 4000);
      await peer.line("awaiting");
      let i = 0;
      while (channel.trySend(seeded.at(i))) i++;
      peer.resume();
      for (; i < 500; i++) channel.sendSync(seeded.at(i));
      // what trySend has only begun is finished when the thread is free
      await peer.line("done receive:500:44:4000");
    },
  );
}
