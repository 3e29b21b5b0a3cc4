import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Channel } from "../../src/ipc/channel.ts";
import { deadline } from "../support/deadline.ts";
import { isPending } from "../support/event-loop.ts";
import { failsWith } from "../support/fails-with.ts";
import { leakCheck } from "../support/leak-check.ts";
import { nativeProgram } from "../support/native-program.ts";
import { ipcsLine, queueStatus } from "../support/queue-status.ts";
import { uniqueKey } from "../support/unique-key.ts";

const LIMIT = 20_000;
const test = suite("sysv: with C programs");
/** Exchanges `struct { long mtype; char mtext[80]; }`. */
const c = nativeProgram("sysv-peer");

/** Runs a test on a queue that a C program made, and has it removed by it. */
function onForeignQueue(handler: (key: number, address: string) => Promise<void>, key = uniqueKey(), room?: number) {
  return deadline(LIMIT, async () => {
    await c("create", key, ...(room === undefined ? [] : [room]));
    try {
      await handler(key, `sysv:${key}`);
    } finally {
      if (queueStatus(key) !== undefined) await c("remove", key);
    }
  });
}

const text = { codec: "text" } as const;

test(
  "key 1234: what one program sends, the other receives, both ways, and ipcs agrees",
  onForeignQueue(async (key, address) => {
    assert.is(address, "sysv:1234");
    await using sender = await Channel.sender(address, text);
    for (const message of ["one", "two", "three"]) await sender.send(message);
    assert.equal(ipcsLine(key), { perms: "600", usedBytes: 11, messages: 3 });
    assert.is(await c("receive", key, 0, 3), "1 3 one\n1 3 two\n1 5 three\n");
    await sender.close();

    await c("send", key, 1, "four", "five");
    await c("send-80", key, 42, "six");
    assert.equal(ipcsLine(key), { perms: "600", usedBytes: 88, messages: 3 });
    await using receiver = await Channel.receiver(address);
    const decode = new TextDecoder();
    assert.is(decode.decode(await receiver.receive()), "four");
    assert.is(decode.decode(await receiver.receive()), "five");
    const field = (await receiver.receive()) as Uint8Array;
    assert.is(field.length, 80);
    assert.is(decode.decode(field), "six".padEnd(80, "\0"));
    assert.equal(ipcsLine(key), { perms: "600", usedBytes: 0, messages: 0 });
  }, 1234),
);

test(
  "a sender's type is what C takes by",
  onForeignQueue(async (key, address) => {
    await using seven = await Channel.sender(address, { ...text, type: 7 });
    await seven.send("of type 7");
    await seven.close();
    await using most = await Channel.sender(address, { ...text, type: 0x7fff_ffff });
    await most.send("of the largest type");
    assert.is(await c("receive", key, 0x7fff_ffff, 1), "2147483647 19 of the largest type\n");
    assert.is(await c("receive", key, 7, 1), "7 9 of type 7\n");
  }),
);

test(
  "a receiver takes any type, one type, or the lowest types first",
  onForeignQueue(async (key, address) => {
    const take = async (type: number, count: number) => {
      await using receiver = await Channel.receiver(address, { ...text, type });
      const taken: (string | undefined)[] = [];
      while (taken.length < count) taken.push(await receiver.receive());
      assert.is(receiver.tryReceive(), undefined);
      return taken.join(" ");
    };
    const send = async () => {
      await c("send", key, 5, "five-a");
      await c("send", key, 3, "three");
      await c("send", key, 5, "five-b");
      await c("send", key, 4, "four");
    };
    await send();
    assert.is(await take(5, 2), "five-a five-b");
    assert.is(await take(0, 2), "three four");
    await send();
    assert.is(await take(-4, 2), "three four");
    assert.is(await take(-5, 2), "five-a five-b");
  }),
);

test(
  "PATH#ID is the queue of the key that C's ftok gives",
  deadline(LIMIT, async () => {
    const path = join(tmpdir(), "ftok");
    writeFileSync(path, "");
    try {
      const key = Number(await c("ftok", path, 65));
      for (const id of ["65", "A"]) {
        await using sender = await Channel.sender(`sysv:${path}#${id}`, text);
        await sender.send("by ftok");
        assert.is(await c("receive", key, 0, 1), "1 7 by ftok\n");
      }
      assert.is(queueStatus(key), undefined);
    } finally {
      rmSync(path);
    }
  }),
);

for (const sync of [false, true]) {
  test(
    `a ${sync ? "receiveSync()" : "receive()"} that waits gets what C sends, an empty message too`,
    onForeignQueue(async (key, address) => {
      await using receiver = await Channel.receiver(address, text);
      for (const message of ["first", "", "third", ""]) {
        if (sync) {
          const sent = c("send", key, 9, message);
          assert.is(receiver.receiveSync({ timeout: LIMIT }), message);
          await sent;
        } else {
          const received = receiver.receive();
          assert.ok(await isPending(received));
          await c("send", key, 9, message);
          assert.is(await received, message);
        }
      }
      assert.equal(queueStatus(key)?.qnum, 0);
    }),
  );
}

