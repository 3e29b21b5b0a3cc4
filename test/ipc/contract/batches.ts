import * as assert from "uvu/assert";
import type { Channel } from "../../../src/ipc/channel.ts";
import { isPending, turnEventLoop } from "../../support/event-loop.ts";
import { failsWith } from "../../support/fails-with.ts";
import { SeededMessages } from "../../support/seeded-messages.ts";
import { assertMessages, bytes, drain, LARGE, receiveAll } from "./context.ts";
import type { Sentence } from "./mod.ts";

/** Many messages at a time, and loops. */
export function batches(sentence: Sentence): void {
  sentence(45, "sendMany() sends all that an iterable gives, and says how many", ["messages"], async (context) => {
    const { sender, receiver } = await context.smallPair();
    const seeded = new SeededMessages(45, 2000);
    const count = 3000;
    let i = 0;
    function* some(end: number) {
      while (i < end) yield seeded.at(i++);
    }
    const sending = (async () => {
      assert.is(await sender.sendMany([]), 0);
      assert.is(await sender.sendMany([...some(10)]), 10);
      assert.is(await sender.sendMany(some(2000)), 1990);
      assert.is(await sender.sendMany(generateAsync(some(count))), count - 2000);
    })();
    for (let at = 0; at < count; at++) seeded.verify(at, (await receiver.receive()) as Uint8Array);
    await sending;
    assert.is(sender.stats().messages, count);
  });

  sentence(
    46,
    "sendMany() ends at a message that cannot be sent, and ends the iteration",
    ["messages"],
    async (context) => {
      const { sender, receiver } = await context.pair();
      let ended = 0;
      const values = [bytes(1), bytes(2), "three" as unknown as Uint8Array, bytes(4)];
      function* some() {
        try {
          yield* values;
        } finally {
          ended++;
        }
      }
      await failsWith("TypeError", sender.sendMany(some()));
      await failsWith("TypeError", sender.sendMany(generateAsync(some())));
      assert.is(ended, 2);
      assertMessages(await receiveAll(receiver, 4), [bytes(1), bytes(2), bytes(1), bytes(2)]);
      const broken = new Error("the source broke");
      const failing = (async function* () {
        yield bytes(5);
        throw broken;
      })();
      assert.is(await sender.sendMany(failing).catch((error) => error), broken);
      await sender.send(bytes(6));
      assertMessages(await receiveAll(receiver, 2), [bytes(5), bytes(6)]);
    },
  );

  sentence(
    47,
    "timeout and signal of sendMany() are for the whole call",
    ["messages", "backPressure"],
    async (context) => {
      const { sender, receiver } = await context.smallPair();
      const endless = function* () {
        for (;;) yield LARGE;
      };
      await failsWith("IPC_TIMEOUT", sender.sendMany(endless(), { timeout: 20 }), /sendMany\(\) on .* within 20 ms/);
      const controller = new AbortController();
      const sending = sender.sendMany(endless(), { signal: controller.signal });
      controller.abort();
      await failsWith("IPC_ABORTED", sending);
      const count = sender.stats().messages;
      assert.ok(count > 0);
      await receiveAll(receiver, count);
      const never = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
      await failsWith("IPC_TIMEOUT", sender.sendMany(never, { timeout: 5 }));
      const stop = new AbortController();
      const waiting = failsWith("IPC_ABORTED", sender.sendMany(never, { signal: stop.signal }));
      await turnEventLoop();
      stop.abort();
      await waiting;
      await sender.send(bytes(1));
      assert.equal(await receiver.receive(), bytes(1));
    },
  );

  sentence(48, "sendMany() publishes what it has before it waits for more", ["messages"], async (context) => {
    const { sender, receiver } = await context.pair();
    let release = () => {};
    const more = new Promise<void>((resolve) => {
      release = resolve;
    });
    const sending = sender.sendMany(
      (async function* () {
        yield bytes(1);
        yield bytes(2);
        await more;
        yield bytes(3);
      })(),
    );
    assertMessages(await receiveAll(receiver, 2), [bytes(1), bytes(2)]);
    release();
    assert.equal(await receiver.receive(), bytes(3));
    assert.is(await sending, 3);
  });

  sentence(
    49,
    "batches() gives what is there, at least one and at most max, up to the end",
    ["messages", "end"],
    async (context) => {
      const { sender, receiver } = await context.smallPair();
      const seeded = new SeededMessages(49, 200);
      const count = 2000;
      const sending = sender.sendMany(Array.from({ length: count }, (_, i) => seeded.at(i))).then(() => sender.close());
      let received = 0;
      for await (const batch of receiver.batches({ max: 7 })) {
        assert.ok(batch.length >= 1 && batch.length <= 7, `${batch.length} messages`);
        for (const message of batch) seeded.verify(received++, message);
      }
      assert.is(received, count);
      assert.ok(receiver.ended);
      await sending;
    },
  );

  sentence(50, "for await gives every message and ends at the end", ["messages", "end"], async (context) => {
    const { sender, receiver } = await context.smallPair();
    const seeded = new SeededMessages(50, 2000);
    const sending = (async () => {
      for (let i = 0; i < 300; i++) await sender.send(seeded.at(i));
      await sender.close();
    })();
    let received = 0;
    for await (const message of receiver) seeded.verify(received++, message);
    assert.is(received, 300);
    assert.ok(receiver.ended);
    await sending;
    assert.equal(await drain(receiver), []);
  });

  sentence(51, "leaving a loop takes no message with it and leaves the channel open", ["messages"], async (context) => {
    const { sender, receiver } = await context.pair();
    await sender.sendMany([1, 2, 3, 4, 5].map((i) => bytes(i)));
    assert.equal(await firstOf(receiver), bytes(1));
    assert.equal(await firstOf(receiver), bytes(2));
    for await (const batch of receiver.batches({ max: 2 })) {
      assert.equal(batch, [bytes(3), bytes(4)]);
      break;
    }
    assert.is(receiver.closed, false);
    assert.equal(await receiver.receive(), bytes(5));
    const iterator = receiver[Symbol.asyncIterator]();
    const next = iterator.next();
    assert.ok(await isPending(next));
    await sender.send(bytes(6));
    assert.equal(await next, { done: false, value: bytes(6) });
    await iterator.return?.();
    assert.equal(await iterator.next(), { done: true, value: undefined });
  });
}

async function* generateAsync<Value>(values: Iterable<Value>): AsyncGenerator<Value> {
  yield* values;
}

async function firstOf(receiver: Channel): Promise<Uint8Array | undefined> {
  for await (const message of receiver) return message;
  return undefined;
}
