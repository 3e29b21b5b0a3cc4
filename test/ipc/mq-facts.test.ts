import { readdirSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  getrlimit,
  mqClose,
  mqGetattr,
  mqOpen,
  mqUnlink,
  O_RDONLY,
  RLIMIT_MSGQUEUE,
  setrlimit,
} from "../../src/ffi/mod.ts";
import { open } from "../../src/ipc/adapters/mq.ts";
import { Channel } from "../../src/ipc/channel.ts";
import { mqueueLimits } from "../../src/ipc/mq-link/mqueue-limits.ts";
import { Presence } from "../../src/ipc/presence.ts";
import { objectDirectory } from "../../src/objects/object-directory.ts";
import { deadline } from "../support/deadline.ts";
import { isPending } from "../support/event-loop.ts";
import { failsWith } from "../support/fails-with.ts";
import { leakCheck } from "../support/leak-check.ts";
import { nativeProgram } from "../support/native-program.ts";
import { startPeer } from "../support/peer-process.ts";
import { currentRuntime } from "../support/runtimes.ts";
import { SeededMessages } from "../support/seeded-messages.ts";
import { uniqueName } from "../support/unique-name.ts";

const LIMIT = 30_000;
const PEER = "test/ipc/contract/peer.ts";
const test = suite("mq: facts");
const c = nativeProgram("mq-peer");
const { maxMessages, defaultMessages, maxMessageBytes, defaultMessageBytes } = mqueueLimits();

/** What the kernel tells of the queue of this name; `undefined` when there is none. */
function attributes(name: string) {
  let queue: number;
  try {
    queue = mqOpen(name, O_RDONLY);
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    return mqGetattr(queue);
  } finally {
    mqClose(queue);
  }
}

/** What is in the object directory besides the lists of what processes owned that were killed. */
function presences(): string[] {
  return readdirSync(objectDirectory()).filter((name) => !name.startsWith(".owned-"));
}

/** Runs a test with an unused name, and checks that neither a queue nor a presence is left. */
function withName(handler: (address: string, name: string) => Promise<void>, prefix = "facts") {
  return deadline(LIMIT, async () => {
    const name = `/${uniqueName(prefix)}`;
    try {
      await handler(`mq:${name}`, name);
      assert.is(attributes(name), undefined, "the queue is left");
      assert.equal(presences(), [], "a presence is left");
    } finally {
      await Channel.remove(`mq:${name}`).catch(() => {});
    }
  });
}

const peer = (side: string, address: string, options: object, ...steps: string[]) =>
  startPeer(currentRuntime(), PEER, [side, address, JSON.stringify(options), ...steps]);

test(
  "without a capacity a queue is as the system makes them",
  withName(async (address, name) => {
    await using sender = await Channel.sender(address);
    await using receiver = await Channel.receiver(address);
    assert.is(attributes(name)?.maxmsg, defaultMessages);
    assert.is(sender.maxMessageBytes, defaultMessageBytes);
    const longest = new SeededMessages(1, defaultMessageBytes, defaultMessageBytes).at(0);
    await sender.send(longest);
    assert.is(attributes(name)?.curmsgs, 1);
    for (const { backlogBytes, capacityBytes } of [sender.stats(), receiver.stats()])
      assert.equal([backlogBytes, capacityBytes], [defaultMessageBytes, defaultMessages * defaultMessageBytes]);
    const pattern = new RegExp(`at most ${defaultMessageBytes} .*mq_msgsize.*fragments: true`);
    await failsWith("IPC_TOO_LARGE", sender.send(new Uint8Array(defaultMessageBytes + 1)), pattern);
    assert.equal(await receiver.receive(), longest);
  }),
);

test(
  "a capacity makes messages of the default length, as many as it takes, within the limits",
  deadline(LIMIT, async () => {
    for (const [capacity, maxmsg, msgsize] of [
      [100, 1, 100],
      [defaultMessageBytes, 1, defaultMessageBytes],
      [3 * defaultMessageBytes - 5, 3, defaultMessageBytes],
      [maxMessages * defaultMessageBytes, maxMessages, defaultMessageBytes],
    ] as const) {
      const name = `/${uniqueName("size")}`;
      await using sender = await Channel.sender(`mq:${name}`, { capacity });
      assert.equal([attributes(name)?.maxmsg, attributes(name)?.msgsize], [maxmsg, msgsize]);
      const larger = { capacity: maxmsg * msgsize + 1 };
      if (larger.capacity <= maxMessages * maxMessageBytes)
        await failsWith("IPC_EXISTS", Channel.receiver(`mq:${name}`, larger), /it exists with/);
      await using receiver = await Channel.receiver(`mq:${name}`, { capacity: 1 });
      assert.is(receiver.stats().capacityBytes, maxmsg * msgsize);
      await sender.close();
      await receiver.close();
    }
    const most = maxMessages * maxMessageBytes;
    if (most < 2 ** 28) await failsWith("IPC_LIMIT", Channel.sender("mq:/size", { capacity: most + 1 }), /msgsize_max/);
  }),
);

