import * as assert from "uvu/assert";
import { Channel } from "../../../src/ipc/channel.ts";
import type { ChannelOptions } from "../../../src/ipc/options.ts";
import { isPending } from "../../support/event-loop.ts";
import { failsWith } from "../../support/fails-with.ts";
import { bytes, drain } from "./context.ts";
import type { Sentence } from "./mod.ts";

/** Addresses, the two ends, and what opening refuses. */
export function opening(sentence: Sentence): void {
  sentence(1, "both ends say the same canonical address", ["named"], async (context) => {
    const { sender, receiver } = await context.pair();
    assert.is(sender.address, receiver.address);
    assert.match(sender.address, /^[a-z]+:./);
    assert.is(sender.side, "sender");
    assert.is(receiver.side, "receiver");
    await Promise.all([sender.close(), receiver.close()]);
    const reopened = Channel.receiver(sender.address);
    const other = Channel.sender(sender.address);
    assert.is(context.own(await reopened).address, sender.address);
    context.own(await other);
  });

  sentence(2, "a second sender is refused with IPC_BUSY", ["named", "exclusiveSender"], async (context) => {
    const { sender, receiver } = await context.pair();
    await failsWith("IPC_BUSY", () => Channel.sender(sender.address), /as sender: /);
    await sender.send(bytes(1));
    assert.equal(await receiver.receive(), bytes(1));
  });

  sentence(3, "a second receiver is refused with IPC_BUSY", ["named", "exclusiveReceiver"], async (context) => {
    const { sender, receiver } = await context.pair();
    await failsWith("IPC_BUSY", () => Channel.receiver(sender.address), /as receiver: /);
    await sender.send(bytes(1));
    assert.equal(await receiver.receive(), bytes(1));
  });

  sentence(4, "a receiver that came first waits for its sender", ["named", "receiverFirst"], async (context) => {
    const address = context.uniqueAddress();
    const receiver = context.own(await Channel.receiver(address));
    const received = receiver.receive();
    assert.ok(await isPending(received));
    const sender = context.own(await Channel.sender(address));
    await sender.send(bytes(1, 2));
    assert.equal(await received, bytes(1, 2));
  });

  sentence(
    5,
    "a sender may send, close and be gone before its receiver comes",
    ["named", "senderFirst", "end"],
    async (context) => {
      const address = context.uniqueAddress();
      const sender = context.own(await Channel.sender(address));
      await sender.send(bytes(1));
      assert.ok(sender.trySend(bytes(2)));
      await sender.close();
      const receiver = context.own(await Channel.receiver(address));
      assert.equal(await drain(receiver), [bytes(1), bytes(2)]);
    },
  );

  sentence(
    6,
    "after both ends have closed, the address opens anew and is empty",
    ["named", "transient"],
    async (context) => {
      const { sender, receiver } = await context.pair();
      await sender.send(bytes(1));
      await receiver.close();
      await sender.close();
      const reopened = await Promise.all([Channel.receiver(sender.address), Channel.sender(sender.address)]);
      const [again, anew] = reopened.map((channel) => context.own(channel));
      assert.is(again?.tryReceive(), undefined);
      await anew?.send(bytes(2));
      assert.equal(await again?.receive(), bytes(2));
    },
  );

  sentence(
    7,
    "remove() takes the object away and says whether there was one",
    ["named", "senderFirst"],
    async (context) => {
      const address = context.uniqueAddress();
      assert.is(await Channel.remove(address), false);
      const sender = context.own(await Channel.sender(address));
      await sender.send(bytes(1));
      await failsWith("IPC_BUSY", () => Channel.remove(address));
      await sender.close();
      assert.is(await Channel.remove(address), true);
      assert.is(await Channel.remove(address), false);
      const receiver = context.own(await Channel.receiver(address));
      assert.is(receiver.tryReceive(), undefined);
      assert.is(receiver.ended, false);
    },
  );

  sentence(
    8,
    "a signal that has fired ends the opening with IPC_ABORTED, and nothing was made",
    ["named"],
    async (context) => {
      const address = context.uniqueAddress();
      const reason = new Error("no more need");
      for (const open of [Channel.sender, Channel.receiver]) {
        const error = await failsWith("IPC_ABORTED", () =>
          open.call(Channel, address, { signal: AbortSignal.abort(reason) }),
        );
        assert.is(error.cause, reason);
      }
      assert.is(await Channel.remove(address), false);
    },
  );

  sentence(
    9,
    "an option that is wrong, unknown or of no use is refused before anything is made",
    [],
    async (context) => {
      const { useless } = context.factory;
      const makePair = (options: ChannelOptions) => context.factory.makePair(options);
      const [name] = Object.keys(useless);
      await failsWith("TypeError", () => makePair(useless), new RegExp(`no use for the option "${name}": it takes `));
      await failsWith("TypeError", () => makePair({ buffer: 1 } as object), /There is no option "buffer"/);
      await failsWith("TypeError", () => makePair({ codec: "xml" as "json" }), /codec is "xml", but must be "bytes"/);
      await failsWith("TypeError", () => makePair({ maxMessageBytes: "1" as unknown as number }), /must be a number/);
      await failsWith("RangeError", () => makePair({ maxMessageBytes: -1 }), /maxMessageBytes is -1, but must be/);
      await failsWith("RangeError", () => makePair({ maxMessageBytes: 1.5 }), /maxMessageBytes is 1.5, but must be/);
      await failsWith("RangeError", () => makePair({ timeout: -1 }), /timeout is -1, but must be/);
      await failsWith("TypeError", () => makePair({ signal: {} as AbortSignal }), /must be an AbortSignal/);
      await failsWith(
        "TypeError",
        () => makePair("small" as unknown as ChannelOptions),
        /options of a channel are an object/,
      );
    },
  );
}
