import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { IpcError } from "../../src/errors.ts";
import { ENOSYS } from "../../src/ffi/abi/errno.ts";
import { IPC_PRIVATE } from "../../src/ffi/mod.ts";
import { SystemError } from "../../src/ffi/system-error.ts";
import { kernelMessageLimit } from "../../src/ipc/sysv-link/message-limit.ts";
import { MessageQueue } from "../../src/ipc/sysv-link/message-queue.ts";
import { SysvMessageQueue } from "../../src/ipc/sysv-message-queue.ts";
import { asNobody, isRoot } from "../support/as-nobody.ts";
import { deadline } from "../support/deadline.ts";
import { isPending } from "../support/event-loop.ts";
import { failsWith } from "../support/fails-with.ts";
import { whileInterrupted } from "../support/interrupted.ts";
import { leakCheck } from "../support/leak-check.ts";
import { nativeProgram } from "../support/native-program.ts";
import { startPeer } from "../support/peer-process.ts";
import { ipcsLine, queueStatus } from "../support/queue-status.ts";
import { currentRuntime } from "../support/runtimes.ts";
import { skip } from "../support/skip.ts";
import { uniqueKey } from "../support/unique-key.ts";

const LIMIT = 20_000;
const test = suite("SysvMessageQueue");
/** Exchanges `struct { long mtype; char mtext[80]; }`. */
const c = nativeProgram("sysv-peer");
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array | undefined) => data && new TextDecoder().decode(data);

/** Runs a test with a queue of its own. */
function withQueue(run: (queue: SysvMessageQueue, key: number) => void | Promise<void>) {
  return deadline(LIMIT, async () => {
    const key = uniqueKey();
    using queue = SysvMessageQueue.create(key);
    try {
      await run(queue, key);
    } finally {
      queue.remove();
    }
  });
}

test(
  "the type says which message comes: any, one, all but one, the lowest",
  withQueue(async (queue) => {
    const fill = () => {
      for (const type of [5, 3, 5, 4]) queue.sendSync(type, bytes(`${type}`));
    };
    const drain = (options: { type?: number; except?: boolean }) => {
      const types: number[] = [];
      for (let message = queue.tryReceive(options); message !== undefined; message = queue.tryReceive(options))
        types.push(message.type);
      return types;
    };
    fill();
    assert.equal(drain({}), [5, 3, 5, 4]);
    fill();
    assert.equal(drain({ type: 5 }), [5, 5]);
    assert.equal(drain({ type: 3, except: true }), [4]);
    assert.equal(drain({}), [3]);
    fill();
    assert.equal(drain({ type: -4 }), [3, 4]);
    assert.equal(drain({ type: -2 }), []);
    assert.equal(drain({ type: -9 }), [5, 5]);
    const largest = Number.MAX_SAFE_INTEGER;
    await queue.send(largest, bytes("far"));
    assert.equal(await queue.receive({ type: largest }), { type: largest, data: bytes("far") });
  }),
);

test(
  "create, open, openOrCreate, fromId: what is there, and what is not",
  withQueue(async (queue, key) => {
    await failsWith("IPC_EXISTS", () => SysvMessageQueue.create(key), /key 0x4d.*ipcs -q/);
    for (const other of [
      SysvMessageQueue.open(key),
      SysvMessageQueue.openOrCreate(key | 0),
      SysvMessageQueue.fromId(queue.id),
    ]) {
      assert.equal([other.id, other.key], [queue.id, key]);
      assert.ok(queue.trySend(1, bytes("same")));
      assert.is(text(other.tryReceive()?.data), "same");
      other.close();
    }
    const free = uniqueKey();
    await failsWith("IPC_NOT_FOUND", () => SysvMessageQueue.open(free));
    const made = SysvMessageQueue.openOrCreate(free, { mode: 0o640 });
    assert.is(ipcsLine(free)?.perms, "640");
    assert.ok(made.remove());
    assert.not(made.remove());
    assert.not(SysvMessageQueue.remove(free));
    const left = SysvMessageQueue.create(free, { removeOnExit: false });
    left.close();
    assert.ok(SysvMessageQueue.remove(free));
    assert.not(left.remove());
    await failsWith("RangeError", () => SysvMessageQueue.remove(IPC_PRIVATE), /IPC_PRIVATE/);
    await failsWith("IPC_NOT_FOUND", () => SysvMessageQueue.remove("/nowhere/at-all#1"), /ftok/);
    await failsWith("IPC_NOT_FOUND", () => SysvMessageQueue.fromId(made.id), /no message queue of id/);
    await failsWith("RangeError", () => SysvMessageQueue.open(IPC_PRIVATE), /fromId/);
    const secret = SysvMessageQueue.create(IPC_PRIVATE);
    assert.is(secret.key, 0);
    assert.is(SysvMessageQueue.fromId(secret.id).key, 0);
    secret.remove();
    for (const wrong of [1.5, 2 ** 32, "x", "#1"]) await failsWith("RangeError", () => SysvMessageQueue.create(wrong));
    await failsWith("RangeError", () => SysvMessageQueue.create(1, { mode: 0o1000 }));
    await failsWith("TypeError", () => SysvMessageQueue.open({} as never));
  }),
);

