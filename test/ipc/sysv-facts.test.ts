import { execFile } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { msgctlSet, msgget } from "../../src/ffi/msg.ts";
import { open } from "../../src/ipc/adapters/sysv.ts";
import { Channel } from "../../src/ipc/channel.ts";
import { Presence } from "../../src/ipc/presence.ts";
import { objectDirectory } from "../../src/objects/object-directory.ts";
import { deadline } from "../support/deadline.ts";
import { isPending } from "../support/event-loop.ts";
import { failsWith } from "../support/fails-with.ts";
import { leakCheck } from "../support/leak-check.ts";
import { startPeer } from "../support/peer-process.ts";
import { ipcsLine, queueStatus } from "../support/queue-status.ts";
import { commandFor, currentRuntime } from "../support/runtimes.ts";
import { SeededMessages } from "../support/seeded-messages.ts";
import { skip } from "../support/skip.ts";
import { uniqueKey } from "../support/unique-key.ts";

const LIMIT = 30_000;
const MSGMAX = Number(readFileSync("/proc/sys/kernel/msgmax", "utf8"));
const PEER = "test/ipc/contract/peer.ts";
const test = suite("sysv: facts");

/** Runs a test with an unused key, and checks that neither a queue nor a presence is left. */
function withKey(handler: (address: string, key: number) => Promise<void>) {
  return deadline(LIMIT, async () => {
    const key = uniqueKey();
    try {
      await handler(`sysv:${key}`, key);
      assert.is(queueStatus(key), undefined, "the queue is left");
      const left = readdirSync(objectDirectory()).filter((name) => !name.startsWith(".owned-"));
      assert.equal(left, [], "a presence is left");
    } finally {
      await Channel.remove(`sysv:${key}`).catch(() => {});
    }
  });
}

const peer = (side: string, address: string, options: object, ...steps: string[]) =>
  startPeer(currentRuntime(), PEER, [side, address, JSON.stringify(options), ...steps]);

