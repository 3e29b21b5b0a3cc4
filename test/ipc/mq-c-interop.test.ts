import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Channel } from "../../src/ipc/channel.ts";
import { deadline } from "../support/deadline.ts";
import { isPending } from "../support/event-loop.ts";
import { failsWith } from "../support/fails-with.ts";
import { leakCheck } from "../support/leak-check.ts";
import { nativeProgram } from "../support/native-program.ts";
import { uniqueName } from "../support/unique-name.ts";

const LIMIT = 20_000;
const test = suite("mq: with C programs");
const c = nativeProgram("mq-peer");
const text = { codec: "text" } as const;

/** Runs a test on a queue that a C program made, and has it removed by it. */
function onForeignQueue(handler: (name: string, address: string) => Promise<void>, messages = 10) {
  return deadline(LIMIT, async () => {
    const name = `/${uniqueName("c")}`;
    await c("create", name, messages, 100);
    try {
      await handler(name, `mq:${name}`);
    } finally {
      await c("remove", name);
    }
  });
}

test(
  "what one program sends, the other receives, both ways",
  onForeignQueue(async (name, address) => {
    await using sender = await Channel.sender(address, { ...text, priority: 2 });
    for (const message of ["one", "two", ""]) await sender.send(message);
    assert.is(await c("stat", name), "3 10 100\n");
    assert.is(await c("receive", name, 3), "2 3 one\n2 3 two\n2 0 \n");
    await sender.close();
    await c("send", name, 1, "low");
    await c("send", name, 9, "high", "");
    await using receiver = await Channel.receiver(address, text);
    assert.equal([await receiver.receive(), await receiver.receive(), await receiver.receive()], ["high", "", "low"]);
  }),
);

for (const sync of [false, true]) {
  test(
    `a ${sync ? "receiveSync()" : "receive()"} that waits gets what C sends, an empty message too`,
    onForeignQueue(async (name, address) => {
      await using receiver = await Channel.receiver(address, text);
      for (const message of ["first", "", "third"]) {
        if (sync) {
          const sent = c("send", name, 9, message);
          assert.is(receiver.receiveSync({ timeout: LIMIT }), message);
          await sent;
        } else {
          const received = receiver.receive();
          assert.ok(await isPending(received));
          await c("send", name, 9, message);
          assert.is(await received, message);
        }
      }
    }),
  );
}

test(
  "a C sender has no end: the receiver goes on to wait",
  onForeignQueue(async (name, address) => {
    await using receiver = await Channel.receiver(address, text);
    await c("send", name, 1, "all there is");
    assert.is(await receiver.receive(), "all there is");
    const received = receiver.receive();
    assert.ok(await isPending(received));
    assert.not(receiver.ended);
    await receiver.close();
    await failsWith("IPC_CLOSED", received);
  }),
);

test(
  "thousands of messages from C come in order, and go to C in order, through a small queue",
  onForeignQueue(async (name, address) => {
    const count = 2000;
    await using receiver = await Channel.receiver(address, text);
    const flood = c("flood", name, 1, count);
    for (let i = 0; i < count; i++) assert.is(await receiver.receive(), String(i));
    await flood;
    await receiver.close();

    await using sender = await Channel.sender(address, text);
    const taken = c("receive", name, count);
    for (let i = 0; i < count; i++) await (i % 2 === 0 ? sender.send(String(i)) : sender.sendSync(String(i)));
    const lines = (await taken).trimEnd().split("\n");
    assert.equal(
      lines,
      Array.from({ length: count }, (_, i) => `0 ${String(i).length} ${i}`),
    );
    assert.ok(sender.stats().stalls > 0, "the queue was never full");
  }, 2),
);

test(
  "a queue that C made stays when millrace leaves, with what is in it",
  onForeignQueue(async (name, address) => {
    const sender = await Channel.sender(address, text);
    await sender.send("for C");
    await sender.close();
    const receiver = await Channel.receiver(address, text);
    await receiver.close();
    assert.is(await c("receive", name, 1), "0 5 for C\n");
  }),
);

test(
  "a queue that millrace made is removed once a C program has had everything, and stays while it holds something",
  deadline(LIMIT, async () => {
    const name = `/${uniqueName("made")}`;
    const sender = await Channel.sender(`mq:${name}`, text);
    await sender.send("for C");
    assert.is(await c("receive", name, 1), "0 5 for C\n");
    await sender.close();
    assert.not(await Channel.remove(`mq:${name}`));

    const receiver = await Channel.receiver(`mq:${name}`, text);
    await c("send", name, 1, "too late");
    await receiver.close();
    assert.is(await c("receive", name, 1), "1 8 too late\n");
    assert.ok(await Channel.remove(`mq:${name}`));
  }),
);

test(
  "the end of a sender whose messages C has taken is not the end for a later receiver",
  onForeignQueue(async (name, address) => {
    const sender = await Channel.sender(address, text);
    await sender.send("for C");
    await sender.close();
    assert.is(await c("receive", name, 1), "0 5 for C\n");
    await using receiver = await Channel.receiver(address, text);
    assert.is(receiver.tryReceive(), undefined);
    assert.not(receiver.ended);
    await c("send", name, 1, "from C");
    assert.is(await receiver.receive(), "from C");
  }),
);

leakCheck(test);
test.run();
