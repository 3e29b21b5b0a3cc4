import * as assert from "uvu/assert";
import { Channel } from "../../../src/ipc/channel.ts";
import { failsWith } from "../../support/fails-with.ts";
import { SeededMessages } from "../../support/seeded-messages.ts";
import { bytes, drain, LARGE } from "./context.ts";
import type { Sentence } from "./mod.ts";

/** What goes in comes out. */
export function messages(sentence: Sentence): void {
  sentence(10, "messages arrive in the order sent, each once, unchanged", ["messages"], async (context) => {
    const { sender, receiver } = await context.pair();
    const seeded = new SeededMessages(10, 4000);
    const count = 2000;
    const sending = (async () => {
      for (let i = 0; i < count; i++) await sender.send(seeded.at(i));
    })();
    for (let i = 0; i < count; i++) seeded.verify(i, (await receiver.receive()) as Uint8Array);
    await sending;
    assert.is(receiver.tryReceive(), undefined);
  });

  sentence(
    11,
    "a message may have any length, also none and more than there is room for",
    ["messages"],
    async (context) => {
      const { sender, receiver } = await context.smallPair();
      const { capacityBytes = 4096 } = sender.stats();
      const lengths = new Set([
        ...(context.supports.emptyMessages ? [0] : []),
        1,
        2,
        3,
        7,
        8,
        9,
        15,
        16,
        17,
        63,
        64,
        65,
      ]);
      for (let power = 256; power <= 4 * capacityBytes; power *= 2) {
        for (const length of [power - 9, power - 8, power - 1, power, power + 1]) lengths.add(length);
      }
      for (const length of lengths) {
        if (length > sender.maxMessageBytes) continue;
        const [message] = [new SeededMessages(length, length, length).at(0)];
        const sent = sender.send(message);
        assert.equal(await receiver.receive(), message, `${length} bytes`);
        await sent;
      }
      assert.is(receiver.tryReceive(), undefined);
    },
  );

  sentence(12, "every kind of bytes can be sent, and comes as a Uint8Array", ["messages"], async (context) => {
    const { sender, receiver } = await context.pair();
    const { buffer } = new Uint8Array([0, 1, 2, 3, 4, 5, 6, 7]);
    const shared = new Uint8Array(new SharedArrayBuffer(4));
    shared.set([9, 8, 7, 6]);
    const cases: [Parameters<typeof sender.send>[0], Uint8Array][] = [
      [new Uint8Array(buffer, 2, 3), bytes(2, 3, 4)],
      [buffer, bytes(0, 1, 2, 3, 4, 5, 6, 7)],
      [new DataView(buffer, 6), bytes(6, 7)],
      [new Uint16Array(buffer, 2, 1), bytes(2, 3)],
      [Buffer.from([5, 6]), bytes(5, 6)],
      [shared, bytes(9, 8, 7, 6)],
      [shared.buffer, bytes(9, 8, 7, 6)],
    ];
    for (const [message, expected] of cases) {
      await sender.send(message);
      const received = await receiver.receive();
      assert.instance(received, Uint8Array);
      assert.equal(received, expected);
    }
  });

  sentence(13, "once it is sent, the caller's bytes are the caller's again", ["messages"], async (context) => {
    const { sender, receiver } = await context.smallPair();
    const length = Math.min(3 * (sender.stats().capacityBytes ?? 4096), sender.maxMessageBytes);
    const seeded = new SeededMessages(13, length, length);
    const message = seeded.at(0);
    assert.ok(sender.trySend(message));
    message.fill(0xee);
    seeded.verify(0, (await receiver.receive()) as Uint8Array);
    const other = seeded.at(1);
    const sent = sender.send(other).then(() => other.fill(0xee));
    seeded.verify(1, (await receiver.receive()) as Uint8Array);
    await sent;
  });

  sentence(14, "a received message stays as it is, whatever comes after it", ["messages"], async (context) => {
    const { sender, receiver } = await context.smallPair();
    const seeded = new SeededMessages(14, 1000, 1000);
    const received: Uint8Array[] = [];
    for (let i = 0; i < 40; i++) {
      await sender.send(seeded.at(i));
      received.push((await receiver.receive()) as Uint8Array);
    }
    received.forEach((message, i) => {
      seeded.verify(i, message);
    });
    received[0]?.fill(1);
    seeded.verify(1, received[1] as Uint8Array);
  });

  sentence(15, "what is not bytes is a TypeError that names the codec to use", ["messages"], async (context) => {
    const { sender, receiver } = await context.pair();
    const wrong: [unknown, RegExp][] = [
      ["text", /not a string\. For text open both ends with \{ codec: "text" \}/],
      [{ id: 1 }, /not an object\. For values open both ends with \{ codec: "json" \}/],
      [[1, 2], /not an array/],
      [undefined, /not undefined/],
      [null, /not null/],
      [7, /not a number/],
    ];
    for (const [value, pattern] of wrong) {
      const message = value as Uint8Array;
      await failsWith("TypeError", sender.send(message), pattern);
      await failsWith("TypeError", () => sender.trySend(message), pattern);
      await failsWith("TypeError", () => sender.sendSync(message), pattern);
      await failsWith("TypeError", sender.sendMany([message]), pattern);
    }
    await sender.send(bytes(1));
    assert.equal(await receiver.receive(), bytes(1));
    assert.is(sender.stats().messages, 1);
  });

  sentence(
    16,
    "a message that is too long to send is IPC_TOO_LARGE and nothing of it is sent",
    ["messages"],
    async (context) => {
      const { sender, receiver } = await context.pair({ maxMessageBytes: 100 });
      assert.is(sender.maxMessageBytes, 100);
      const long = new Uint8Array(101);
      const pattern = /the message has 101 bytes, but at most 100 fit/;
      await failsWith("IPC_TOO_LARGE", sender.send(long), pattern);
      await failsWith("IPC_TOO_LARGE", () => sender.trySend(long), pattern);
      await failsWith("IPC_TOO_LARGE", () => sender.sendSync(long), pattern);
      await failsWith("IPC_TOO_LARGE", sender.sendMany([bytes(1), long]), pattern);
      await sender.send(new Uint8Array(100));
      assert.equal(await receiver.receive(), bytes(1));
      assert.equal(await receiver.receive(), new Uint8Array(100));
    },
  );

  sentence(
    17,
    "a message that is too long to receive is IPC_TOO_LARGE, is dropped, and the next one comes",
    ["messages", "named"],
    async (context) => {
      const address = context.uniqueAddress();
      const opened = [Channel.receiver(address, { maxMessageBytes: 100 }), Channel.sender(address)] as const;
      const [receiver, sender] = await Promise.all(opened);
      context.own(receiver);
      context.own(sender);
      for (const length of [101, 100, 5000, 1]) await sender.send(new Uint8Array(length).fill(length));
      await failsWith("IPC_TOO_LARGE", receiver.receive(), /101 bytes.*100/);
      assert.equal(await receiver.receive(), new Uint8Array(100).fill(100));
      await failsWith("IPC_TOO_LARGE", () => receiver.receiveSync(), /5000 bytes.*100/);
      await sender.close();
      assert.equal(await drain(receiver), [bytes(1)]);
    },
  );

  sentence(18, "stats() counts what went through this end", ["messages", "backPressure"], async (context) => {
    const { sender, receiver } = await context.smallPair();
    const expected = { messages: 0, bytes: 0 };
    for (const length of [1, 10, 100, 1000]) {
      await sender.send(new Uint8Array(length));
      await receiver.receive();
      expected.messages += 1;
      expected.bytes += length;
    }
    for (const channel of [sender, receiver]) {
      const { messages: count, bytes: size, waiting } = channel.stats();
      assert.equal({ messages: count, bytes: size }, expected);
      assert.is(waiting, 0);
    }
    context.fill(sender);
    const full = sender.send(LARGE);
    assert.ok(sender.stats().waiting > 0);
    await receiver.close();
    await failsWith("IPC_CLOSED", full);
    await sender.close();
    assert.ok(sender.stats().messages > 4);
  });

  sentence(19, "peer says whether the other end is there", ["peerPid"], async (context) => {
    const { sender, receiver } = await context.pair();
    for (const channel of [sender, receiver]) assert.equal(channel.peer, { alive: true, pid: process.pid });
    await sender.close();
    assert.is(receiver.peer.alive, false);
    assert.is(sender.peer.alive, true);
  });
}
