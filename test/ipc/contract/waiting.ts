import * as assert from "uvu/assert";
import { isPending } from "../../support/event-loop.ts";
import { failsWith } from "../../support/fails-with.ts";
import { SeededMessages } from "../../support/seeded-messages.ts";
import { assertMessages, bytes, LARGE, receiveAll } from "./context.ts";
import type { Sentence } from "./mod.ts";

/** Calls that wait, and how the wait ends. */
export function waiting(sentence: Sentence): void {
  sentence(25, "send() waits while there is no room", ["messages", "backPressure"], async (context) => {
    const { sender, receiver } = await context.smallPair();
    const sent = context.fill(sender);
    const waits = sender.send(LARGE);
    assert.ok(await isPending(waits));
    assertMessages(await receiveAll(receiver, sent.length + 1), [...sent, LARGE]);
    await waits;
  });

  sentence(26, "receive() waits while there is no message", [], async (context) => {
    const { sender, receiver } = await context.pair();
    for (let i = 0; i < 20; i++) {
      const waits = receiver.receive();
      assert.ok(await isPending(waits));
      await sender.send(bytes(i));
      assert.equal(await waits, bytes(i));
    }
  });

  sentence(
    27,
    "a send() whose time is over is IPC_TIMEOUT, and nothing was sent",
    ["messages", "backPressure"],
    async (context) => {
      const { sender, receiver } = await context.smallPair();
      const sent = context.fill(sender);
      for (const timeout of [0, 1, 30]) {
        await failsWith(
          "IPC_TIMEOUT",
          sender.send(LARGE, { timeout }),
          new RegExp(`^send\\(\\) on .* within ${timeout} ms`),
        );
      }
      assertMessages(await receiveAll(receiver, sent.length), sent);
      await sender.send(bytes(1), { timeout: 10_000 });
      assert.equal(await receiver.receive(), bytes(1));
    },
  );

  sentence(28, "a receive() whose time is over is IPC_TIMEOUT, and no message is lost", [], async (context) => {
    const { sender, receiver } = await context.pair();
    for (const timeout of [0, 1, 30]) await failsWith("IPC_TIMEOUT", receiver.receive({ timeout }), /^receive\(\) on /);
    await sender.send(bytes(1));
    assert.equal(await receiver.receive({ timeout: 0 }), bytes(1));
    // the message comes while the time runs out, over and over
    for (let i = 0; i < 50; i++) {
      const received = receiver.receive({ timeout: i % 3 }).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 1));
      await sender.send(bytes(i));
      assert.equal((await received) ?? (await receiver.receive()), bytes(i));
    }
  });

  sentence(
    29,
    "a send() whose signal fires is IPC_ABORTED, and nothing was sent",
    ["messages", "backPressure"],
    async (context) => {
      const { sender, receiver } = await context.smallPair();
      const sent = context.fill(sender);
      const controller = new AbortController();
      const waits = sender.send(LARGE, { signal: controller.signal });
      const reason = new Error("changed my mind");
      controller.abort(reason);
      assert.is((await failsWith("IPC_ABORTED", waits, /^send\(\) on .* was aborted/)).cause, reason);
      assertMessages(await receiveAll(receiver, sent.length), sent);
      await sender.send(bytes(1));
      assert.equal(await receiver.receive(), bytes(1));
    },
  );

  sentence(30, "a receive() whose signal fires is IPC_ABORTED, and no message is lost", [], async (context) => {
    const { sender, receiver } = await context.pair();
    const controller = new AbortController();
    const waits = receiver.receive({ signal: controller.signal });
    assert.ok(await isPending(waits));
    controller.abort();
    await failsWith("IPC_ABORTED", waits);
    await sender.send(bytes(1));
    assert.equal(await receiver.receive(), bytes(1));
  });

  sentence(31, "with a signal that has fired before, nothing is done", ["messages"], async (context) => {
    const { sender, receiver } = await context.pair();
    const signal = AbortSignal.abort();
    await sender.send(bytes(1));
    await failsWith("IPC_ABORTED", sender.send(bytes(2), { signal }));
    await failsWith("IPC_ABORTED", sender.sendMany([bytes(2)], { signal }));
    await failsWith("IPC_ABORTED", receiver.receive({ signal }));
    await failsWith("IPC_ABORTED", receiver.batches({ signal }).next());
    assert.equal(receiver.tryReceive(), bytes(1));
    assert.is(receiver.tryReceive(), undefined);
  });

  sentence(32, "a wait that ends does not disturb the others", ["messages", "backPressure"], async (context) => {
    const { sender, receiver } = await context.smallPair();
    const aborts = new AbortController();
    const receives = [
      receiver.receive(),
      receiver.receive({ signal: aborts.signal }),
      receiver.receive({ timeout: 1 }),
      receiver.receive(),
    ];
    const outcomes = Promise.allSettled(receives);
    aborts.abort();
    await failsWith("IPC_TIMEOUT", receives[2] as Promise<unknown>);
    await sender.send(bytes(1));
    await sender.send(bytes(2));
    const codes = (await outcomes).map((outcome) =>
      outcome.status === "fulfilled" ? outcome.value : outcome.reason.code,
    );
    assert.equal(codes, [bytes(1), "IPC_ABORTED", "IPC_TIMEOUT", bytes(2)]);

    const sent = context.fill(sender);
    const stops = new AbortController();
    const sends = [
      sender.send(LARGE, { signal: stops.signal }),
      sender.send(bytes(1)),
      sender.send(LARGE, { timeout: 1 }),
      sender.send(bytes(2)),
    ];
    const ends = Promise.allSettled(sends);
    stops.abort();
    await failsWith("IPC_ABORTED", sends[0] as Promise<unknown>);
    await failsWith("IPC_TIMEOUT", sends[2] as Promise<unknown>);
    assertMessages(await receiveAll(receiver, sent.length + 2), [...sent, bytes(1), bytes(2)]);
    assert.equal(
      (await ends).map(({ status }) => status),
      ["rejected", "fulfilled", "rejected", "fulfilled"],
    );
    assert.is(receiver.tryReceive(), undefined);
  });

  sentence(33, "a timeout may be Infinity, or longer than a timer takes", [], async (context) => {
    const { sender, receiver } = await context.pair();
    for (const timeout of [Number.POSITIVE_INFINITY, 2 ** 31, 1e15, Number.MAX_VALUE]) {
      const waits = receiver.receive({ timeout });
      assert.ok(await isPending(waits));
      await sender.send(bytes(1), { timeout });
      assert.equal(await waits, bytes(1));
    }
  });

  sentence(34, "a loop of calls that never wait lets timers and others have their turn", [], async (context) => {
    const { sender, receiver } = await context.pair();
    // one of the two calls of each loop awaits; only that one can let others have their turn
    const loops: [string, () => Promise<unknown>][] = [
      ["send()", () => sender.send(bytes(1)).then(() => receiver.receiveSync())],
      ["receive()", () => receiver.receive()],
      ["batches()", () => receiver.batches().next()],
    ];
    if (context.supports.zeroCopy) {
      loops.push(["peek()", () => receiver.peek().then(() => receiver.release())]);
      const peekBatch = async () => {
        const batches = receiver.peekBatches();
        await batches.next();
        await batches.return?.();
      };
      loops.push(["peekBatches()", peekBatch]);
      const commit = () => {
        sender.commit();
        receiver.receiveSync();
      };
      loops.push(["claim()", () => sender.claim(1).then(commit)]);
    }
    for (const [name, round] of loops) {
      let fired = false;
      setTimeout(() => {
        fired = true;
      }, 0);
      let rounds = 0;
      for (; !fired && rounds < 100_000; rounds++) {
        if (name !== "send()" && name !== "claim()") sender.sendSync(bytes(1));
        await round();
      }
      assert.ok(fired, `the timer had no turn in ${rounds} rounds of ${name}`);
    }
  });

  sentence(35, "a long message whose send() ends early is sent whole or not at all", ["messages"], async (context) => {
    const { sender, receiver } = await context.smallPair();
    const length = Math.min(3 * (sender.stats().capacityBytes ?? 4096), sender.maxMessageBytes);
    const seeded = new SeededMessages(35, length, length);
    for (let i = 0; i < 8; i++) {
      const controller = new AbortController();
      const message = seeded.at(i);
      const outcome = sender.send(message, { signal: controller.signal }).then(
        () => "sent",
        (error) => error.code,
      );
      // in every second round the receiver has begun with it
      const early = i % 2 === 1 ? receiver.tryReceive() : undefined;
      controller.abort();
      const end = await outcome;
      message.fill(0xee);
      if (end === "sent") seeded.verify(i, early ?? ((await receiver.receive()) as Uint8Array));
      else assert.equal([end, early], ["IPC_ABORTED", undefined]);
    }
    await sender.send(bytes(99));
    assert.equal(await receiver.receive(), bytes(99));
  });
}
