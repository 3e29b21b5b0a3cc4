import { spawnSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { getrlimit, RLIMIT_MSGQUEUE, setrlimit } from "../../src/ffi/mod.ts";
import { PosixMessageQueue } from "../../src/ipc/posix-message-queue.ts";
import { asNobody, isRoot } from "../support/as-nobody.ts";
import { deadline } from "../support/deadline.ts";
import { isPending } from "../support/event-loop.ts";
import { failsWith } from "../support/fails-with.ts";
import { whileInterrupted } from "../support/interrupted.ts";
import { leakCheck, openDescriptors } from "../support/leak-check.ts";
import { nativePeer } from "../support/native-peer.ts";
import { nativeProgram } from "../support/native-program.ts";
import { startPeer } from "../support/peer-process.ts";
import { currentRuntime } from "../support/runtimes.ts";
import { skip } from "../support/skip.ts";
import { uniqueName } from "../support/unique-name.ts";

const LIMIT = 20_000;
const test = suite("PosixMessageQueue");
const c = nativeProgram("mq-peer");
const startC = nativePeer("mq-peer");
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array | undefined) => data && new TextDecoder().decode(data);

/** Runs a test with a queue of 3 messages of 64 bytes. */
function withQueue(run: (queue: PosixMessageQueue) => void | Promise<void>) {
  return deadline(LIMIT, async () => {
    using queue = PosixMessageQueue.create(`/${uniqueName("object")}`, { maxMessages: 3, messageBytes: 64 });
    try {
      await run(queue);
    } finally {
      queue.remove();
    }
  });
}

test(
  "the highest priority comes first, and of one priority the oldest",
  withQueue(async (queue) => {
    await queue.send(bytes("a"));
    queue.sendSync(bytes("b"), { priority: 32_767 });
    assert.ok(queue.trySend(new Uint8Array(0), { priority: 32_767 }));
    assert.not(queue.trySend(bytes("full")));
    assert.equal(queue.attributes(), { maxMessages: 3, messageBytes: 64, messages: 3, bytes: 2 });
    assert.equal(await queue.receive(), { data: bytes("b"), priority: 32_767 });
    assert.equal(queue.receiveSync(), { data: new Uint8Array(0), priority: 32_767 });
    assert.equal(queue.tryReceive(), { data: bytes("a"), priority: 0 });
    assert.is(queue.tryReceive(), undefined);
  }),
);