test(
  "an address without a usable key or type is refused before anything is made",
  withKey(async (address) => {
    for (const wrong of [
      "0",
      "",
      "x",
      "1.5",
      "4294967296",
      "-2147483649",
      "/tmp#0",
      "/tmp#256",
      "/tmp#",
      "#1",
      "1 2",
    ]) {
      await failsWith("RangeError", Channel.sender(`sysv:${wrong}`));
    }
    await failsWith("RangeError", Channel.sender("sysv:0"), /other than 0/);
    for (const type of [0, -1, 1.5, 2 ** 31]) await failsWith("RangeError", Channel.sender(address, { type }), /type/);
    await failsWith("RangeError", Channel.receiver(address, { type: -(2 ** 31) }), /type/);
    const path = join(tmpdir(), "no-such-file");
    await failsWith("IPC_NOT_FOUND", Channel.sender(`sysv:${path}#1`), /no-such-file#1"?: ftok .*Create the file/);
  }),
);

test(
  "decimal, hexadecimal and signed keys name the same queue",
  deadline(LIMIT, async () => {
    const key = (uniqueKey() | 0x8000_0000) >>> 0;
    await using sender = await Channel.sender(`sysv:${key}`);
    for (const same of [`0x${key.toString(16)}`, `0X${key.toString(16).toUpperCase()}`, String(key | 0)]) {
      await failsWith("IPC_BUSY", Channel.sender(`sysv:${same}`), /process \d+ already holds that end/);
      await using receiver = await Channel.receiver(`sysv:${same}`);
      await sender.send(new Uint8Array([1]));
      assert.equal(await receiver.receive(), new Uint8Array([1]));
      break;
    }
    await sender.close();
    assert.ok(queueStatus(key) === undefined);
  }),
);

test(
  "a message of msgmax bytes goes in one piece; one byte more is IPC_TOO_LARGE and harms nothing",
  withKey(async (address, key) => {
    await using sender = await Channel.sender(address);
    await using receiver = await Channel.receiver(address);
    const longest = new SeededMessages(1, MSGMAX, MSGMAX).at(0);
    await sender.send(longest);
    assert.is(queueStatus(key)?.qnum, 1);
    const pattern = new RegExp(`${MSGMAX + 1} bytes, but at most ${MSGMAX} .*msgmax.*fragments: true`);
    const tooLong = new Uint8Array(MSGMAX + 1);
    await failsWith("IPC_TOO_LARGE", sender.send(tooLong), pattern);
    await failsWith("IPC_TOO_LARGE", () => sender.trySend(tooLong), pattern);
    await failsWith("IPC_TOO_LARGE", () => sender.sendSync(tooLong), pattern);
    assert.is(queueStatus(key)?.qnum, 1);
    assert.equal(await receiver.receive(), longest);
  }),
);

test(
  "with fragments at both ends messages of any length arrive, through a queue that holds a part of one",
  withKey(async (address, key) => {
    await using sender = await Channel.sender(address, { fragments: true });
    await using receiver = await Channel.receiver(address, { fragments: true, maxMessageBytes: 3_000_000 });
    const lengths = [0, 1, MSGMAX - 16, MSGMAX - 15, MSGMAX, 2 * (MSGMAX - 16), 2_000_000];
    const messages = lengths.map((length, i) => new SeededMessages(i, length, length).at(0));
    const sending = (async () => {
      for (const message of messages) await sender.send(message);
    })();
    for (const message of messages) assert.equal(await receiver.receive(), message);
    await sending;

    const over = sender.send(new Uint8Array(3_000_001));
    await failsWith("IPC_TOO_LARGE", receiver.receive(), /maxMessageBytes is 3000000/);
    const after = sender.send(new Uint8Array([7]));
    assert.equal(await receiver.receive(), new Uint8Array([7]));
    await Promise.all([over, after]);
    assert.ok((queueStatus(key)?.qbytes ?? 0) < 2_000_000);
  }),
);

test(
  "a message in fragments that is taken back half-sent never arrives, and the next one does",
  withKey(async (address) => {
    await using sender = await Channel.sender(address, { fragments: true });
    await using receiver = await Channel.receiver(address, { fragments: true });
    await failsWith("IPC_TIMEOUT", sender.send(new Uint8Array(1_000_000), { timeout: 20 }));
    const sent = sender.send(new Uint8Array([1, 2]));
    assert.equal(await receiver.receive(), new Uint8Array([1, 2]));
    await sent;
    await failsWith("IPC_TIMEOUT", async () => sender.sendSync(new Uint8Array(1_000_000), { timeout: 20 }));
    await sender.close({ timeout: 1000 });
    assert.is(await receiver.receive(), undefined);
  }),
);

test(
  "ends that do not agree about fragments are refused",
  withKey(async (address, key) => {
    await using sender = await Channel.sender(address, { fragments: true });
    await failsWith(
      "IPC_EXISTS",
      Channel.receiver(address),
      /without fragments: process \d+ holds the sender end with/,
    );
    await sender.send(new Uint8Array(10));
    await sender.close();
    await failsWith("IPC_EXISTS", Channel.receiver(address), /messages are left there that were sent with/);
    assert.is(queueStatus(key)?.qnum, 1);
    await using receiver = await Channel.receiver(address, { fragments: true });
    assert.is((await receiver.receive())?.length, 10);
    assert.is(await receiver.receive(), undefined);
  }),
);

test(
  "a full queue blocks the sender until the receiver takes a message, and ipcs agrees",
  withKey(async (address, key) => {
    await using sender = await Channel.sender(address);
    await using receiver = await Channel.receiver(address);
    const messages = new SeededMessages(2, 1000, 1000);
    let sent = 0;
    while (sender.trySend(messages.at(sent))) sent++;
    const { qbytes = 0 } = queueStatus(key) ?? {};
    assert.is(sent, Math.floor(qbytes / 1000));
    assert.equal(ipcsLine(key), { perms: "600", usedBytes: sent * 1000, messages: sent });
    const waits = sender.send(messages.at(sent));
    assert.ok(await isPending(waits));
    messages.verify(0, (await receiver.receive()) as Uint8Array);
    await waits;
    assert.is(queueStatus(key)?.qnum, sent);
    for (let i = 1; i <= sent; i++) messages.verify(i, (await receiver.receive()) as Uint8Array);
    assert.is(receiver.tryReceive(), undefined);
  }),
);

test(
  "empty messages fill a queue too: it holds as many as it holds bytes",
  withKey(async (address, key) => {
    await using sender = await Channel.sender(address);
    await using receiver = await Channel.receiver(address);
    const empty = new Uint8Array(0);
    let sent = 0;
    while (sender.trySend(empty)) sent++;
    assert.is(sent, queueStatus(key)?.qbytes);
    await sender.close();
    let received = 0;
    for await (const message of receiver) received += message.length === 0 ? 1 : Number.NaN;
    assert.is(received, sent);
  }),
);

test(
  "a send that is given up while the queue is full has sent nothing, or was not given up",
  withKey(async (address) => {
    await using sender = await Channel.sender(address);
    await using receiver = await Channel.receiver(address);
    const messages = new SeededMessages(3, 4000, 4000);
    const went: number[] = [];
    let given = 0;
    const taken: number[] = [];
    const taking = (async () => {
      for await (const message of receiver)
        taken.push(new DataView(message.buffer, message.byteOffset).getUint32(0, true));
    })();
    for (let i = 0; i < 400; i++) {
      try {
        const timeout = (i % 7) / 4;
        if (i % 2 === 0) await sender.send(messages.at(i), { timeout });
        else await sender.send(messages.at(i), { signal: AbortSignal.timeout(i % 3) });
        went.push(i);
      } catch (error) {
        assert.match((error as { code: string }).code, /^IPC_(TIMEOUT|ABORTED)$/);
        given++;
      }
    }
    await sender.close();
    await taking;
    assert.equal(taken, went);
    assert.is(went.length + given, 400);
  }),
);

test(
  "a receive that is given up loses nothing, an empty message neither",
  withKey(async (address) => {
    const count = 300;
    await using receiver = await Channel.receiver(address);
    let other: ReturnType<typeof peer> | undefined;
    let received = 0;
    let given = 0;
    const messages = new SeededMessages(4, 1);
    for (let i = 0; received < count; i++) {
      try {
        const message =
          i % 3 === 0
            ? receiver.receiveSync({ timeout: (i % 5) / 4 })
            : await receiver.receive(i % 3 === 1 ? { timeout: (i % 5) / 4 } : { signal: AbortSignal.timeout(i % 2) });
        messages.verify(received++, message as Uint8Array);
      } catch (error) {
        assert.match((error as { code: string }).code, /^IPC_(TIMEOUT|ABORTED)$/);
        if (++given === 3) other = peer("sender", address, {}, `send:${count}:4:1`, "close");
      }
    }
    assert.ok(given > 0);
    assert.is(await receiver.receive(), undefined);
    await other?.exit();

    await receiver.close();
    await using empties = await Channel.receiver(address);
    await using sender = await Channel.sender(address);
    for (let i = 0; i < 100; i++) {
      const controller = new AbortController();
      const waits = empties.receive({ signal: controller.signal }).catch(() => "given up");
      // the thread that waits takes an empty message at once
      if (i % 2 === 0) await isPending(waits);
      sender.trySend(new Uint8Array(0));
      controller.abort();
      const first = await waits;
      assert.equal(first === "given up" ? await empties.receive() : first, new Uint8Array(0));
    }
    assert.is(empties.tryReceive(), undefined);
  }),
);

test(
  "the receiver removes the queue that a sender left with messages; an end without messages is delivered too",
  withKey(async (address, key) => {
    for (const count of [3, 0]) {
      const sender = await Channel.sender(address);
      for (let i = 0; i < count; i++) await sender.send(new Uint8Array([i]));
      await sender.close();
      assert.is(queueStatus(key)?.qnum, count);
      await using receiver = await Channel.receiver(address);
      for (let i = 0; i < count; i++) assert.equal(await receiver.receive(), new Uint8Array([i]));
      assert.is(await receiver.receive(), undefined);
      await receiver.close();
      assert.is(queueStatus(key), undefined);
    }
  }),
);

test(
  "the last end removes the queue, whichever it is",
  withKey(async (address, key) => {
    for (const last of ["sender", "receiver"] as const) {
      const sender = await Channel.sender(address);
      const receiver = await Channel.receiver(address);
      await sender.send(new Uint8Array(1));
      const order = last === "sender" ? [receiver, sender] : [sender, receiver];
      await order[0]?.close();
      assert.ok(queueStatus(key));
      await order[1]?.close();
      assert.is(queueStatus(key), undefined);
    }
    const alone = await Channel.receiver(address);
    await alone.close();
  }),
);

test(
  "an empty message that came to a receiver in the moment of its close is there for the next one",
  withKey(async (address, key) => {
    await using sender = await Channel.sender(address, { type: 6 });
    for (let i = 0; i < 20; i++) {
      const receiver = await Channel.receiver(address, { type: 6 });
      const waits = receiver.receive();
      assert.ok(await isPending(waits));
      await sender.send(new Uint8Array(0));
      const closing = receiver.close();
      await failsWith("IPC_CLOSED", waits);
      await closing;
      await using next = await Channel.receiver(address, { type: 6 });
      assert.equal(next.tryReceive(), new Uint8Array(0));
      assert.is(queueStatus(key)?.qnum, 0);
    }
  }),
);

test(
  "what nobody is left to read goes with the session: its receiver closed, then its sender died",
  withKey(async (address, key) => {
    const receiver = await Channel.receiver(address);
    const dead = peer("sender", address, {}, "send:3:9:100", "hang");
    await dead.line("done send:3:9:100");
    await receiver.close();
    await dead.kill();
    assert.is(queueStatus(key)?.qnum, 3);
    await using next = await Channel.receiver(address);
    assert.is(next.tryReceive(), undefined);
    assert.is(queueStatus(key)?.qnum, 0);
  }),
);

test(
  "what is sent between a look at the queue and one at the sender is not lost",
  withKey(async (address) => {
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
  "a queue whose room is made smaller while it is in use: IPC_TOO_LARGE, and smaller fragments",
  withKey(async (address, key) => {
    for (const fragments of [false, true]) {
      await using sender = await Channel.sender(address, { fragments });
      await using receiver = await Channel.receiver(address, { fragments });
      msgctlSet(msgget(key, 0), { qbytes: 50 });
      const message = new SeededMessages(1, 51, 51).at(0);
      const sent = sender.send(message);
      if (fragments) assert.equal(await receiver.receive(), message);
      else await failsWith("IPC_TOO_LARGE", sent, /51 bytes, but at most 50 .*msg_qbytes/);
      await Promise.allSettled([sent]);
      await sender.send(new Uint8Array(10));
      assert.equal(await receiver.receive(), new Uint8Array(10));
      await receiver.close();
      await sender.close();
    }
  }),
);

test(
  "the kernel's longest message may be changed while a queue is in use",
  deadline(LIMIT, async () => {
    if (process.getuid?.() !== 0) return skip("needs root, for limits of its own in an IPC namespace");
    const { command, args, env } = commandFor(currentRuntime(), "test/support/sysv-limits.ts");
    const inNamespace = ["--ipc", command, ...args];
    const { stdout } = await promisify(execFile)("unshare", inNamespace, { env: { ...process.env, ...env } });
    assert.equal(stdout.trim().split("\n"), [
      "whole 30000",
      "whole 20000",
      "Cannot send to sysv:0x1: the message has 4001 bytes, but at most 4000 fit in one, by /proc/sys/kernel/msgmax. " +
        "Open both ends with { fragments: true }, or send less at a time",
      "whole 4000",
      "fragments 90000",
    ]);
  }),
);

test(
  "what a dead session left is delivered, then IPC_PEER_GONE",
  withKey(async (address, key) => {
    const dead = peer("sender", address, {}, "send:3:5:100", "hang");
    await dead.line("done send:3:5:100");
    await dead.kill();
    assert.is(queueStatus(key)?.qnum, 3);
    await using receiver = await Channel.receiver(address);
    const messages = new SeededMessages(5, 100);
    for (let i = 0; i < 3; i++) messages.verify(i, (await receiver.receive()) as Uint8Array);
    await failsWith("IPC_PEER_GONE", receiver.receive(), /died without closing/);
    assert.is(await receiver.receive(), undefined);
  }),
);

test(
  "the successor of a dead sender goes on in its queue",
  withKey(async (address) => {
    await using receiver = await Channel.receiver(address, { fragments: true });
    const dead = peer("sender", address, { fragments: true }, "send:3:6:100", "send:1:7:3000000", "hang");
    await dead.line("done send:3:6:100");
    // it is in the middle of the large message
    await dead.kill();
    await using sender = await Channel.sender(address, { fragments: true });
    const sent = sender.send(new Uint8Array([9]));
    const messages = new SeededMessages(6, 100);
    for (let i = 0; i < 3; i++) messages.verify(i, (await receiver.receive()) as Uint8Array);
    assert.equal(await receiver.receive(), new Uint8Array([9]));
    await sent;
  }),
);

test(
  "of a message whose sender was killed in the middle nothing arrives but IPC_PEER_GONE",
  withKey(async (address, key) => {
    await using receiver = await Channel.receiver(address, { fragments: true });
    assert.ok(new SeededMessages(8, 3_000_000).at(0).length > 100_000);
    const dead = peer("sender", address, { fragments: true }, "send:1:8:3000000");
    await dead.line("open");
    while ((queueStatus(key)?.qnum ?? 0) < 2) await new Promise((resolve) => setImmediate(resolve));
    await dead.kill();
    await failsWith("IPC_PEER_GONE", receiver.receive(), /died without closing, in the middle of a message/);
    assert.is(await receiver.receive(), undefined);
  }),
);

test(
  "messages for a receiver that was killed are kept for the next one",
  withKey(async (address, key) => {
    const dead = peer("receiver", address, {}, "hang");
    await dead.line("open");
    await using sender = await Channel.sender(address);
    await dead.kill();
    await sender.send(new Uint8Array([1]));
    await sender.close();
    assert.is(queueStatus(key)?.qnum, 1);
    const receiver = await Channel.receiver(address);
    assert.equal(await receiver.receive(), new Uint8Array([1]));
    assert.is(await receiver.receive(), undefined);
    await receiver.close();
  }),
);

test(
  "a sender that waits for room hears of the death of its receiver, and its successor of nothing",
  withKey(async (address) => {
    for (const sync of [false, true]) {
      const dead = peer("receiver", address, {}, "await", "hang");
      await dead.line("awaiting");
      const sender = await Channel.sender(address);
      while (sender.trySend(new Uint8Array(4000)));
      if (sync) {
        await dead.kill();
        await failsWith("IPC_PEER_GONE", () => sender.sendSync(new Uint8Array(4000)), /queue is full/);
      } else {
        const waits = sender.send(new Uint8Array(4000));
        assert.ok(await isPending(waits));
        await dead.kill();
        await failsWith("IPC_PEER_GONE", waits, /queue is full/);
      }
      await using receiver = await Channel.receiver(address);
      while ((await receiver.receive())?.length === 4000) if (sender.trySend(new Uint8Array(1))) break;
      await sender.close();
      while (await receiver.receive());
    }
  }),
);

test(
  "a call that blocks the thread hears of the other end's close and death",
  withKey(async (address) => {
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
      while (sender.trySend(new Uint8Array(4000)));
      receiving.resume();
      await failsWith(code, () => sender.sendSync(new Uint8Array(4000), { timeout: LIMIT }));
      await receiving.exit();
      await sender.close();
      await Channel.remove(address);
    }
  }),
);

test(
  "a link is ready while it holds an empty message, and after the end",
  withKey(async (address, key) => {
    const parsed = { scheme: "sysv", text: address, key } as const;
    const receiver = await open(parsed, "receiver", {});
    const sender = await open(parsed, "sender", {});
    const controller = new AbortController();
    const waits = receiver.ready("read", controller.signal).catch(() => {});
    assert.ok(await isPending(waits));
    sender.tryWrite(new Uint8Array(0));
    while (queueStatus(key)?.qnum !== 0);
    controller.abort();
    await receiver.ready("read", undefined);
    assert.ok(receiver.readySync("read", Number.POSITIVE_INFINITY));
    assert.equal(receiver.tryRead(), new Uint8Array(0));
    sender.close();
    await receiver.ready("read", undefined);
    assert.is(receiver.tryRead(), null);
    await receiver.ready("read", undefined);
    assert.ok(receiver.readySync("read", Number.POSITIVE_INFINITY));
    receiver.close();
    await receiver.ready("read", undefined);
    await waits;
  }),
);

test(
  "remove() refuses a queue in use, and removes one that is left",
  withKey(async (address, key) => {
    assert.not(await Channel.remove(address));
    const sender = await Channel.sender(address);
    await failsWith("IPC_BUSY", Channel.remove(address), /holds its sender end/);
    await sender.send(new Uint8Array(1));
    await sender.close();
    assert.ok(await Channel.remove(address));
    assert.is(queueStatus(key), undefined);
    assert.not(await Channel.remove(address));
  }),
);

test(
  "PATH#ID works between two millrace ends",
  deadline(LIMIT, async () => {
    const path = join(tmpdir(), "key-file");
    writeFileSync(path, "");
    await using sender = await Channel.sender(`sysv:${path}#m`);
    await using receiver = await Channel.receiver(`sysv:${path}#109`);
    await sender.send(new Uint8Array([5]));
    assert.equal(await receiver.receive(), new Uint8Array([5]));
    rmSync(path);
  }),
);

leakCheck(test);
test.run();
