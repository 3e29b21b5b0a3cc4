import * as assert from "uvu/assert";
import { turnEventLoop } from "../../support/event-loop.ts";
import { SeededMessages } from "../../support/seeded-messages.ts";
import type { Sentence } from "./mod.ts";

/** Many calls at a time. */
export function order(sentence: Sentence): void {
  sentence(36, "send() calls that wait are served in the order of the calls", ["messages"], async (context) => {
    const { sender, receiver } = await context.smallPair();
    const seeded = new SeededMessages(36, 3000);
    const done: number[] = [];
    const sends = Array.from({ length: 100 }, (_, i) => sender.send(seeded.at(i)).then(() => done.push(i)));
    for (let i = 0; i < 100; i++) seeded.verify(i, (await receiver.receive()) as Uint8Array);
    await Promise.all(sends);
    assert.equal(
      done,
      Array.from({ length: 100 }, (_, i) => i),
    );
  });

  sentence(37, "receive() calls that wait are served in the order of the calls", ["messages"], async (context) => {
    const { sender, receiver } = await context.pair();
    const seeded = new SeededMessages(37, 100);
    const receives = Array.from({ length: 100 }, () => receiver.receive());
    for (let i = 0; i < 100; i++) await sender.send(seeded.at(i));
    (await Promise.all(receives)).forEach((message, i) => {
      seeded.verify(i, message as Uint8Array);
    });
  });

  sentence(38, "whatever the form of the calls, messages keep their order", ["messages"], async (context) => {
    const { sender, receiver } = await context.smallPair();
    const seeded = new SeededMessages(38, 700);
    const count = 400;
    const sending = (async () => {
      for (let i = 0; i < count; ) {
        const form = i % 4;
        if (form === 0) await sender.send(seeded.at(i++));
        else if (form === 1) {
          if (sender.trySend(seeded.at(i))) i++;
          else await turnEventLoop(1);
        } else if (form === 2) {
          const many = [seeded.at(i++), seeded.at(i++), seeded.at(i++)];
          assert.is(await sender.sendMany(many), 3);
        } else {
          const both = [sender.send(seeded.at(i++)), sender.sendMany([seeded.at(i++), seeded.at(i++)])];
          await Promise.all(both);
        }
      }
    })();
    let received = 0;
    const check = (message: Uint8Array) => seeded.verify(received++, message);
    while (received < count) {
      if (received % 3 === 0) check((await receiver.receive()) as Uint8Array);
      const now = receiver.tryReceive();
      if (now !== undefined) check(now);
      else await turnEventLoop(1);
      if (received % 5 === 0 && received < count) (await receiver.batches({ max: 3 }).next()).value?.forEach(check);
    }
    // the last round may have sent up to two more
    await sending;
    for (let left = receiver.tryReceive(); left !== undefined; left = receiver.tryReceive()) check(left);
    assert.is(sender.stats().messages, receiver.stats().messages);
  });
}