test(
  "what the user's limit of bytes in queues does not allow is IPC_LIMIT",
  withName(async (address) => {
    const before = getrlimit(RLIMIT_MSGQUEUE);
    setrlimit(RLIMIT_MSGQUEUE, { soft: 100, hard: before.hard });
    try {
      await failsWith("IPC_LIMIT", Channel.sender(address), /RLIMIT_MSGQUEUE/);
    } finally {
      setrlimit(RLIMIT_MSGQUEUE, before);
    }
  }),
);

test(
  "the priority is the sender's, and the receiver takes the highest first",
  withName(async (address, name) => {
    await using sender = await Channel.sender(address, { codec: "text", priority: 5 });
    await sender.send("five");
    await c("send", name, 4, "four");
    await c("send", name, 6, "six");
    await using receiver = await Channel.receiver(address, { codec: "text" });
    const taken = [await receiver.receive(), await receiver.receive(), await receiver.receive()];
    assert.equal(taken, ["six", "five", "four"]);
    await failsWith("RangeError", Channel.sender(address, { priority: 32_768 }), /priority is 32768/);
    await receiver.close();
    await failsWith("TypeError", Channel.receiver(address, { priority: 1 }), /only a sender has one/);
  }),
);

test(
  "with fragments at both ends messages of any length arrive, through a queue that holds a part of one",
  withName(async (address) => {
    const options = { fragments: true, capacity: 300 };
    await using sender = await Channel.sender(address, options);
    await using receiver = await Channel.receiver(address, { ...options, maxMessageBytes: 100_000 });
    const lengths = [0, 1, 283, 284, 285, 568, 60_000];
    const messages = lengths.map((length, i) => new SeededMessages(i, length, length).at(0));
    const sending = (async () => {
      for (const message of messages) await sender.send(message);
    })();
    for (const message of messages) assert.equal(await receiver.receive(), message);
    await sending;
    await failsWith("IPC_TIMEOUT", sender.send(new Uint8Array(10_000), { timeout: 20 }));
    const over = sender.send(new Uint8Array(100_001));
    await failsWith("IPC_TOO_LARGE", receiver.receive(), /maxMessageBytes is 100000/);
    const after = sender.send(new Uint8Array([7]));
    assert.equal(await receiver.receive(), new Uint8Array([7]));
    await Promise.all([over, after]);
  }),
);

test(
  "ends that do not agree about fragments, and fragments that do not fit, are refused",
  withName(async (address) => {
    await using sender = await Channel.sender(address, { fragments: true });
    await failsWith("IPC_EXISTS", Channel.receiver(address), /process \d+ holds the sender end with/);
    await sender.close();
    await Channel.remove(address);
    await failsWith("IPC_LIMIT", Channel.sender(address, { fragments: true, capacity: 16 }), /more than 16/);
  }),
);

test(
  "a queue whose name was removed goes on for its ends, and no other end comes to another queue beside them",
  withName(async (address, name) => {
    await using receiver = await Channel.receiver(address);
    await c("remove", name);
    await failsWith("IPC_EXISTS", Channel.sender(address), /of a queue that was removed since/);
    assert.is(attributes(name), undefined);
    await receiver.close();
    await using sender = await Channel.sender(address);
    await using next = await Channel.receiver(address);
    await c("remove", name);
    await sender.send(new Uint8Array([1]));
    assert.equal(await next.receive(), new Uint8Array([1]));
    await c("create", name, 1, 10);
    await sender.close();
    await next.close();
    assert.is(attributes(name)?.msgsize, 10, "not the queue that the ends had made");
    mqUnlink(name);
  }),
);

test(
  "what is sent between a look at the queue and one at the sender is not lost",
  withName(async (address) => {
    await using sender = await Channel.sender(address);
    await using receiver = await Channel.receiver(address);
    const { peerState } = Presence.prototype;
    Presence.prototype.peerState = function (this: Presence) {
      Presence.prototype.peerState = peerState;
      sender.sendSync(new Uint8Array([1]));
      sender[Symbol.dispose]();
      return peerState.call(this);
    };
    assert.equal(receiver.tryReceive(), new Uint8Array([1]));
    assert.is(receiver.tryReceive(), undefined);
    assert.ok(receiver.ended);
  }),
);

