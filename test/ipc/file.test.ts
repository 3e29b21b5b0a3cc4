import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Channel } from "../../src/ipc/channel.ts";
import { freeArenaBytes } from "../../src/memory/region.ts";
import { objects } from "../../src/mod.ts";
import { KIND_OFFSET, OLDEST_OFFSET, TAIL_OFFSET, VERSION_OFFSET } from "../../src/ring/layout.ts";
import { asNobody, isRoot } from "../support/as-nobody.ts";
import { deadline } from "../support/deadline.ts";
import { failsWith } from "../support/fails-with.ts";
import { leakCheck } from "../support/leak-check.ts";
import { skip } from "../support/skip.ts";

const test = suite("a ring in a file");
const folder = mkdtempSync(join(tmpdir(), "file-ring-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
let count = 0;
let free = 0;

function uniquePath(): string {
  return join(folder, `ring-${++count}`);
}

/** A ring with these messages in it, which nobody holds. */
async function left(messages: readonly string[], options: object = { capacity: 4096 }): Promise<string> {
  const address = `file:${uniquePath()}`;
  await send(address, messages, options);
  return address;
}

async function send(address: string, messages: readonly string[], options: object = {}): Promise<void> {
  await using sender = await Channel.sender(address, { codec: "text", ...options });
  for (const message of messages) await sender.send(message);
}

async function receiveAll(address: string, options: object = {}): Promise<string[]> {
  await using receiver = await Channel.receiver(address, { codec: "text", ...options });
  const messages: string[] = [];
  for await (const message of receiver) messages.push(message as string);
  return messages;
}

function setWord(path: string, offset: number, value: number): void {
  const segment = join(path, "segment");
  const bytes = readFileSync(segment);
  bytes.writeUInt32LE(value >>> 0, offset);
  writeFileSync(segment, bytes);
}

function pathOf(address: string): string {
  return address.slice("file:".length);
}

test.before(() => {
  free = freeArenaBytes();
});

test(
  "it stays when both ends have closed, and goes on where it stood",
  deadline(20_000, async () => {
    const address = await left(["a", "b", "c"]);
    assert.equal(readdirSync(pathOf(address)).sort(), ["bell-consumer", "bell-producer", "segment"]);
    {
      await using receiver = await Channel.receiver(address, { codec: "text" });
      assert.is(await receiver.receive(), "a");
      assert.is(await receiver.peek().then((look) => look?.length), 1);
    }
    assert.equal(await receiveAll(address), ["b", "c"], "what was looked at and not released comes again");
    await send(address, ["d"]);
    assert.equal(await receiveAll(address), ["d"]);
    assert.equal(await receiveAll(address, { from: "oldest" }), ["a", "b", "c", "d"]);
    assert.ok(existsSync(pathOf(address)));
  }),
);

test(
  "a receiver that has had everything is told the end once; the next one waits for the next sender",
  deadline(20_000, async () => {
    const address = await left(["a"]);
    assert.equal(await receiveAll(address), ["a"]);
    await using waiting = await Channel.receiver(address, { codec: "text" });
    const next = waiting.receive();
    await send(address, ["b"]);
    assert.is(await next, "b");
    assert.is(await waiting.receive(), undefined);
  }),
);

test(
  "a receiver that begins now, and one that begins with the oldest while the sender is there",
  deadline(20_000, async () => {
    const address = await left(["a", "b"]);
    await using sender = await Channel.sender(address, { codec: "text" });
    {
      await using now = await Channel.receiver(address, { codec: "text", from: "now" });
      assert.is(now.tryReceive(), undefined);
      await sender.send("c");
      assert.is(await now.receive(), "c");
    }
    // that one has closed, so this sender may not send any more, but the next one may
    await failsWith("IPC_CLOSED", () => sender.send("d"));
    await sender.close();
    await using again = await Channel.sender(address, { codec: "text" });
    await again.send("d");
    await again.close();
    assert.equal(await receiveAll(address, { from: "oldest" }), ["a", "b", "c", "d"]);
  }),
);

test(
  "a replay behind a wrap gives the end of what was sent, without a gap, and what is unread blocks the sender",
  deadline(20_000, async () => {
    const address = await left([], { capacity: 4096 });
    for (let round = 0; round < 10; round++) {
      await send(
        address,
        Array.from({ length: 50 }, (_, i) => `${round * 50 + i}`.padEnd(40)),
      );
      assert.is((await receiveAll(address)).length, 50);
    }
    const held = (await receiveAll(address, { from: "oldest" })).map(Number);
    assert.is(held.at(-1), 499);
    assert.equal(
      held,
      held.map((_, i) => 500 - held.length + i),
    );
    assert.ok(held.length >= 56 && held.length <= 85, `${held.length}`);
    await using sender = await Channel.sender(address, { codec: "text" });
    await using replay = await Channel.receiver(address, { codec: "text", from: "oldest" });
    let sent = 0;
    while (sender.trySend(`${500 + sent}`.padEnd(40))) sent++;
    assert.is(await replay.receive(), `${held[0]}`.padEnd(40), "what is read again is protected from the sender");
    assert.ok(sender.trySend("one more".padEnd(40)));
  }),
);

test(
  "each message is on the disk with durable, and everything after a close",
  deadline(20_000, async () => {
    for (const durable of ["none", "close", "each"]) {
      const address = await left(["a", "b"], { durable, capacity: 4096 });
      await using sender = await Channel.sender(address, { codec: "text", durable: durable as "each" });
      assert.is(await sender.sendMany(Array.from({ length: 20 }, (_, i) => `${i}`.padEnd(100))), 20);
      sender.sendSync("c");
      const claim = sender.tryClaim(1);
      claim?.set([100]);
      sender.commit();
      await sender.close();
      const received = await receiveAll(address, { durable });
      assert.is(received.length, 24);
      assert.equal([...received.slice(0, 2), ...received.slice(-2)], ["a", "b", "c", "d"]);
    }
  }),
);

test("one sender and one receiver, and it is not removed while one is there", async () => {
  const address = `file:${uniquePath()}`;
  const sender = await Channel.sender(address);
  const receiver = await Channel.receiver(address);
  await failsWith("IPC_BUSY", () => Channel.sender(address), new RegExp(`process ${process.pid} already holds`));
  await failsWith("IPC_BUSY", () => Channel.receiver(address, { from: "oldest" }), /already holds that end/);
  await failsWith("IPC_BUSY", () => Channel.remove(address), /live process holds/);
  await sender.close();
  await failsWith("IPC_BUSY", () => Channel.remove(address), /receiver/);
  await receiver.close();
  assert.is(await Channel.remove(address), true);
  assert.not(existsSync(pathOf(address)));
  assert.is(await Channel.remove(address), false);
});

test("the capacity: the sender decides until something was sent; then a larger one is IPC_EXISTS", async () => {
  const address = `file:${uniquePath()}`;
  const receiver = await Channel.receiver(address, { codec: "text", capacity: 4096 });
  const sender = await Channel.sender(address, { codec: "text", capacity: 65_536 });
  assert.is(sender.stats().capacityBytes, 65_536);
  await sender.send("a".repeat(10_000));
  assert.is((await receiver.receive())?.length, 10_000);
  await sender.close();
  await receiver.close();
  const error = await failsWith("IPC_EXISTS", () => Channel.sender(address, { capacity: 2 ** 20 }));
  assert.match(error.message, /with a capacity of 1048576 bytes: it exists with 65536 and keeps what was sent/);
  await failsWith("IPC_EXISTS", () => Channel.receiver(address, { capacity: 2 ** 20 }));
  await using smaller = await Channel.sender(address, { capacity: 4096 });
  assert.is(smaller.stats().capacityBytes, 65_536);
  assert.equal(
    readdirSync(folder).filter((name) => name.startsWith(".")),
    [],
  );
});

test("options that have no use", async () => {
  const address = `file:${uniquePath()}`;
  await failsWith("TypeError", () => Channel.sender(address, { from: "oldest" }), /a sender has no use for it/);
  await failsWith("TypeError", () => Channel.sender(address, { durable: "always" as "each" }), /"none" or "close" or/);
  await failsWith("TypeError", () => Channel.sender("ring:a", { durable: "each" }), /no use for the option "durable"/);
  await failsWith("RangeError", () => Channel.sender("file:"), /is empty/);
  await failsWith("RangeError", () => Channel.sender(`${folder}/x`), /for a ring that stays "file:/);
  assert.not(existsSync(pathOf(address)));
});

test("something else in the place is IPC_CORRUPT for every call, and stays", async () => {
  const things: [string, (path: string) => void][] = [
    ["a file", (path) => writeFileSync(path, "mine")],
    ["a folder", (path) => mkdirSync(path)],
    ["a folder with a file", (path) => [mkdirSync(path), writeFileSync(join(path, "segment"), "mine")]],
    ["a symbolic link to nowhere", (path) => symlinkSync("nowhere", path)],
  ];
  for (const [what, make] of things) {
    const path = uniquePath();
    make(path);
    await failsWith("IPC_CORRUPT", () => Channel.sender(`file:${path}`), new RegExp(`file:${path}`));
    await failsWith("IPC_CORRUPT", () => Channel.receiver(`file:${path}`));
    if (existsSync(path)) await failsWith("IPC_CORRUPT", () => Channel.remove(`file:${path}`), /Cannot|not/);
    assert.ok(statSync(path, { throwIfNoEntry: false }) !== undefined || what.includes("nowhere"), what);
  }
});

test("a symbolic link to a ring is IPC_CORRUPT, and the ring stays", async () => {
  const address = await left(["a"]);
  const link = uniquePath();
  symlinkSync(pathOf(address), link);
  await failsWith("IPC_CORRUPT", () => Channel.receiver(`file:${link}`), /not a millrace object/);
  assert.equal(await receiveAll(address), ["a"]);
});

test("a file that somebody made shorter or longer, or of another version or kind, is IPC_CORRUPT and says so", async () => {
  const wrongs: [RegExp, (path: string) => void][] = [
    [/its segment has 4096 bytes/, (path) => truncateSync(join(path, "segment"), 4096)],
    [/its segment has 0 bytes/, (path) => truncateSync(join(path, "segment"), 0)],
    [/its segment has 9000 bytes/, (path) => truncateSync(join(path, "segment"), 9000)],
    [/names 4096 \+ 4096 bytes/, (path) => truncateSync(join(path, "segment"), 4096 + 8192)],
    [/version \(byte 4\) is 1, not \d/, (path) => setWord(path, VERSION_OFFSET, 1)],
    [/kind \(byte 16\) is 1, not 4 \(kept\)/, (path) => setWord(path, KIND_OFFSET, 1)],
    [/multiple of 16/, (path) => setWord(path, TAIL_OFFSET, 3)],
  ];
  for (const [message, damage] of wrongs) {
    const address = await left(["a"]);
    damage(pathOf(address));
    await failsWith("IPC_CORRUPT", () => Channel.sender(address), message);
    await failsWith("IPC_CORRUPT", () => Channel.receiver(address), message);
    assert.ok(existsSync(pathOf(address)));
  }
  const address = await left(["a"]);
  setWord(pathOf(address), OLDEST_OFFSET, 32);
  await failsWith("IPC_CORRUPT", () => Channel.sender(address), /oldest \(byte 160\) is 32/);
  await failsWith("IPC_CORRUPT", () => Channel.receiver(address, { from: "oldest" }), /oldest/);
  assert.equal(await receiveAll(address), ["a"], "who does not need the word does not look at it");
});

test("a folder that is not there is IPC_NOT_FOUND, one without permission IPC_PERMISSION, and both say what to do", async () => {
  await failsWith("IPC_NOT_FOUND", () => Channel.sender(`file:${folder}/none/ring`), /Make the folder that it shall/);
  if (!isRoot()) return skip("needs root");
  const closed = join(folder, "closed");
  mkdirSync(closed, { mode: 0o700 });
  chmodSync(folder, 0o711);
  const { open } = await import("../../src/ipc/adapters/file.ts");
  const path = join(closed, "ring");
  const refused = () => asNobody(() => open({ scheme: "file", text: `file:${path}`, path }, "sender", {}));
  await failsWith("IPC_PERMISSION", refused, /Mend the permissions there, or use a path in a folder of your own/);
});

test("a ring whose folder or segment is another user's is IPC_PERMISSION, and stays", async () => {
  if (!isRoot()) return skip("needs root");
  for (const [file, message] of [
    [".", /the folder .* belongs to user 65534, not to 0/],
    ["segment", /its segment in .* belongs to user 65534, not to 0/],
  ] as const) {
    const address = await left(["a"]);
    chownSync(join(pathOf(address), file), 65_534, 65_534);
    await failsWith("IPC_PERMISSION", () => Channel.sender(address), message);
    await failsWith("IPC_PERMISSION", () => Channel.receiver(address), message);
    chownSync(join(pathOf(address), file), 0, 0);
    assert.equal(await receiveAll(address), ["a"]);
  }
});

test("a full and a read-only file system: IPC_LIMIT and IPC_PERMISSION, and nothing is left", async () => {
  const mount = join(folder, "tmpfs");
  mkdirSync(mount);
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "mode=0700,size=64k", "tmpfs", mount]);
  if (mounted.status !== 0) return skip("cannot mount a tmpfs");
  try {
    const large = `file:${mount}/large`;
    await failsWith("IPC_LIMIT", () => Channel.sender(large, { capacity: 2 ** 20 }), /Free space there.*ENOSPC/);
    assert.equal(readdirSync(mount), []);
    const address = `file:${mount}/small`;
    await send(address, ["a"], { capacity: 4096 });
    spawnSync("mount", ["-o", "remount,ro", mount]);
    await failsWith("IPC_PERMISSION", () => Channel.receiver(address), /can be written to.*EROFS/);
    await failsWith("IPC_PERMISSION", () => Channel.sender(`file:${mount}/other`), /can be written to.*EROFS/);
    await failsWith("IPC_PERMISSION", () => Channel.remove(address), /Cannot remove/);
    spawnSync("mount", ["-o", "remount,rw", mount]);
    assert.equal(await receiveAll(address), ["a"]);
  } finally {
    spawnSync("umount", ["-l", mount]);
  }
});

test("it is nobody's to collect: neither the end of the process nor gc takes it away", async () => {
  const address = await left(["a"]);
  objects.gc();
  assert.equal(await receiveAll(address), ["a"]);
});

test("it is listed while somebody has it open, and can be removed by its path then", async () => {
  const address = await left(["a", "b"]);
  const path = pathOf(address);
  const find = () => objects.list({ kinds: ["ring"] }).find(({ name }) => name === path);
  assert.is(find(), undefined);
  const receiver = await Channel.receiver(address);
  const found = find();
  assert.equal(found?.holders, [process.pid]);
  assert.equal(found?.backlog, { messages: undefined, bytes: 32 });
  assert.equal([found?.stale, found?.notes], [false, ["in a file, and stays when nobody has it open"]]);
  await failsWith("IPC_BUSY", () => objects.remove({ kind: "ring", name: path }), /process \d+ uses it/);
  assert.is(objects.remove({ kind: "ring", name: path }, { force: true }).name, path);
  assert.not(existsSync(path));
  await receiver.close();
});

test("what a maker left that was killed goes, what only looks like it stays", async () => {
  const own = join(folder, `.millrace-tmp-${2 ** 22 + 1}-0123456789ab`);
  const others = [`.millrace-tmp-${2 ** 22 + 1}-mine`, ".tmp-12345-0123456789ab", ".millrace-tmp-x"];
  for (const name of [own, ...others.map((other) => join(folder, other))]) mkdirSync(name);
  await left(["a"]);
  assert.not(existsSync(own));
  for (const other of others) assert.ok(existsSync(join(folder, other)), other);
});

test("no window of the arena is lost", () => {
  assert.is(freeArenaBytes(), free);
});

leakCheck(test, async () => {
  const address = await left(["a"]);
  await receiveAll(address);
  // what waits for the event loop
  await using waiting = await Channel.receiver(address);
  await failsWith("IPC_TIMEOUT", waiting.receive({ timeout: 1 }));
  await failsWith("IPC_TIMEOUT", () => waiting.receiveSync({ timeout: 1 }));
});

test.run();
