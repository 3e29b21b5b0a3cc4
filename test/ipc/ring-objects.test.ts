import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { IpcError, type IpcErrorCode } from "../../src/errors.ts";
import { O_NONBLOCK, O_RDWR } from "../../src/ffi/abi/current.ts";
import { close, open as openFile, write } from "../../src/ffi/fd.ts";
import { open, remove } from "../../src/ipc/adapters/ring.ts";
import { BEGUN, FULL, type Link, TAKEN } from "../../src/ipc/link.ts";
import type { ChannelOptions } from "../../src/ipc/options.ts";
import { RingSender } from "../../src/ipc/ring-link/ring-sender.ts";
import { freeArenaBytes } from "../../src/memory/region.ts";
import { objectDirectory } from "../../src/objects/object-directory.ts";
import { RingConsumer } from "../../src/ring/consumer.ts";
import { deadline } from "../support/deadline.ts";
import { leakCheck } from "../support/leak-check.ts";
import { startPeer } from "../support/peer-process.ts";
import { currentRuntime } from "../support/runtimes.ts";
import { skip } from "../support/skip.ts";

const test = suite("ring objects");
let free = 0;
let count = 0;

function address(name = `r${++count}`) {
  return { scheme: "ring", text: `ring:${name}`, name } as const;
}

function path({ name }: { name: string }): string {
  return join(objectDirectory(), `${name}.ring`);
}

async function rejects(action: () => Promise<unknown>, code: IpcErrorCode, pattern: RegExp): Promise<void> {
  try {
    await action();
  } catch (error) {
    assert.instance(error, IpcError);
    assert.is((error as IpcError).code, code);
    assert.match((error as IpcError).message, pattern);
    return;
  }
  assert.unreachable(`${code} expected`);
}

function bytes(...values: number[]): Uint8Array {
  return new Uint8Array(values);
}

async function receive(link: Link): Promise<Uint8Array | null> {
  for (;;) {
    const message = link.tryRead();
    if (message !== undefined) return message;
    await link.ready("read", undefined);
  }
}

test.before(() => {
  free = freeArenaBytes();
});

test("a ring is a directory of its user with a segment and two bells, and goes with its last end", async () => {
  const where = address();
  const sender = await open(where, "sender", {});
  assert.equal(readdirSync(path(where)).sort(), ["bell-consumer", "bell-producer", "segment"]);
  assert.is(lstatSync(path(where)).mode & 0o777, 0o700);
  assert.is(lstatSync(join(path(where), "segment")).mode & 0o777, 0o600);
  assert.is(lstatSync(join(path(where), "segment")).size, 4096 + 2 ** 20);
  assert.ok(lstatSync(join(path(where), "bell-producer")).isFIFO());
  const receiver = await open(where, "receiver", {});
  sender.close();
  assert.ok(existsSync(path(where)));
  receiver.close();
  assert.equal(readdirSync(objectDirectory()), []);
});

test("the capacity is rounded up to a power of two of whole pages", async () => {
  for (const [asked, got] of [
    [1, 4096],
    [4096, 4096],
    [4097, 8192],
    [100_000, 131_072],
  ] as const) {
    const link = await open(address(), "receiver", { capacity: asked });
    assert.is(link.stats().capacityBytes, got);
    link.close();
  }
});

test("an end that is held is IPC_BUSY, with the process that holds it", async () => {
  const where = address();
  const receiver = await open(where, "receiver", {});
  const sender = await open(where, "sender", {});
  for (const side of ["sender", "receiver"] as const) {
    await rejects(() => open(where, side, {}), "IPC_BUSY", new RegExp(`as ${side}: process ${process.pid} already`));
  }
  await rejects(() => remove(where), "IPC_BUSY", /live process holds/);
  sender.close();
  receiver.close();
});

