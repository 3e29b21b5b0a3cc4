import * as assert from "uvu/assert";
import type { Channel } from "../../../src/ipc/channel.ts";
import { failsWith } from "../../support/fails-with.ts";
import { bytes } from "./context.ts";
import type { Sentence } from "./mod.ts";

const OF_A_SENDER: readonly ((channel: Channel) => unknown)[] = [
  (channel) => channel.send(bytes(1)),
  (channel) => channel.trySend(bytes(1)),
  (channel) => channel.sendSync(bytes(1)),
  (channel) => channel.sendMany([]),
  (channel) => channel.sendDescriptor(0),
  (channel) => channel.trySendDescriptor(0),
  (channel) => channel.sendDescriptorSync(0),
  (channel) => channel.claim(1),
  (channel) => channel.tryClaim(1),
  (channel) => channel.claimSync(1),
  (channel) => channel.commit(),
  (channel) => channel.abort(),
  (channel) => channel.writable,
];

const OF_A_RECEIVER: readonly ((channel: Channel) => unknown)[] = [
  (channel) => channel.receive(),
  (channel) => channel.tryReceive(),
  (channel) => channel.receiveSync(),
  (channel) => channel.receiveDescriptor(),
  (channel) => channel.tryReceiveDescriptor(),
  (channel) => channel.receiveDescriptorSync(),
  (channel) => channel.batches(),
  (channel) => channel[Symbol.asyncIterator](),
  (channel) => channel.peek(),
  (channel) => channel.tryPeek(),
  (channel) => channel.peekSync(),
  (channel) => channel.peekBatches(),
  (channel) => channel.release(),
  (channel) => channel.readable,
];

/** What is wrong in the program itself. */
export function misuse(sentence: Sentence): void {
  sentence(85, "what belongs to the other end is a TypeError that says how to open that", [], async (context) => {
    const { sender, receiver } = await context.pair();
    for (const call of OF_A_RECEIVER) {
      await failsWith("TypeError", () => call(sender), /this is the sender of .* Open it with Channel\.receiver\(\)/);
    }
    for (const call of OF_A_SENDER) {
      await failsWith("TypeError", () => call(receiver), /this is the receiver of .* Open it with Channel\.sender\(\)/);
    }
  });

  sentence(
    86,
    "options that are wrong are refused before anything is done, and the channel goes on",
    ["messages"],
    async (context) => {
      const { sender, receiver } = await context.pair();
      await sender.send(bytes(1));
      const wrong: [object | null, "TypeError" | "RangeError", RegExp][] = [
        [{ timeout: Number.NaN }, "RangeError", /timeout is NaN, but must be a number of milliseconds from 0/],
        [{ timeout: -1 }, "RangeError", /timeout is -1/],
        [{ timeout: "1" }, "TypeError", /timeout is of type string/],
        [{ signal: {} }, "TypeError", /must be an AbortSignal/],
        [{ timeOut: 1 }, "TypeError", /^There is no option "timeOut" of this call: it takes \{ timeout, signal/],
        [null, "TypeError", /are an object/],
      ];
      for (const [options, error, pattern] of wrong) {
        const given = options as { timeout: number };
        await failsWith(error, sender.send(bytes(9), given), pattern);
        await failsWith(error, () => sender.sendSync(bytes(9), given), pattern);
        await failsWith(error, sender.sendMany([bytes(9)], given), pattern);
        await failsWith(error, receiver.receive(given), pattern);
        await failsWith(error, () => receiver.receiveSync(given), pattern);
        await failsWith(error, () => receiver.batches(given), pattern);
        await failsWith(error, sender.close(given), pattern);
      }
      const { signal } = new AbortController();
      await failsWith("TypeError", () => sender.sendSync(bytes(9), { signal }), /cannot be aborted: give it a timeout/);
      await failsWith("TypeError", () => receiver.receiveSync({ signal }), /cannot be aborted: give it a timeout/);
      for (const max of [0, -1, 1.5, Number.NaN]) {
        await failsWith("RangeError", () => receiver.batches({ max }), /must be a whole number from 1/);
      }
      for (const many of [bytes(1), "text", 7, null, undefined, {}]) {
        await failsWith("TypeError", sender.sendMany(many as Iterable<Uint8Array>), /takes an iterable of messages/);
      }
      assert.equal(receiver.tryReceive(), bytes(1));
      assert.is(receiver.tryReceive(), undefined);
      assert.is(sender.stats().messages, 1);
    },
  );
}