test(
  "PATH#ID is the key that C's ftok gives",
  deadline(LIMIT, async () => {
    const path = join(tmpdir(), "queue-object-key");
    await failsWith("IPC_NOT_FOUND", () => SysvMessageQueue.create(`${path}#A`), /ftok/);
    writeFileSync(path, "");
    try {
      const queue = SysvMessageQueue.create(`${path}#A`);
      assert.is(queue.key, Number(await c("ftok", path, 65)));
      queue.remove();
    } finally {
      rmSync(path);
    }
  }),
);

function createIfFree(key: number): SysvMessageQueue | undefined {
  try {
    return SysvMessageQueue.create(key);
  } catch (error) {
    if ((error as IpcError).code === "IPC_EXISTS") return undefined;
    throw error;
  }
}

test(
  "key 1234: a C program and this one exchange struct { long mtype; char mtext[80]; }, both ways",
  deadline(LIMIT, async () => {
    let made = createIfFree(1234);
    // another run of this test may have it
    for (let tries = 0; made === undefined && tries < 1000; tries++) {
      await sleep(10);
      made = createIfFree(1234);
    }
    if (made === undefined) return skip("somebody has a queue of key 1234");
    using queue = made;
    try {
      await c("send-80", 1234, 42, "from C");
      const { type, data } = await queue.receive({ type: 42 });
      assert.equal([type, data.length, text(data)], [42, 80, "from C".padEnd(80, "\0")]);
      const field = new Uint8Array(80);
      field.set(bytes("to C"));
      await queue.send(7, field);
      assert.equal(ipcsLine(1234), { perms: "600", usedBytes: 80, messages: 1 });
      assert.is(await c("receive", 1234, 7, 1), "7 80 to C\n");
      const waits = queue.receive({ type: -9 });
      assert.ok(await isPending(waits));
      await c("send", 1234, 9, "late");
      assert.equal(await waits, { type: 9, data: bytes("late") });
      const flood = c("flood", 1234, 1, 2000);
      for (let count = 0; count < 2000; count++) assert.is(text((await queue.receive()).data), String(count));
      await flood;
      queue.set({ maxBytes: 100 });
      const taken = c("receive", 1234, 1, 500);
      for (let count = 0; count < 500; count++) {
        if (count % 2 === 0) await queue.send(1, bytes(String(count)));
        else queue.sendSync(1, bytes(String(count)));
      }
      assert.is((await taken).trimEnd().split("\n").at(-1), "1 3 499");
    } finally {
      queue.remove();
    }
  }),
);