test(
  "what a dead session left is delivered, then IPC_PEER_GONE",
  withName(async (address, name) => {
    const dead = peer("sender", address, {}, "send:3:5:100", "hang");
    await dead.line("done send:3:5:100");
    await dead.kill();
    assert.is(attributes(name)?.curmsgs, 3);
    await using receiver = await Channel.receiver(address);
    const messages = new SeededMessages(5, 100);
    for (let i = 0; i < 3; i++) messages.verify(i, (await receiver.receive()) as Uint8Array);
    await failsWith("IPC_PEER_GONE", receiver.receive(), /died without closing/);
    assert.is(await receiver.receive(), undefined);
  }),
);

test(
  "what nobody is left to read goes with the session: its receiver closed, then its sender died",
  withName(async (address, name) => {
    const receiver = await Channel.receiver(address);
    const dead = peer("sender", address, {}, "send:3:9:100", "hang");
    await dead.line("done send:3:9:100");
    await receiver.close();
    await dead.kill();
    assert.is(attributes(name)?.curmsgs, 3);
    await using next = await Channel.receiver(address);
    assert.is(next.tryReceive(), undefined);
    assert.is(attributes(name)?.curmsgs, 0);
  }),
);

test(
  "a sender that waits for room hears of the death of its receiver",
  withName(async (address) => {
    for (const sync of [false, true]) {
      const dead = peer("receiver", address, {}, "await", "hang");
      await dead.line("awaiting");
      const sender = await Channel.sender(address);
      while (sender.trySend(new Uint8Array(100)));
      const waits = sync ? undefined : sender.send(new Uint8Array(100));
      if (waits !== undefined) assert.ok(await isPending(waits));
      await dead.kill();
      await failsWith("IPC_PEER_GONE", waits ?? (() => sender.sendSync(new Uint8Array(100))), /queue is full/);
      await using receiver = await Channel.receiver(address);
      while ((await receiver.receive())?.length === 100) if (sender.trySend(new Uint8Array(1))) break;
      await sender.close();
      while (await receiver.receive());
    }
  }),
);

test(
  "a call that blocks the thread hears of the other end's close and death",
  withName(async (address) => {
    for (const [step, code] of [
      ["close", "IPC_CLOSED"],
      ["exit", "IPC_PEER_GONE"],
    ] as const) {
      await using receiver = await Channel.receiver(address);
      const sending = peer("sender", address, {}, "await", step);
      await sending.line("awaiting");
      sending.resume();
      if (step === "exit") await failsWith(code, () => receiver.receiveSync({ timeout: LIMIT }));
      else assert.is(receiver.receiveSync({ timeout: LIMIT }), undefined);
      await sending.exit();
      await receiver.close();

      await using sender = await Channel.sender(address);
      const receiving = peer("receiver", address, {}, "await", step);
      await receiving.line("awaiting");
      while (sender.trySend(new Uint8Array(100)));
      receiving.resume();
      await failsWith(code, () => sender.sendSync(new Uint8Array(100), { timeout: LIMIT }));
      await receiving.exit();
      await sender.close();
      await Channel.remove(address);
    }
  }),
);

test(
  "a name with a dot or an at sign at its beginning is a name like others",
  deadline(LIMIT, async () => {
    for (const name of [`/.${uniqueName()}`, `/@.${uniqueName()}`, `/${uniqueName().padEnd(250, "n")}`]) {
      await using sender = await Channel.sender(`mq:${name}`);
      await using receiver = await Channel.receiver(`mq:${name}`);
      await sender.send(new Uint8Array([1]));
      assert.equal(await receiver.receive(), new Uint8Array([1]));
    }
    assert.equal(presences(), []);
  }),
);

test(
  "remove() refuses a queue in use, and removes one that is left",
  withName(async (address, name) => {
    assert.not(await Channel.remove(address));
    const sender = await Channel.sender(address);
    await failsWith("IPC_BUSY", Channel.remove(address), /holds its sender end/);
    await sender.send(new Uint8Array(1));
    await sender.close();
    assert.is(attributes(name)?.curmsgs, 1);
    assert.ok(await Channel.remove(address));
    assert.not(await Channel.remove(address));
  }),
);

test(
  "a link is ready after its end and after its close",
  withName(async (address, name) => {
    const parsed = { scheme: "mq", text: address, name } as const;
    const receiver = await open(parsed, "receiver", {});
    const sender = await open(parsed, "sender", {});
    const waits = receiver.ready("read", undefined);
    assert.ok(await isPending(waits));
    sender.close();
    await waits;
    assert.is(receiver.tryRead(), null);
    await receiver.ready("read", undefined);
    assert.ok(receiver.readySync("read", Number.POSITIVE_INFINITY));
    receiver.close();
    await receiver.ready("read", undefined);
    await sender.ready("write", undefined);
    assert.equal([receiver.peer().alive, receiver.stats().capacityBytes], [undefined, undefined]);
  }),
);

leakCheck(test);
test.run();
