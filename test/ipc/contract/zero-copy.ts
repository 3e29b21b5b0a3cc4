import * as assert from "uvu/assert";
import { isPending, turnEventLoop } from "../../support/event-loop.ts";
import { failsWith } from "../../support/fails-with.ts";
import { SeededMessages } from "../../support/seeded-messages.ts";
import { assertMessages, bytes, LARGE, receiveAll } from "./context.ts";
import type { Sentence } from "./mod.ts";

/** Writing and reading in the transport's own memory. */
export function zeroCopy(sentence: Sentence): void {
  sentence(57, "what is written into a claim and committed is a message", ["zeroCopy"], async (context) => {
    const { sender, receiver } = await context.smallPair();
    const seeded = new SeededMessages(57, 900, 0);
    for (let i = 0; i < 60; i++) {
      const message = seeded.at(i);
      const claim = i % 3 === 0 ? await sender.claim(900) : i % 3 === 1 ? sender.tryClaim(900) : sender.claimSync(900);
      assert.is(claim?.length, 900);
      claim?.set(message);
      sender.commit(message.length);
      seeded.verify(i, (await receiver.receive()) as Uint8Array);
    }
    (await sender.claim(3)).set([1, 2, 3]);
    sender.commit();
    assert.equal(await receiver.receive(), bytes(1, 2, 3));
    assert.is(sender.stats().messages, 61);
  });

  sentence(
    58,
    "a claim that is aborted, or open when the channel closes, sends nothing",
    ["zeroCopy"],
    async (context) => {
      const { sender, receiver } = await context.smallPair();
      for (let i = 0; i < 50; i++) {
        (await sender.claim(500)).fill(0xee);
        sender.abort();
      }
      assert.is(receiver.tryReceive(), undefined);
      await sender.send(bytes(1));
      assert.equal(await receiver.receive(), bytes(1));
      assert.is(sender.stats().messages, 1);
      const left = await sender.claim(500);
      left.fill(0xee);
      await sender.close();
      await failsWith("IPC_CLOSED", () => sender.commit());
      assert.is(await receiver.receive(), undefined);

      const using = await context.smallPair();
      await using.sender.send(bytes(2));
      await using.receiver.peek();
      await using.sender.claim(1);
      using.sender[Symbol.dispose]();
      await using.receiver.close();
      await failsWith("IPC_CLOSED", () => using.receiver.release());
    },
  );

  sentence(59, "a message is looked at in place and received with release()", ["zeroCopy"], async (context) => {
    const { sender, receiver } = await context.smallPair();
    const seeded = new SeededMessages(59, 900, 0);
    assert.is(receiver.tryPeek(), undefined);
    for (let i = 0; i < 60; i++) {
      await sender.send(seeded.at(i));
      const seen = i % 3 === 0 ? await receiver.peek() : i % 3 === 1 ? receiver.tryPeek() : receiver.peekSync();
      seeded.verify(i, seen?.slice() as Uint8Array);
      assert.is(receiver.stats().messages, i);
      receiver.release();
      assert.is(receiver.stats().messages, i + 1);
    }
    const long = seeded.at(3 * 4096);
    const { capacityBytes = 4096 } = sender.stats();
    const length = Math.min(3 * capacityBytes, sender.maxMessageBytes);
    const longer = new SeededMessages(60, length, length);
    const sent = sender.sendMany([longer.at(0), long]);
    longer.verify(0, (await receiver.peek())?.slice() as Uint8Array);
    receiver.release();
    assert.equal(await receiver.receive(), long);
    await sent;
    await sender.close();
    assert.is(await receiver.peek(), undefined);
    assert.ok(receiver.ended);
  });

  sentence(
    60,
    "while a claim or a peek is open, calls that can wait do, and others are a TypeError",
    ["zeroCopy"],
    async (context) => {
      const { sender, receiver } = await context.pair();
      const claim = await sender.claim(2);
      const sends = [sender.send(bytes(3)), sender.sendMany([bytes(4), bytes(5)])];
      assert.ok(await isPending(Promise.race(sends)));
      await failsWith(
        "TypeError",
        () => sender.trySend(bytes(9)),
        /a claim is open\. Call commit\(\) or abort\(\) first/,
      );
      await failsWith("TypeError", () => sender.sendSync(bytes(9)), /a claim is open/);
      await failsWith("TypeError", () => sender.tryClaim(1), /a claim is open/);
      await failsWith("TypeError", sender.claim(1), /a claim is open/);
      await failsWith("RangeError", () => sender.commit(3), /the length 3, but the claim has 2 bytes/);
      claim.set([1, 2]);
      sender.commit();
      await Promise.all(sends);
      await failsWith("TypeError", () => sender.commit(), /there is no claim/);
      await failsWith("TypeError", () => sender.abort(), /there is no claim/);

      await failsWith("TypeError", () => receiver.release(), /no message is peeked at/);
      assert.equal((await receiver.peek())?.slice(), bytes(1, 2));
      const receives = [receiver.receive(), receiver.receive()];
      assert.ok(await isPending(Promise.race(receives)));
      await failsWith("TypeError", () => receiver.tryReceive(), /Call release\(\) first/);
      await failsWith("TypeError", () => receiver.receiveSync(), /Call release\(\) first/);
      await failsWith("TypeError", () => receiver.tryPeek(), /Call release\(\) first/);
      await failsWith("TypeError", receiver.peek(), /Call release\(\) first/);
      receiver.release();
      assert.equal(await Promise.all(receives), [bytes(3), bytes(4)]);
      assert.equal(await receiver.receive(), bytes(5));
    },
  );

  sentence(
    61,
    "claim() waits for room and peek() for a message, in their turn, with timeout and signal",
    ["zeroCopy", "backPressure"],
    async (context) => {
      const { sender, receiver } = await context.smallPair();
      await failsWith("IPC_TIMEOUT", receiver.peek({ timeout: 5 }), /^peek\(\) on /);
      await failsWith("IPC_TIMEOUT", () => receiver.peekSync({ timeout: 5 }), /^peekSync\(\) on /);
      await failsWith("IPC_ABORTED", receiver.peek({ signal: AbortSignal.abort() }));
      const sent = context.fill(sender);
      assert.is(sender.tryClaim(600), undefined);
      await failsWith("IPC_TIMEOUT", sender.claim(600, { timeout: 5 }), /^claim\(\) on /);
      await failsWith("IPC_TIMEOUT", () => sender.claimSync(600, { timeout: 5 }), /^claimSync\(\) on /);
      const before = sender.send(LARGE);
      const claims = sender.claim(600);
      const after = sender.send(bytes(3));
      assert.ok(await isPending(claims));
      assertMessages(await receiveAll(receiver, sent.length), sent);
      await before;
      (await claims).fill(2);
      assert.ok(await isPending(after));
      sender.commit();
      await after;
      assertMessages(await receiveAll(receiver, 3), [LARGE, new Uint8Array(600).fill(2), bytes(3)]);
      const peeks = receiver.peek();
      await sender.send(bytes(4));
      assert.equal((await peeks)?.slice(), bytes(4));
      receiver.release();
    },
  );

  sentence(
    62,
    "a claim that could never fit is refused, and so is one on a channel without memory of its own",
    [],
    async (context) => {
      const { sender, receiver } = await context.smallPair();
      if (context.supports.zeroCopy) {
        await failsWith("IPC_TOO_LARGE", sender.claim(10 * (sender.stats().capacityBytes ?? 2 ** 28)));
        for (const length of [-1, 1.5, Number.NaN, "1" as unknown as number]) {
          await failsWith("RangeError", sender.claim(length), /must be a whole number of bytes/);
        }
      } else {
        const remedy = /no memory of its own to .*\. Call (send|receive)\(\)/;
        await failsWith("IPC_UNSUPPORTED", sender.claim(1), remedy);
        await failsWith("IPC_UNSUPPORTED", () => sender.tryClaim(1), remedy);
        await failsWith("IPC_UNSUPPORTED", () => sender.claimSync(1), remedy);
        await failsWith("IPC_UNSUPPORTED", receiver.peek(), remedy);
        await failsWith("IPC_UNSUPPORTED", () => receiver.tryPeek(), remedy);
        await failsWith("IPC_UNSUPPORTED", () => receiver.peekSync(), remedy);
        await failsWith("IPC_UNSUPPORTED", () => receiver.peekBatches(), remedy);
      }
      await sender.send(bytes(1));
      assert.equal(await receiver.receive(), bytes(1));
    },
  );

  sentence(
    63,
    "peekBatches() shows what is there in place until the next batch, release() or the end of the loop",
    ["zeroCopy", "end"],
    async (context) => {
      const { sender, receiver } = await context.smallPair();
      const { capacityBytes = 4096 } = sender.stats();
      const long = Math.min(3 * capacityBytes, sender.maxMessageBytes);
      const seeded = new SeededMessages(63, 300);
      const longer = new SeededMessages(64, long, long);
      const messages = Array.from({ length: 1000 }, (_, i) => (i % 100 === 70 ? longer.at(i) : seeded.at(i)));
      const sending = sender.sendMany(messages).then(() => sender.close());
      let seen = 0;
      for await (const batch of receiver.peekBatches({ max: 7 })) {
        assert.ok(batch.length >= 1 && batch.length <= 7, `${batch.length} messages`);
        assert.is(receiver.stats().messages, seen);
        // a sender that goes on does not reach what is shown
        await turnEventLoop(1);
        assertMessages(
          batch.map((message) => message.slice()),
          messages.slice(seen, seen + batch.length),
        );
        seen += batch.length;
      }
      assert.is(seen, messages.length);
      assert.is(receiver.stats().messages, seen);
      assert.ok(receiver.ended);
      await sending;
    },
  );

  sentence(
    63,
    "while a batch is peeked at other calls are refused, and it is received when the loop is left",
    ["zeroCopy"],
    async (context) => {
      const { sender, receiver } = await context.pair();
      const [first, second] = [receiver.peekBatches({ max: 2 }), receiver.peekBatches({ max: 2 })];
      const early = first.next();
      assert.ok(await isPending(early));
      await sender.sendMany([1, 2, 3, 4, 5, 6, 7, 8].map((i) => bytes(i)));
      const taken: Uint8Array[] = ((await early).value ?? []).map((message: Uint8Array) => message.slice());
      assert.ok(taken.length >= 1 && taken.length <= 2, `${taken.length} messages`);
      await failsWith(
        "TypeError",
        receiver.receive(),
        /^receive\(\) on .*: a batch is peeked at.* Call release\(\) first/,
      );
      await failsWith("TypeError", receiver[Symbol.asyncIterator]().next(), /a batch is peeked at/);
      await failsWith("TypeError", second.next(), /Call release\(\) first/);
      await failsWith("TypeError", () => receiver.tryReceive(), /Call release\(\) first/);
      await first.return?.();
      taken.push((await receiver.receive()) as Uint8Array);
      for await (const batch of receiver.peekBatches({ max: 2 })) {
        taken.push(...batch.map((message) => message.slice()));
        receiver.release();
        taken.push((await receiver.receive()) as Uint8Array);
        await failsWith("TypeError", () => receiver.release(), /no message is peeked at/);
        break;
      }
      taken.push(await receiver.peek().then((message) => message?.slice() as Uint8Array));
      // another one's peek is not released by an iterator that is done with its own
      await first.return?.();
      await second.return?.();
      receiver.release();
      assertMessages(
        taken,
        taken.map((_, i) => bytes(i + 1)),
      );
      assert.is(receiver.stats().messages, taken.length);
      assert.ok(taken.length >= 5);
      for (let i = taken.length; i < 8; i++) assert.equal(await receiver.receive(), bytes(i + 1));

      const late = receiver.peekBatches({ timeout: 5 });
      await failsWith("IPC_TIMEOUT", late.next(), /^peekBatches\(\) on /);
      await failsWith("RangeError", () => receiver.peekBatches({ max: 0 }), /peekBatches\(\) got max 0/);
      const ending = receiver.peekBatches();
      const end = ending.next();
      await receiver.close();
      assert.equal(await end, { done: true, value: undefined });
      await failsWith("IPC_CLOSED", () => receiver.peekBatches());
    },
  );
}