test(
  "stat() is what the kernel tells, and set() changes it",
  withQueue(async (queue, key) => {
    const before = queue.stat();
    assert.equal(
      [before.lastSend, before.lastReceive, before.lastSendPid, before.messages],
      [undefined, undefined, 0, 0],
    );
    assert.ok(Math.abs(before.lastChange.getTime() - Date.now()) < 5000);
    await queue.send(1, bytes("12345"));
    await queue.send(1, bytes("12"));
    queue.tryReceive();
    const found = queue.stat();
    assert.equal(
      [found.messages, found.bytes, found.lastSendPid, found.lastReceivePid],
      [1, 2, process.pid, process.pid],
    );
    assert.ok(found.lastSend instanceof Date && found.lastReceive instanceof Date);
    assert.equal([found.uid, found.creatorUid, found.mode], [process.geteuid?.(), process.geteuid?.(), 0o600]);
    queue.set({ maxBytes: 123, mode: 0o660 });
    assert.equal([queue.stat().maxBytes, queue.stat().mode], [123, 0o660]);
    assert.is(queueStatus(key)?.qbytes, 123);
    queue.set({});
    assert.is(queue.stat().maxBytes, 123);
    if (isRoot()) {
      queue.set({ uid: 65_534, gid: 65_534 });
      assert.equal([queue.stat().uid, queue.stat().gid, queue.stat().creatorUid], [65_534, 65_534, 0]);
    }
    await failsWith("RangeError", () => queue.set({ mode: -1 }));
  }),
);

test(
  "a message longer than maxBytes is IPC_TOO_LARGE with its length, and stays; truncate cuts it",
  withQueue(async (queue) => {
    await queue.send(3, bytes("a"));
    await queue.send(2, bytes("0123456789"));
    await failsWith("IPC_TOO_LARGE", queue.receive({ type: -2, maxBytes: 4 }), /has 10 bytes, but maxBytes is 4/);
    await failsWith("IPC_TOO_LARGE", () => queue.tryReceive({ type: 2, maxBytes: 0 }), /has 10 bytes/);
    await failsWith("IPC_TOO_LARGE", () => queue.receiveSync({ type: 3, except: true, maxBytes: 9 }), /has 10 bytes/);
    assert.is(queue.stat().messages, 2);
    assert.equal(queue.tryReceive({ type: 2, maxBytes: 4, truncate: true }), { type: 2, data: bytes("0123") });
    assert.equal(queue.tryReceive({ maxBytes: 1_000_000 }), { type: 3, data: bytes("a") });
  }),
);

test(
  "what the system or the queue never takes is IPC_TOO_LARGE",
  withQueue(async (queue) => {
    const most = kernelMessageLimit();
    await queue.send(1, new Uint8Array(most));
    assert.is((await queue.receive()).data.length, most);
    await failsWith("IPC_TOO_LARGE", queue.send(1, new Uint8Array(most + 1)), new RegExp(`at most ${most} .*msgmax`));
    queue.set({ maxBytes: 50 });
    await failsWith("IPC_TOO_LARGE", () => queue.trySend(1, new Uint8Array(51)), /at most 50 .*room of the queue/);
    await failsWith("RangeError", queue.send(0, bytes("x")), /type of a message is 0/);
    await failsWith("TypeError", queue.send(1, "text" as never), /not a string/);
    await failsWith("RangeError", () => queue.tryReceive({ type: 0, except: true }), /must be positive/);
  }),
);

test(
  "peekAt() copies a message and leaves it",
  withQueue(async (queue) => {
    for (const message of ["a", "b", "c"]) await queue.send(message.charCodeAt(0), bytes(message));
    assert.equal(
      [0, 1, 2, 3].map((index) => text(queue.peekAt(index)?.data)),
      ["a", "b", "c", undefined],
    );
    assert.is(queue.peekAt(1)?.type, 98);
    assert.is(queue.stat().messages, 3);
    const { tryReceive } = MessageQueue.prototype;
    MessageQueue.prototype.tryReceive = () => {
      throw new SystemError("msgrcv", ENOSYS);
    };
    try {
      await failsWith("IPC_UNSUPPORTED", () => queue.peekAt(0), /CONFIG_CHECKPOINT_RESTORE/);
    } finally {
      MessageQueue.prototype.tryReceive = tryReceive;
    }
    await failsWith("RangeError", () => queue.peekAt(-1));
  }),
);

