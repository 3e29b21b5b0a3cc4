import * as assert from "uvu/assert";
import { SeededMessages } from "../../support/seeded-messages.ts";
import { assertMessages, bytes, LARGE, receiveAll } from "./context.ts";
import type { Sentence } from "./mod.ts";

/** The forms that never wait. */
export function trying(sentence: Sentence): void {
  sentence(20, "tryReceive() gives undefined when nothing is there", [], async (context) => {
    const { sender, receiver } = await context.pair();
    assert.is(receiver.tryReceive(), undefined);
    assert.is(receiver.ended, false);
    await sender.send(bytes(1));
    assert.equal(receiver.tryReceive(), bytes(1));
    assert.is(receiver.tryReceive(), undefined);
  });

  sentence(
    21,
    "trySend() gives false when there is no room, and nothing was sent",
    ["messages", "backPressure"],
    async (context) => {
      const { sender, receiver } = await context.smallPair();
      const sent = context.fill(sender);
      assert.ok(sent.length > 0);
      assert.is(sender.trySend(LARGE), false);
      assert.is(sender.stats().messages, sent.length);
      assertMessages(await receiveAll(receiver, sent.length), sent);
      await sender.send(bytes(2));
      assert.equal(await receiver.receive(), bytes(2));
    },
  );

  sentence(
    22,
    "trySend() gives false while a send() waits, and never overtakes it",
    ["messages", "backPressure"],
    async (context) => {
      const { sender, receiver } = await context.smallPair();
      const sent = context.fill(sender);
      const waits = sender.send(LARGE);
      assert.is(sender.trySend(bytes(2)), false);
      await receiver.receive();
      assert.is(sender.trySend(bytes(2)), false);
      await receiveAll(receiver, sent.length - 1);
      await waits;
      assert.ok(sender.trySend(bytes(3)));
      assertMessages(await receiveAll(receiver, 2), [LARGE, bytes(3)]);
    },
  );

  sentence(
    23,
    "tryReceive() gives undefined while a receive() waits, and never overtakes it",
    ["messages"],
    async (context) => {
      const { sender, receiver } = await context.pair();
      const waits = receiver.receive();
      assert.ok(sender.trySend(bytes(1)));
      assert.ok(sender.trySend(bytes(2)));
      assert.is(receiver.tryReceive(), undefined);
      assert.equal(await waits, bytes(1));
      assert.equal(receiver.tryReceive(), bytes(2));
    },
  );

  sentence(
    24,
    "what trySend() has taken follows in the background when it is longer than the room",
    ["messages"],
    async (context) => {
      const { sender, receiver } = await context.smallPair();
      const length = Math.min(5 * (sender.stats().capacityBytes ?? 4096), sender.maxMessageBytes);
      const seeded = new SeededMessages(24, length, length);
      assert.ok(sender.trySend(seeded.at(0)));
      const behind = sender.send(bytes(1));
      seeded.verify(0, (await receiver.receive()) as Uint8Array);
      assert.equal(await receiver.receive(), bytes(1));
      await behind;
    },
  );
}