test("a sender that closes first leaves what it sent; the receiver takes it, the end, and the object", async () => {
  const where = address();
  const sender = await open(where, "sender", {});
  assert.is(sender.tryWrite(bytes(1)), TAKEN);
  sender.close();
  assert.ok(existsSync(path(where)));
  const receiver = await open(where, "receiver", {});
  assert.equal(receiver.tryRead(), bytes(1));
  assert.is(await receive(receiver), null);
  receiver.close();
  assert.equal(readdirSync(objectDirectory()), []);
});

test("a second sender goes on where the first has ended", async () => {
  const where = address();
  const first = await open(where, "sender", {});
  first.tryWrite(bytes(1));
  first.close();
  const second = await open(where, "sender", {});
  second.tryWrite(bytes(2));
  const receiver = await open(where, "receiver", {});
  assert.equal(await receive(receiver), bytes(1));
  assert.equal(await receive(receiver), bytes(2));
  second.close();
  assert.is(await receive(receiver), null);
  receiver.close();
});

test("a receiver that quits with a sender there: IPC_CLOSED, and the sender takes the object with it", async () => {
  const where = address();
  const sender = await open(where, "sender", {});
  const receiver = await open(where, "receiver", {});
  sender.tryWrite(bytes(1));
  receiver.close();
  await rejects(async () => sender.tryWrite(bytes(2)), "IPC_CLOSED", /receiver has closed/);
  sender.close();
  assert.equal(readdirSync(objectDirectory()), []);
});

test("a larger capacity replaces a ring that a receiver made and nobody used", async () => {
  const where = address();
  const receiver = await open(where, "receiver", { capacity: 4096 });
  const waiting = receive(receiver);
  const sender = await open(where, "sender", { capacity: 65_536 });
  assert.is(sender.stats().capacityBytes, 65_536);
  assert.is(sender.tryWrite(new Uint8Array(20_000).fill(7)), TAKEN);
  assert.equal(await waiting, new Uint8Array(20_000).fill(7));
  assert.is(receiver.stats().capacityBytes, 65_536);
  sender.close();
  assert.is(await receive(receiver), null);
  receiver.close();
  assert.equal(readdirSync(objectDirectory()), []);
});

test("a larger capacity than that of a ring in use is IPC_EXISTS, a smaller one is met", async () => {
  const where = address();
  const sender = await open(where, "sender", { capacity: 4096 });
  sender.tryWrite(bytes(1));
  await rejects(
    () => open(where, "receiver", { capacity: 8192 }),
    "IPC_EXISTS",
    /capacity of 8192 bytes: it exists with 4096/,
  );
  sender.close();
  await rejects(() => open(where, "sender", { capacity: 8192 }), "IPC_EXISTS", /exists with 4096/);
  const receiver = await open(where, "receiver", { capacity: 100 });
  assert.equal(await receive(receiver), bytes(1));
  receiver.close();
});

test("remove takes away what nobody holds, once", async () => {
  const where = address();
  const sender = await open(where, "sender", {});
  sender.close();
  assert.is(await remove(where), true);
  assert.is(await remove(where), false);
  assert.equal(readdirSync(objectDirectory()), []);
});

test("the object directory of somebody else, or open to others, is refused", async () => {
  const before = process.env.MILLRACE_DIR;
  const directory = join(tmpdir(), "open-to-others");
  try {
    process.env.MILLRACE_DIR = directory;
    mkdirSync(directory);
    chmodSync(directory, 0o777);
    await rejects(() => open(address(), "sender", {}), "IPC_PERMISSION", /has mode 0777/);
    rmSync(directory, { recursive: true });
    writeFileSync(directory, "");
    await rejects(() => open(address(), "sender", {}), "IPC_PERMISSION", /is not a directory/);
    process.env.MILLRACE_DIR = join(directory, "below-a-file");
    await rejects(() => open(address(), "sender", {}), "IPC_NOT_FOUND", /Set MILLRACE_DIR/);
  } finally {
    process.env.MILLRACE_DIR = before;
    rmSync(directory, { recursive: true, force: true });
  }
});

