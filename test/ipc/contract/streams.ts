import * as assert from "uvu/assert";
import { isPending, turnEventLoop } from "../../support/event-loop.ts";
import { failsWith } from "../../support/fails-with.ts";
import { SeededMessages } from "../../support/seeded-messages.ts";
import { assertMessages, bytes, drain, LARGE, receiveAll } from "./context.ts";
import type { Sentence } from "./mod.ts";

/** Web streams. */
export function streams(sentence: Sentence): void {
  sentence(
    52,
    "readable gives every message, ends at the end and closes the channel",
    ["messages", "end"],
    async (context) => {
      const { sender, receiver } = await context.smallPair();
      const seeded = new SeededMessages(52, 2000);
      const sending = sender.sendMany(Array.from({ length: 200 }, (_, i) => seeded.at(i))).then(() => sender.close());
      assert.is(receiver.readable, receiver.readable);
      let received = 0;
      for await (const message of receiver.readable) seeded.verify(received++, message);
      assert.is(received, 200);
      await sending;
      assert.ok(receiver.closed);
    },
  );

  sentence(53, "readable reads nothing ahead, and cancelling it closes the channel", ["messages"], async (context) => {
    const { sender, receiver } = await context.pair();
    await sender.sendMany([bytes(1), bytes(2), bytes(3)]);
    const reader = receiver.readable.getReader();
    assert.equal(await reader.read(), { done: false, value: bytes(1) });
    await turnEventLoop();
    assert.is(receiver.stats().messages, 1);
    assert.equal(receiver.tryReceive(), bytes(2));
    assert.equal(await reader.read(), { done: false, value: bytes(3) });
    const pending = reader.read();
    assert.ok(await isPending(pending));
    await reader.cancel();
    assert.is((await pending).done, true);
    assert.ok(receiver.closed);
  });

  sentence(
    54,
    "writable waits for room, and closing it closes the channel",
    ["messages", "end", "backPressure"],
    async (context) => {
      const { sender, receiver } = await context.smallPair();
      assert.is(sender.writable, sender.writable);
      const sent = context.fill(sender);
      const writer = sender.writable.getWriter();
      const written = writer.write(LARGE);
      assert.ok(await isPending(writer.ready));
      assertMessages(await receiveAll(receiver, sent.length), sent);
      await written;
      await writer.write(bytes(2));
      const closed = writer.close();
      assert.equal(await drain(receiver), [LARGE, bytes(2)]);
      await closed;
      assert.ok(sender.closed);
    },
  );

  sentence(
    55,
    "aborting writable ends the write that waits and closes the channel",
    ["messages", "backPressure"],
    async (context) => {
      const { sender } = await context.smallPair();
      context.fill(sender);
      const writer = sender.writable.getWriter();
      const outcomes = [writer.write(LARGE), writer.write(bytes(2))].map((write) => write.catch((error) => error));
      const reason = new Error("never mind");
      await writer.abort(reason);
      for (const outcome of outcomes) assert.instance(await outcome, Error);
      assert.ok(sender.closed);
      await failsWith("IPC_CLOSED", sender.send(bytes(3)));
    },
  );

  sentence(56, "a stream can be piped from one channel into another", ["messages", "end"], async (context) => {
    const first = await context.smallPair();
    const second = await context.smallPair();
    const seeded = new SeededMessages(56, 1000);
    const piping = first.receiver.readable.pipeTo(second.sender.writable);
    const sending = first.sender
      .sendMany(Array.from({ length: 200 }, (_, i) => seeded.at(i)))
      .then(() => first.sender.close());
    let received = 0;
    for await (const message of second.receiver) seeded.verify(received++, message);
    assert.is(received, 200);
    await Promise.all([piping, sending]);
  });
}