test(
  "create, open, openOrCreate, remove: what is there, and what is not",
  withQueue(async (queue) => {
    const { name } = queue;
    const other = `${name}-other`;
    await failsWith("IPC_EXISTS", () => PosixMessageQueue.create(name), /Cannot create message queue \//);
    await failsWith("IPC_NOT_FOUND", () => PosixMessageQueue.open(other));
    assert.not(PosixMessageQueue.remove(other));
    using made = PosixMessageQueue.openOrCreate(other, { messageBytes: 5, mode: 0o640 });
    assert.is(made.attributes().messageBytes, 5);
    using again = PosixMessageQueue.openOrCreate(other, { messageBytes: 9 });
    assert.is(again.attributes().messageBytes, 5);
    again.sendSync(bytes("over"));
    assert.is(text(made.receiveSync().data), "over");
    assert.ok(PosixMessageQueue.remove(other));
    // the name was given to another queue since
    using successor = PosixMessageQueue.create(other);
    assert.not(made.remove());
    assert.not(again.remove());
    assert.ok(successor.remove());
    assert.not(successor.remove());
    made.sendSync(bytes("on"));
    assert.is(text(again.receiveSync().data), "on");
  }),
);

test(
  "a queue that is open for one direction only",
  withQueue(async (queue) => {
    using reader = PosixMessageQueue.open(queue.name, { mode: "read" });
    using writer = PosixMessageQueue.open(queue.name, { mode: "write" });
    await failsWith("TypeError", reader.send(bytes("x")), /open for reading only. Open it with \{ mode: "write" \}/);
    await failsWith("TypeError", () => writer.tryReceive(), /open for writing only/);
    await writer.send(bytes("one way"));
    assert.is(writer.attributes().bytes, 7);
    assert.is(text((await reader.receive()).data), "one way");
    await failsWith("TypeError", () => PosixMessageQueue.open(queue.name, { mode: "r" as "read" }), /mode.*is "r"/);
  }),
);

test(
  "a call that waits goes on when there is a message, or room, in the order of the calls",
  withQueue(async (queue) => {
    using other = PosixMessageQueue.open(queue.name);
    const received = [queue.receive(), queue.receive(), queue.receive()];
    assert.ok(await isPending(Promise.race(received)));
    assert.is(queue.tryReceive(), undefined);
    for (const message of ["1", "2", "3"]) await other.send(bytes(message));
    assert.equal(
      (await Promise.all(received)).map(({ data }) => text(data)),
      ["1", "2", "3"],
    );
    const sent = ["1", "2", "3", "4", "5", "6"].map((message) => queue.send(bytes(message)));
    assert.ok(await isPending(sent[3] as Promise<void>));
    assert.not(queue.trySend(bytes("first")));
    const taken: (string | undefined)[] = [];
    for (let count = 0; count < 6; count++) taken.push(text((await other.receive()).data));
    await Promise.all(sent);
    assert.equal(taken, ["1", "2", "3", "4", "5", "6"]);
  }),
);

test(
  "a wait that ends early has taken nothing and sent nothing",
  withQueue(async (queue) => {
    await failsWith("IPC_TIMEOUT", queue.receive({ timeout: 5 }), /receive\(\) on message queue \/.* within 5 ms/);
    await failsWith("IPC_TIMEOUT", () => queue.receiveSync({ timeout: 5 }));
    await failsWith("IPC_TIMEOUT", queue.receive({ timeout: 0 }));
    const controller = new AbortController();
    const waits = queue.receive({ signal: controller.signal });
    assert.ok(await isPending(waits));
    controller.abort();
    await failsWith("IPC_ABORTED", waits);
    await failsWith("IPC_ABORTED", queue.receive({ signal: controller.signal }));
    for (let count = 0; count < 3; count++) await queue.send(bytes(String(count)));
    await failsWith("IPC_TIMEOUT", queue.send(bytes("late"), { timeout: 5 }));
    await failsWith("IPC_TIMEOUT", () => queue.sendSync(bytes("late"), { timeout: 5 }));
    await failsWith("IPC_ABORTED", queue.send(bytes("late"), { signal: controller.signal }));
    for (let count = 0; count < 3; count++) assert.is(text(queue.tryReceive()?.data), String(count));
    assert.is(queue.tryReceive(), undefined);
  }),
);

test(
  "signals that come while the thread blocks neither end the wait nor lose it",
  withQueue(async (queue) => {
    await whileInterrupted(() => {
      assert.throws(
        () => queue.receiveSync({ timeout: 100 }),
        (error: { code: string }) => error.code === "IPC_TIMEOUT",
      );
      for (let count = 0; count < 3; count++) queue.sendSync(bytes("x"));
      assert.throws(
        () => queue.sendSync(bytes("x"), { timeout: 100 }),
        (error: { code: string }) => error.code === "IPC_TIMEOUT",
      );
    });
    assert.is(queue.attributes().messages, 3);
  }),
);

test(
  "notified() resolves when a message is there, and takes none",
  withQueue(async (queue) => {
    using other = PosixMessageQueue.open(queue.name);
    const notified = [queue.notified(), queue.notified(), other.notified()];
    assert.ok(await isPending(Promise.race(notified)));
    await failsWith("IPC_TIMEOUT", queue.notified({ timeout: 5 }));
    await failsWith("IPC_TIMEOUT", () => queue.notifiedSync({ timeout: 5 }), /^notifiedSync\(\) on message queue/);
    await other.send(bytes("news"));
    await Promise.all(notified);
    await queue.notified({ timeout: 0 });
    queue.notifiedSync({ timeout: 0 });
    assert.is(text(queue.tryReceive()?.data), "news");
    const controller = new AbortController();
    const waits = queue.notified({ signal: controller.signal });
    assert.ok(await isPending(waits));
    controller.abort();
    await failsWith("IPC_ABORTED", waits);
  }),
);

test(
  "close() ends calls that wait, and may be called again",
  withQueue(async (queue) => {
    const other = PosixMessageQueue.open(queue.name);
    const waits = [other.receive(), other.notified()];
    assert.ok(await isPending(Promise.race(waits)));
    other.close();
    for (const wait of waits) await failsWith("IPC_CLOSED", wait, /was closed here/);
    other.close();
    assert.ok(other.closed);
    await failsWith("IPC_CLOSED", other.send(bytes("x")));
    for (const call of [() => other.trySend(bytes("x")), () => other.tryReceive(), () => other.attributes()])
      await failsWith("IPC_CLOSED", call);
    assert.ok(await queue.send(bytes("still")).then(() => queue.tryReceive()));
    assert.ok(other.remove());
  }),
);

test(
  "what is too long, or not allowed",
  withQueue(async (queue) => {
    await queue.send(new Uint8Array(64));
    await failsWith("IPC_TOO_LARGE", queue.send(new Uint8Array(65)), /has 65 bytes, but at most 64/);
    await failsWith("IPC_TOO_LARGE", () => queue.trySend(new Uint8Array(65)));
    await failsWith("RangeError", queue.send(bytes("x"), { priority: 32_768 }), /priority is 32768/);
    await failsWith("TypeError", queue.send("text" as never), /not a string/);
    await failsWith("TypeError", queue.receive({ timeout: "1" } as never));
    await failsWith("TypeError", () => queue.receiveSync({ signal: AbortSignal.abort() } as never));
    for (const name of ["", "/", "jobs", "/a/b", "/a\0", `/${"x".repeat(256)}`])
      await failsWith("RangeError", () => PosixMessageQueue.create(name), /must be a slash and 1 to 255 bytes/);
    await failsWith("TypeError", () => PosixMessageQueue.open(7 as never));
    for (const options of [{ maxMessages: 0 }, { messageBytes: 1.5 }, { mode: 0o1000 }])
      await failsWith("RangeError", () => PosixMessageQueue.create("/x", options));
  }),
);

test("sizes past the system's limits, and the user's, are IPC_LIMIT", async () => {
  const name = `/${uniqueName("limit")}`;
  await failsWith("IPC_LIMIT", () => PosixMessageQueue.create(name, { messageBytes: 2 ** 30 }), /msgsize_max/);
  await failsWith("IPC_LIMIT", () => PosixMessageQueue.create(name, { maxMessages: 1e6 }), /msg_max/);
  const before = getrlimit(RLIMIT_MSGQUEUE);
  setrlimit(RLIMIT_MSGQUEUE, { soft: 100, hard: before.hard });
  try {
    await failsWith("IPC_LIMIT", () => PosixMessageQueue.create(name), /RLIMIT_MSGQUEUE.*EMFILE/);
  } finally {
    setrlimit(RLIMIT_MSGQUEUE, before);
  }
  assert.not(PosixMessageQueue.remove(name));
});

test(
  "another user's queue is IPC_PERMISSION",
  withQueue(async ({ name }) => {
    if (!isRoot()) return skip("needs root, to become another user");
    await failsWith("IPC_PERMISSION", () => asNobody(() => PosixMessageQueue.open(name)));
    await failsWith("IPC_PERMISSION", () => asNobody(() => PosixMessageQueue.openOrCreate(name)));
    await failsWith("IPC_PERMISSION", () => asNobody(() => PosixMessageQueue.remove(name)));
  }),
);

test(
  "C sends and receives on the queue, both ways",
  withQueue(async (queue) => {
    await queue.send(bytes("to C"), { priority: 3 });
    await queue.send(bytes("first"), { priority: 4 });
    assert.is(await c("receive", queue.name, 2), "4 5 first\n3 4 to C\n");
    const waits = queue.receive();
    assert.ok(await isPending(waits));
    await c("send", queue.name, 7, "from C");
    assert.equal(await waits, { data: bytes("from C"), priority: 7 });
    const flood = c("flood", queue.name, 1, 500);
    for (let count = 0; count < 500; count++) assert.is(text((await queue.receive()).data), String(count));
    await flood;
    const taken = c("receive", queue.name, 500);
    for (let count = 0; count < 500; count++) {
      if (count % 2 === 0) await queue.send(bytes(String(count)));
      else queue.sendSync(bytes(String(count)));
    }
    const lines = (await taken).trimEnd().split("\n");
    assert.equal(
      lines,
      Array.from({ length: 500 }, (_, i) => `0 ${String(i).length} ${i}`),
    );
    assert.is(await c("stat", queue.name), "0 3 64\n");
  }),
);

test(
  "a queue that C made is opened as it is, and a C program that waits gets what is sent",
  deadline(LIMIT, async () => {
    const name = `/${uniqueName("foreign")}`;
    await c("create", name, 2, 100);
    using queue = PosixMessageQueue.openOrCreate(name, { maxMessages: 9 });
    assert.equal(queue.attributes(), { maxMessages: 2, messageBytes: 100, messages: 0, bytes: 0 });
    const peer = startC("receive", name, 1);
    await queue.send(bytes("for C"));
    assert.is(await peer.line(), "0 5 for C");
    await peer.end();
    await c("remove", name);
    assert.not(queue.remove());
  }),
);

test(
  "two processes exchange on a queue",
  withQueue(async (queue) => {
    using answers = PosixMessageQueue.create(`${queue.name}-answers`, { maxMessages: 1 });
    const peer = startPeer(currentRuntime(), "test/ipc/peers/posix-queue-echo.ts", [queue.name, answers.name]);
    try {
      for (let count = 0; count < 200; count++) {
        await queue.send(bytes(`ping ${count}`), { priority: count });
        const { data, priority } = count % 2 === 0 ? await answers.receive() : answers.receiveSync({ timeout: LIMIT });
        assert.equal([text(data), priority], [`ping ${count}`, count + 1]);
      }
      await queue.send(new Uint8Array(0));
      assert.is((await peer.exit()).status, 0);
    } finally {
      await peer.kill();
      answers.remove();
    }
  }),
);

test("the queues that a mounted mqueue file system shows are ours", () => {
  if (!isRoot()) return skip("needs root, to mount the file system of queues");
  const folder = mkdtempSync(join(tmpdir(), "mqueue-"));
  using queue = PosixMessageQueue.create(`/${uniqueName("listed")}`, { mode: 0o600 });
  /** What a mount that nobody else sees shows of the queue; undefined when none can be made. */
  const look = (): string | undefined => {
    // with standard error piped Bun would keep a descriptor for process.stderr
    const script = 'mount -t mqueue none "$1" || exit 0; echo mounted; cd "$1" && ls -l ."$2" && cat ."$2"';
    const { stdout } = spawnSync("unshare", ["-m", "sh", "-c", script, "sh", folder, queue.name], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    });
    return stdout.startsWith("mounted") ? stdout : undefined;
  };
  try {
    queue.sendSync(bytes("12345"));
    const shown = look();
    if (shown === undefined) return skip("cannot mount the file system of queues");
    assert.match(shown, /^mounted\n-rw-------.*\nQSIZE:5 /);
    queue.remove();
    assert.is(look(), "mounted\n");
  } finally {
    queue.remove();
    rmdirSync(folder);
  }
});

test("no descriptor of a queue is left open", () => {
  const left = [...openDescriptors().values()].filter((target) => /^\/(object|foreign|listed)-/.test(target));
  assert.equal(left, []);
});

leakCheck(test);
test.run();