test("things in the place that are no ring are IPC_CORRUPT and stay as they are", async () => {
  const inDirectory = (make: (segment: string) => void, file = "segment") => {
    return (where: string) => {
      mkdirSync(where);
      make(join(where, file));
    };
  };
  const cases: [string, (where: string) => void][] = [
    ["a file", (where) => writeFileSync(where, "mine")],
    ["an empty segment", inDirectory((segment) => writeFileSync(segment, ""))],
    ["a directory with other things", inDirectory((notes) => writeFileSync(notes, "mine"), "notes")],
    ["a symbolic link for a segment", inDirectory((segment) => symlinkSync("/etc/passwd", segment))],
    ["zeros of the right size", inDirectory((segment) => writeFileSync(segment, new Uint8Array(8192)))],
  ];
  for (const [what, make] of cases) {
    const where = address();
    make(path(where));
    for (const side of ["sender", "receiver"] as const) {
      await rejects(() => open(where, side, {}), "IPC_CORRUPT", /ring:r\d+/).catch((error) => {
        throw new Error(`${what}: ${error}`, { cause: error });
      });
    }
    assert.ok(existsSync(path(where)), what);
    rmSync(path(where), { recursive: true });
  }
});

test("another version, a truncated segment and a header that lies about its size are IPC_CORRUPT", async () => {
  const words = (offset: number, value: number) => (segment: string) => {
    const fd = openFile(segment, O_RDWR);
    const head = new Uint8Array(offset + 4);
    head.set([0x4d, 0x4c, 0x52, 0x43, 2, 0, 0, 0, 0, 16, 0, 0, 0, 0, 16, 0].slice(0, offset + 4));
    head.set([value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24], offset);
    write(fd, head);
    close(fd);
  };
  const breaks: [RegExp, (segment: string) => void][] = [
    [/version .* 3/, words(4, 3)],
    [/magic/, words(0, 5)],
    [/4096 \+ 8192 bytes/, words(12, 8192)],
    [/capacity/, words(12, 2 ** 24)],
    [/names 8192 \+|capacity|header/, words(8, 8192)],
    [/5000 bytes/, (segment) => truncateSync(segment, 5000)],
    [/12288 bytes/, (segment) => truncateSync(segment, 12_288)],
  ];
  for (const [pattern, damage] of breaks) {
    const where = address();
    (await open(where, "sender", {})).close();
    damage(join(path(where), "segment"));
    try {
      await rejects(() => open(where, "receiver", {}), "IPC_CORRUPT", pattern);
    } finally {
      rmSync(path(where), { recursive: true });
    }
  }
});

test("a full tmpfs is IPC_LIMIT at creation, and nothing is left", async () => {
  const directory = join(tmpdir(), "small");
  mkdirSync(directory);
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=256k,mode=0700", "tmpfs", directory]);
  if (mounted.status !== 0) {
    rmSync(directory, { recursive: true });
    return skip(`cannot mount a small tmpfs: ${String(mounted.stderr ?? mounted.error).trim()}`);
  }
  const before = process.env.MILLRACE_DIR;
  try {
    process.env.MILLRACE_DIR = directory;
    const where = address();
    await rejects(() => open(where, "sender", { capacity: 2 ** 20 }), "IPC_LIMIT", /ENOSPC/);
    assert.equal(readdirSync(directory), []);
    const fits = await open(where, "sender", { capacity: 65_536 });
    for (let i = 0; i < 16; i++) assert.is(fits.tryWrite(new Uint8Array(4000)), TAKEN);
    assert.is(fits.tryWrite(new Uint8Array(4000)), FULL);
    fits.close();
    assert.ok(await remove(where));
  } finally {
    process.env.MILLRACE_DIR = before;
    spawnSync("umount", [directory]);
    rmSync(directory, { recursive: true });
  }
});

