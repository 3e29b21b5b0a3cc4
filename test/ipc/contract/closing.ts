import * as assert from "uvu/assert";
import { isPending } from "../../support/event-loop.ts";
import { failsWith } from "../../support/fails-with.ts";
import { SeededMessages } from "../../support/seeded-messages.ts";
import { assertMessages, bytes, drain, joined, LARGE } from "./context.ts";
import type { Sentence } from "./mod.ts";

/** The end. */
export function closing(sentence: Sentence): void {
  sentence(
    70,
    "after a clean close the receiver gets all that was sent, then the end, for ever",
    ["end", "backPressure"],
    async (context) => {
      const { sender, receiver } = await context.smallPair();
      const sent = joined(context.fill(sender));
      const closed = sender.close();
      const received: (Uint8Array | undefined)[] = [];
      // one by one where boundaries are kept, in larger pieces where they are not
      while (joined(received).length < sent.length) received.push(await receiver.receive());
      assertMessages([joined(received)], [sent]);
      assert.is(receiver.ended, false);
      assert.is(await receiver.receive(), undefined);
      assert.is(receiver.ended, true);
      await closed;
      assert.is(await receiver.receive(), undefined);
      assert.is(receiver.tryReceive(), undefined);
      assert.is(receiver.receiveSync(), undefined);
      assert.is(receiver.closed, false);
    },
  );

  sentence(71, "the end wakes every call that waits", ["end"], async (context) => {
    const { sender, receiver } = await context.pair();
    const waits = [
      receiver.receive(),
      receiver.batches().next(),
      receiver[Symbol.asyncIterator]().next(),
      receiver.receive(),
    ];
    assert.ok(await isPending(Promise.race(waits)));
    await sender.close();
    const end = { done: true, value: undefined };
    assert.equal(await Promise.all(waits), [undefined, end, end, undefined]);
  });

  sentence(
    72,
    "close() may be called again, also at the same time; closed is true from the first call",
    [],
    async (context) => {
      const { sender, receiver } = await context.pair();
      for (const channel of [sender, receiver]) {
        assert.is(channel.closed, false);
        const first = channel.close();
        assert.is(channel.closed, true);
        await Promise.all([first, channel.close(), channel.close({ timeout: 0 })]);
        await channel.close();
        channel[Symbol.dispose]();
      }
    },
  );

  sentence(73, "close() hands over what waits to be sent", ["messages", "end", "backPressure"], async (context) => {
    const { sender, receiver } = await context.smallPair();
    const seeded = new SeededMessages(72, 3000);
    const sends = Array.from({ length: 50 }, (_, i) => sender.send(seeded.at(i)));
    const closed = sender.close();
    await failsWith("IPC_CLOSED", sender.send(bytes(1)));
    assert.ok(await isPending(closed));
    let received = 0;
    for await (const message of receiver) seeded.verify(received++, message);
    assert.is(received, 50);
    await Promise.all([...sends, closed]);
  });

  sentence(
    74,
    "a close() whose time is over is IPC_TIMEOUT, and the channel is closed",
    ["messages", "backPressure"],
    async (context) => {
      const { sender, receiver } = await context.smallPair();
      const sent = context.fill(sender);
      const lost = failsWith("IPC_CLOSED", sender.send(LARGE));
      await failsWith("IPC_TIMEOUT", sender.close({ timeout: 5 }), /^close\(\) on /);
      await lost;
      assert.ok(sender.closed);
      await failsWith("IPC_TIMEOUT", sender.close());
      // what had been taken whole may still arrive; what had not does not
      let received = 0;
      for (let message = receiver.tryReceive(); message !== undefined; message = receiver.tryReceive()) {
        assert.equal(message, sent[received++]);
      }
      await failsWith("RangeError", receiver.close({ timeout: -1 }));
      assert.is(receiver.closed, false);
    },
  );

  sentence(
    75,
    "closing a receiver ends its own calls that wait with IPC_CLOSED, and its loops",
    [],
    async (context) => {
      const { sender, receiver } = await context.pair();
      const waits = receiver.receive();
      const loop = drain(receiver);
      const iterator = receiver.batches();
      const next = iterator.next();
      const outcome = failsWith("IPC_CLOSED", waits, /^receive\(\) on .*: this end was closed/);
      await receiver.close();
      await outcome;
      assert.equal(await loop, []);
      assert.equal(await next, { done: true, value: undefined });
      assert.equal(await iterator.next(), { done: true, value: undefined });
      await failsWith("IPC_CLOSED", () => receiver[Symbol.asyncIterator]());
      await sender.close();
    },
  );

  sentence(
    76,
    "a receiver that closes wakes a sender that waits, with IPC_CLOSED",
    ["messages", "backPressure"],
    async (context) => {
      const { sender, receiver } = await context.smallPair();
      context.fill(sender);
      const waits = [sender.send(LARGE), sender.send(bytes(1)), sender.sendMany([bytes(2)])];
      const outcomes = waits.map((wait) => failsWith("IPC_CLOSED", wait));
      assert.ok(await isPending(Promise.race(waits)));
      await receiver.close();
      await Promise.all(outcomes);
      await failsWith("IPC_CLOSED", sender.send(bytes(3)), /receiver/);
    },
  );

  sentence(77, "using and await using close the channel", ["messages", "end"], async (context) => {
    const { sender, receiver } = await context.smallPair();
    const seeded = new SeededMessages(76, 5000, 5000);
    let sent = 0;
    async function leaveScope(): Promise<void> {
      await using scoped = sender;
      while (sent < 3) {
        void scoped.send(seeded.at(sent));
        sent++;
      }
    }
    const left = leaveScope();
    let received = 0;
    {
      using scoped = receiver;
      for await (const message of scoped) seeded.verify(received++, message);
    }
    await left;
    assert.is(received, 3);
    assert.ok(sender.closed);
    assert.ok(receiver.closed);
  });

  sentence(
    78,
    "abandon() ends a sender at once, and its receiver does not take what came for all",
    ["messages", "peerDeath", "backPressure"],
    async (context) => {
      const { sender, receiver } = await context.smallPair();
      const sent = context.fill(sender);
      const waits = failsWith("IPC_CLOSED", sender.send(LARGE));
      sender.abandon();
      await waits;
      assert.ok(sender.closed);
      await failsWith("IPC_CLOSED", sender.send(bytes(1)));
      await sender.close();
      let received = 0;
      await failsWith("IPC_PEER_GONE", async () => {
        for await (const message of receiver) assert.equal(message, sent[received++]);
      });
      assert.is(await receiver.receive(), undefined);
      receiver.abandon();
      assert.ok(receiver.closed);
    },
  );
}