test(
  "a call that waits goes on when there is a message of its type, or room, in the order of the calls",
  withQueue(async (queue, key) => {
    using other = SysvMessageQueue.open(key);
    const ones = [queue.receive({ type: 1 }), queue.receive({ type: 1 })];
    const two = queue.receive({ type: 2 });
    const rest = queue.receive({ type: 1, except: true });
    assert.ok(await isPending(Promise.race([...ones, two, rest])));
    await other.send(2, bytes("two"));
    // both that wait may have it
    assert.is(text((await Promise.race([two, rest])).data), "two");
    await other.send(2, bytes("again"));
    assert.equal([text((await two).data), text((await rest).data)].sort(), ["again", "two"]);
    for (const message of ["first", "second"]) await other.send(1, bytes(message));
    assert.equal(
      (await Promise.all(ones)).map(({ data }) => text(data)),
      ["first", "second"],
    );
    queue.set({ maxBytes: 2 });
    const sent = ["1", "2", "3", "4", "5"].map((message) => queue.send(1, bytes(message)));
    assert.ok(await isPending(sent[2] as Promise<void>));
    assert.not(queue.trySend(1, new Uint8Array(0)));
    const taken: (string | undefined)[] = [];
    for (let count = 0; count < 5; count++) taken.push(text((await other.receive()).data));
    await Promise.all(sent);
    assert.equal(taken, ["1", "2", "3", "4", "5"]);
  }),
);

test(
  "a wait that ends early has taken nothing and sent nothing",
  withQueue(async (queue) => {
    await failsWith("IPC_TIMEOUT", queue.receive({ timeout: 5 }), /receive\(\) on message queue 0x.* within 5 ms/);
    await failsWith("IPC_TIMEOUT", () => queue.receiveSync({ timeout: 5 }));
    const controller = new AbortController();
    const waits = queue.receive({ signal: controller.signal });
    assert.ok(await isPending(waits));
    controller.abort();
    await failsWith("IPC_ABORTED", waits);
    queue.set({ maxBytes: 3 });
    await queue.send(1, bytes("123"));
    await failsWith("IPC_TIMEOUT", queue.send(1, bytes("4"), { timeout: 5 }));
    await failsWith("IPC_TIMEOUT", () => queue.sendSync(1, bytes("4"), { timeout: 5 }));
    await failsWith("IPC_ABORTED", queue.send(1, bytes("4"), { signal: controller.signal }));
    assert.is(queue.stat().messages, 1);
    queue.tryReceive();
    queue.sendSync(1, bytes("5"));
    assert.is(text(queue.receiveSync().data), "5");
  }),
);

test(
  "of sends that are given up at any moment exactly those arrive that did not fail",
  withQueue(async (queue, key) => {
    using other = SysvMessageQueue.open(key);
    queue.set({ maxBytes: 8 });
    const went: number[] = [];
    let over = false;
    const taken: number[] = [];
    const taking = (async () => {
      while (!over || other.stat().messages > 0) {
        const message = await other.receive({ timeout: 50 }).catch(() => undefined);
        if (message !== undefined) taken.push(Number(text(message.data)));
      }
    })();
    for (let count = 0; count < 300; count++) {
      const sent = queue.send(1, bytes(String(count).padStart(4)), { timeout: (count % 5) / 4 });
      await sent.then(() => went.push(count)).catch((error) => assert.is(error.code, "IPC_TIMEOUT"));
    }
    over = true;
    await taking;
    assert.equal(taken, went);
  }),
);

test(
  "a send that is given up after it took effect counts as sent",
  withQueue(async (queue, key) => {
    using other = SysvMessageQueue.open(key);
    queue.set({ maxBytes: 1 });
    queue.sendSync(1, bytes("a"));
    for (let count = 0; count < 20; count++) {
      const controller = new AbortController();
      const sent = queue.send(1, bytes("b"), { signal: controller.signal });
      assert.ok(await isPending(sent));
      assert.ok(other.tryReceive());
      // the event loop does not turn before the message is in the queue
      while (other.stat().messages === 0);
      controller.abort();
      await sent;
    }
    assert.is(text(other.tryReceive()?.data), "b");
  }),
);