test("what a process left that died while it made a ring is swept by the next one", async () => {
  const child = spawnSync("true");
  assert.is(child.status, 0);
  const dead = join(objectDirectory(), `.tmp-${child.pid}-abc`);
  const alive = join(objectDirectory(), `.tmp-${process.pid}-abc`);
  for (const directory of [dead, alive]) {
    mkdirSync(directory);
    writeFileSync(join(directory, "segment"), "");
  }
  const where = address();
  const link = await open(where, "receiver", {});
  assert.not(existsSync(dead));
  assert.ok(existsSync(alive));
  link.close();
  rmSync(alive, { recursive: true });
});

test(
  "a sender that is killed: all that it had published arrives, then IPC_PEER_GONE once, then the end",
  deadline(20_000, async () => {
    const where = address();
    const options: ChannelOptions = {};
    const receiver = await open(where, "receiver", options);
    const peer = startPeer(currentRuntime(), "test/support/ring-peer.ts", ["send-then-hang", where.name, "100"]);
    await peer.line("sent");
    assert.equal(receiver.peer(), { alive: true, pid: peer.pid });
    await peer.kill();
    for (let i = 0; i < 100; i++) assert.equal(await receive(receiver), bytes(i));
    await rejects(() => receive(receiver), "IPC_PEER_GONE", new RegExp(`process ${peer.pid}, died`));
    assert.is(await receive(receiver), null);
    receiver.close();
    assert.equal(readdirSync(objectDirectory()), []);
  }),
);

test(
  "a sender that is killed while the receiver sleeps wakes it",
  deadline(20_000, async () => {
    const where = address();
    const receiver = await open(where, "receiver", {});
    const peer = startPeer(currentRuntime(), "test/support/ring-peer.ts", ["send-then-hang", where.name, "0"]);
    await peer.line("sent");
    const waiting = rejects(() => receive(receiver), "IPC_PEER_GONE", /died without closing/);
    await peer.kill();
    await waiting;
    receiver.close();
  }),
);

test(
  "a sender that comes while the end of a killed one is looked for goes on with its stream",
  deadline(20_000, async () => {
    const where = address();
    const receiver = await open(where, "receiver", { capacity: 4096 });
    const peer = startPeer(currentRuntime(), "test/support/ring-peer.ts", ["send-then-hang", where.name, "0"]);
    await peer.line("sent");
    await peer.kill();
    const message = new Uint8Array(10_000).fill(7);
    const options = { address: where.text, capacity: 4096, capacityAsked: true, mode: 0o600 };
    let successor: RingSender | undefined;
    let looks = 0;
    const { tryPop } = RingConsumer.prototype;
    RingConsumer.prototype.tryPop = function (this: RingConsumer) {
      // the first look found nothing and the sender is dead: what comes before the second one is its successor's
      if (++looks === 2) {
        successor = new RingSender(`${where.name}.ring`, options);
        assert.is(successor.tryWrite(message), BEGUN);
      }
      return tryPop.call(this);
    };
    try {
      while (successor === undefined) {
        looks = 0;
        assert.is(receiver.tryRead(), undefined);
      }
    } finally {
      RingConsumer.prototype.tryPop = tryPop;
    }
    let received = receiver.tryRead();
    for (; received === undefined; received = receiver.tryRead()) successor.flush();
    assert.equal(received, message);
    successor.close();
    assert.is(await receive(receiver), null);
    receiver.close();
  }),
);

test(
  "a receiver that is killed: its successor gets everything that was not released, from the first",
  deadline(20_000, async () => {
    const where = address();
    const sender = await open(where, "sender", { capacity: 65_536 });
    for (let i = 0; i < 50; i++) sender.tryWrite(bytes(i));
    const peer = startPeer(currentRuntime(), "test/support/ring-peer.ts", ["peek-then-hang", where.name]);
    await peer.line("peeked 0");
    await peer.kill();
    assert.equal(sender.peer(), { alive: false, pid: peer.pid });
    const receiver = await open(where, "receiver", {});
    for (let i = 0; i < 50; i++) assert.equal(receiver.tryRead(), bytes(i));
    sender.close();
    assert.is(await receive(receiver), null);
    receiver.close();
    assert.equal(readdirSync(objectDirectory()), []);
  }),
);