test(
  "a C sender has no end: the receiver goes on to wait",
  onForeignQueue(async (key, address) => {
    await using receiver = await Channel.receiver(address, text);
    await c("send", key, 1, "all there is");
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
  onForeignQueue(
    async (key, address) => {
      const count = 3000;
      await using receiver = await Channel.receiver(address, text);
      const flood = c("flood", key, 1, count);
      for (let i = 0; i < count; i++) assert.is(await receiver.receive(), String(i));
      await flood;
      await receiver.close();

      await using sender = await Channel.sender(address, text);
      let sent = 0;
      while (sender.trySend(String(sent))) sent++;
      const waits = sender.send(String(sent++));
      const taken = c("receive", key, 1, count);
      await waits;
      for (let i = sent; i < count; i++) await (i % 2 === 0 ? sender.send(String(i)) : sender.sendSync(String(i)));
      const lines = (await taken).trimEnd().split("\n");
      assert.equal(
        lines,
        Array.from({ length: count }, (_, i) => `1 ${String(i).length} ${i}`),
      );
      assert.ok(sender.stats().stalls > 0, "the queue was never full");
    },
    uniqueKey(),
    200,
  ),
);

test(
  "a queue that C made stays when millrace leaves, with what is in it",
  onForeignQueue(async (key, address) => {
    const sender = await Channel.sender(address, text);
    await sender.send("for C");
    await sender.close();
    assert.is(queueStatus(key)?.qnum, 1);
    const receiver = await Channel.receiver(address, text);
    await receiver.close();
    assert.is(queueStatus(key)?.qnum, 1);
    assert.is(await c("receive", key, 0, 1), "1 5 for C\n");
  }),
);

test(
  "a queue that millrace made is removed once a C program has had everything",
  deadline(LIMIT, async () => {
    const key = uniqueKey();
    const sender = await Channel.sender(`sysv:${key}`, { ...text, mode: 0o640 });
    await sender.send("for C");
    assert.is(ipcsLine(key)?.perms, "640");
    assert.is(await c("receive", key, 0, 1), "1 5 for C\n");
    await sender.close();
    assert.is(queueStatus(key), undefined);
  }),
);

test(
  "a queue that millrace made stays while it holds what C sent, and what C shall get",
  deadline(LIMIT, async () => {
    const key = uniqueKey();
    const receiver = await Channel.receiver(`sysv:${key}`, text);
    await c("send", key, 1, "too late");
    await receiver.close();
    assert.is(queueStatus(key)?.qnum, 1);
    assert.ok(await Channel.remove(`sysv:${key}`));

    const sender = await Channel.sender(`sysv:${key}`, text);
    await sender.send("for later");
    await sender.close();
    assert.is(await c("receive", key, 0, 1), "1 9 for later\n");
    assert.ok(await Channel.remove(`sysv:${key}`));
    assert.not(await Channel.remove(`sysv:${key}`));
  }),
);

test(
  "the end of a sender whose messages C has taken is not the end for a later receiver",
  onForeignQueue(async (key, address) => {
    const sender = await Channel.sender(address, text);
    await sender.send("for C");
    await sender.close();
    assert.is(await c("receive", key, 0, 1), "1 5 for C\n");
    await using receiver = await Channel.receiver(address, text);
    assert.is(receiver.tryReceive(), undefined);
    assert.not(receiver.ended);
    await c("send", key, 1, "from C");
    assert.is(await receiver.receive(), "from C");
  }),
);

test(
  "a queue that C removes is IPC_CLOSED for whoever waits, and for the calls after",
  deadline(LIMIT, async () => {
    for (const side of ["receiver", "sender"] as const) {
      const key = uniqueKey();
      await c("create", key, 100);
      const channel = await Channel[side](`sysv:${key}`);
      if (side === "sender") (channel as Channel).sendSync(new Uint8Array(100));
      const call = () =>
        (side === "sender" ? channel.send(new Uint8Array(100)) : channel.receive()) as Promise<unknown>;
      const waits = call();
      assert.ok(await isPending(waits));
      await c("remove", key);
      await failsWith("IPC_CLOSED", waits, /was removed while it was in use/);
      await failsWith("IPC_CLOSED", call(), /was removed while it was in use/);
      await channel.close();
    }
  }),
);

test(
  "a queue with less room than a message is IPC_TOO_LARGE, and fragments fit into it",
  onForeignQueue(
    async (_key, address) => {
      await using sender = await Channel.sender(address);
      await failsWith(
        "IPC_TOO_LARGE",
        sender.send(new Uint8Array(101)),
        /101 bytes, but at most 100 .*msg_qbytes.*fragments/,
      );
      await sender.send(new Uint8Array(100));
      await using receiver = await Channel.receiver(address);
      assert.is((await receiver.receive())?.length, 100);
      await sender.close();
      await receiver.close();

      await using whole = await Channel.receiver(address, { fragments: true });
      await using pieces = await Channel.sender(address, { fragments: true });
      const message = Uint8Array.from({ length: 5000 }, (_, i) => i % 251);
      const sent = pieces.send(message);
      assert.equal(await whole.receive(), message);
      await sent;
    },
    uniqueKey(),
    100,
  ),
);

leakCheck(test);
test.run();