test(
  "an empty message that comes to a wait in the moment of its end is not lost",
  withQueue(async (queue, key) => {
    using other = SysvMessageQueue.open(key);
    for (let count = 0; count < 60; count++) {
      const controller = new AbortController();
      const waits = queue.receive({ type: 6, signal: controller.signal }).catch(() => undefined);
      assert.ok(await isPending(waits));
      other.sendSync(6, new Uint8Array(0));
      if (count % 3 === 0) queue.close();
      controller.abort();
      const found = (await waits) ?? other.tryReceive();
      assert.equal(found, { type: 6, data: new Uint8Array(0) });
      assert.is(other.stat().messages, 0);
      if (queue.closed) queue = SysvMessageQueue.open(key);
    }
    queue.close();
  }),
);

test(
  "signals that come while the thread blocks neither end the wait nor lose it",
  withQueue(async (queue) => {
    const isTimeout = (error: { code?: string }) => error.code === "IPC_TIMEOUT";
    queue.set({ maxBytes: 1 });
    await whileInterrupted(() => {
      assert.throws(() => queue.receiveSync({ timeout: 100 }), isTimeout as never);
      queue.sendSync(1, bytes("x"));
      assert.throws(() => queue.sendSync(1, bytes("x"), { timeout: 100 }), isTimeout as never);
    });
    assert.is(queue.stat().messages, 1);
  }),
);

test(
  "a queue that is removed is IPC_CLOSED for whoever waits, and for the calls after",
  deadline(LIMIT, async () => {
    for (const side of ["send", "receive"]) {
      const key = uniqueKey();
      using queue = SysvMessageQueue.create(key);
      queue.set({ maxBytes: 1 });
      if (side === "send") queue.sendSync(1, bytes("x"));
      const waits: Promise<unknown> = side === "send" ? queue.send(1, bytes("y")) : queue.receive();
      assert.ok(await isPending(waits));
      await c("remove", key);
      await failsWith("IPC_CLOSED", waits, /was removed while it was in use/);
      for (const call of [() => queue.trySend(1, bytes("x")), () => queue.tryReceive(), () => queue.stat()])
        await failsWith("IPC_CLOSED", call, /was removed/);
      await failsWith("IPC_CLOSED", () => queue.set({ mode: 0o600 }));
      assert.not(queue.remove());
    }
  }),
);

test(
  "close() ends calls that wait and leaves the queue",
  withQueue(async (queue, key) => {
    const other = SysvMessageQueue.open(key);
    const waits = [other.receive(), other.receive({ type: 2 })];
    assert.ok(await isPending(Promise.race(waits)));
    other.close();
    other.close();
    for (const wait of waits) await failsWith("IPC_CLOSED", wait, /was closed here/);
    await failsWith("IPC_CLOSED", other.send(1, bytes("x")));
    for (const call of [() => other.tryReceive(), () => other.stat(), () => other.peekAt(0), () => other.set({})])
      await failsWith("IPC_CLOSED", call);
    assert.ok(queue.trySend(1, bytes("x")));
  }),
);

test(
  "another user's queue is IPC_PERMISSION",
  withQueue(async (queue, key) => {
    if (!isRoot()) return skip("needs root, to become another user");
    const other = SysvMessageQueue.open(key);
    for (const call of [
      () => other.trySend(1, bytes("x")),
      () => other.tryReceive(),
      () => other.peekAt(0),
      () => other.stat(),
      () => other.remove(),
    ])
      await failsWith("IPC_PERMISSION", () => asNobody<unknown>(call));
    assert.is(asNobody(() => SysvMessageQueue.fromId(queue.id)).key, undefined);
    queue.set({ mode: 0o666 });
    await failsWith("IPC_PERMISSION", () => asNobody(() => other.set({ mode: 0o600 })));
  }),
);

test(
  "two processes exchange on a queue",
  withQueue(async (queue) => {
    const peer = startPeer(currentRuntime(), "test/ipc/peers/sysv-queue-echo.ts", [String(queue.id)]);
    try {
      for (let count = 0; count < 200; count++) {
        await queue.send(1, bytes(`ping ${count}`));
        const answer =
          count % 2 === 0 ? await queue.receive({ type: 2 }) : queue.receiveSync({ type: 2, timeout: LIMIT });
        assert.equal(text(answer.data), `ping ${count}`);
      }
      await queue.send(1, new Uint8Array(0));
      assert.is((await peer.exit()).status, 0);
    } finally {
      await peer.kill();
    }
  }),
);

leakCheck(test);
test.run();