test(
  "a sender that waits for room hears of its receiver's death, and goes on with the next one",
  deadline(20_000, async () => {
    const where = address();
    const sender = await open(where, "sender", { capacity: 4096 });
    const peer = startPeer(currentRuntime(), "test/support/ring-peer.ts", ["peek-then-hang", where.name]);
    sender.tryWrite(bytes(0));
    await peer.line("peeked 0");
    const big = new Uint8Array(1000);
    while (sender.tryWrite(big) === TAKEN);
    const waiting = sender.ready("write", undefined);
    await peer.kill();
    await waiting;
    await rejects(async () => sender.tryWrite(big), "IPC_PEER_GONE", /kept for the next receiver/);
    const receiver = await open(where, "receiver", {});
    assert.equal(receiver.tryRead(), bytes(0));
    while ((receiver.tryRead()?.length ?? 0) > 0);
    assert.is(sender.tryWrite(big), TAKEN);
    assert.equal(await receive(receiver), big);
    sender.close();
    receiver.close();
    assert.equal(readdirSync(objectDirectory()), []);
  }),
);

test(
  "a message larger than the ring whose receiver dies fails once, and is not in the way of the next one",
  deadline(20_000, async () => {
    const where = address();
    const sender = await open(where, "sender", { capacity: 4096 });
    const peer = startPeer(currentRuntime(), "test/support/ring-peer.ts", ["peek-then-hang", where.name]);
    sender.tryWrite(bytes(0));
    await peer.line("peeked 0");
    assert.is(sender.tryWrite(new Uint8Array(10_000)), BEGUN);
    assert.is(sender.flush(), false);
    const waiting = sender.ready("write", undefined);
    await peer.kill();
    await waiting;
    await rejects(async () => sender.flush(), "IPC_PEER_GONE", /kept for the next receiver/);
    const receiver = await open(where, "receiver", {});
    assert.equal(receiver.tryRead(), bytes(0));
    assert.is(receiver.tryRead(), undefined);
    assert.is(sender.tryWrite(bytes(1)), TAKEN);
    assert.equal(await receive(receiver), bytes(1));
    sender.close();
    receiver.close();
  }),
);

test(
  "a stranger who opens a bell and goes does not make the waiter spin",
  deadline(20_000, async () => {
    const where = address();
    const receiver = await open(where, "receiver", {});
    const waiting = receive(receiver);
    const bell = openFile(join(path(where), "bell-consumer"), O_RDWR | O_NONBLOCK);
    write(bell, bytes(1));
    close(bell);
    const { stalls } = receiver.stats();
    const start = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, 500));
    const { user, system } = process.cpuUsage(start);
    assert.ok(receiver.stats().stalls - stalls < 10, `${receiver.stats().stalls - stalls} waits`);
    assert.ok(user + system < 200_000, `${user + system} us of CPU`);
    const sender = await open(where, "sender", {});
    sender.tryWrite(bytes(5));
    assert.equal(await waiting, bytes(5));
    sender.close();
    receiver.close();
  }),
);

test("no window of the arena is lost", () => {
  assert.is(freeArenaBytes(), free);
});

leakCheck(test, async () => {
  // the first child makes Deno open what it learns of the end of children by
  await startPeer(currentRuntime(), "test/support/ring-peer.ts", ["nothing"]).exit();
  const where = address();
  const receiver = await open(where, "receiver", {});
  const sender = await open(where, "sender", {});
  const waiting = receive(receiver);
  sender.tryWrite(bytes(1));
  await waiting;
  sender.close();
  receiver.close();
});

test.run();
