/** Files in the way of a ring; `ring-objects.test.ts` has the segment's contents and the object directory. */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { O_RDWR } from "../../src/ffi/abi/current.ts";
import { close, open as openFile, write } from "../../src/ffi/fd.ts";
import { mkfifo } from "../../src/ffi/fifo.ts";
import { open, remove } from "../../src/ipc/adapters/ring.ts";
import { Channel } from "../../src/ipc/channel.ts";
import type { Link, Side } from "../../src/ipc/link.ts";
import { freeArenaBytes } from "../../src/memory/region.ts";
import { objectDirectory } from "../../src/objects/object-directory.ts";
import { asNobody, isRoot } from "../support/as-nobody.ts";
import { failsWith } from "../support/fails-with.ts";
import { leakCheck } from "../support/leak-check.ts";
import { skip } from "../support/skip.ts";

const test = suite("files in the way of a ring");
const NOBODY = 65_534;
const SIDES: readonly Side[] = ["sender", "receiver"];
const before = process.env.MILLRACE_DIR;
let free = 0;
let count = 0;

function address(name = `f${++count}`) {
  return { scheme: "ring", text: `ring:${name}`, name } as const;
}

function path({ name }: { name: string }): string {
  return join(objectDirectory(), `${name}.ring`);
}

/** A ring that nobody holds, with a message in it. */
async function leftRing(): Promise<ReturnType<typeof address>> {
  const where = address();
  const link = await open(where, "sender", { capacity: 4096 });
  link.tryWrite(new Uint8Array([1]));
  link.close();
  return where;
}

/** Does something with another object directory, made under a folder that everybody may search. */
async function inDirectory(action: (directory: string, base: string) => Promise<void>): Promise<void> {
  const base = mkdtempSync("/dev/shm/ring-files-");
  try {
    chmodSync(base, 0o711);
    const directory = join(base, "objects");
    mkdirSync(directory, { mode: 0o700 });
    process.env.MILLRACE_DIR = directory;
    await action(directory, base);
  } finally {
    process.env.MILLRACE_DIR = before;
    rmSync(base, { recursive: true });
  }
}

/** The same on a tmpfs of its own; says why it cannot be. */
async function onTmpfs(options: string, action: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "own-tmpfs-"));
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", `mode=0700,${options}`, "tmpfs", directory]);
  try {
    if (mounted.status !== 0) return skip(`cannot mount a tmpfs: ${String(mounted.stderr ?? mounted.error).trim()}`);
    process.env.MILLRACE_DIR = directory;
    await action(directory);
  } finally {
    process.env.MILLRACE_DIR = before;
    spawnSync("umount", ["-l", directory], { stdio: "ignore" });
    rmSync(directory, { recursive: true });
  }
}

function setWord(segment: string, offset: number, value: number): void {
  const fd = openFile(segment, O_RDWR);
  const bytes = new Uint8Array(4096);
  // only the words behind this one are lost, which are zeros in a ring that was just made
  const head = spawnSync("head", ["-c", "4096", segment]).stdout as Uint8Array;
  bytes.set(head);
  new DataView(bytes.buffer).setUint32(offset, value, true);
  write(fd, bytes);
  close(fd);
}

test.before(() => {
  free = freeArenaBytes();
});

test("a bell that is no FIFO is IPC_CORRUPT for either end, names the file, and stays as it is", async () => {
  const things: [string, (bell: string) => void][] = [
    ["a file", (bell) => writeFileSync(bell, "mine")],
    ["a directory", (bell) => mkdirSync(bell)],
    ["a symbolic link to a FIFO", (bell) => symlinkSync("another-bell", bell)],
    ["nothing", () => {}],
  ];
  for (const [what, make] of things) {
    for (const bell of ["bell-producer", "bell-consumer"]) {
      const where = await leftRing();
      mkfifo(join(path(where), "another-bell"), 0o600);
      rmSync(join(path(where), bell));
      make(join(path(where), bell));
      for (const side of SIDES) {
        const error = await failsWith("IPC_CORRUPT", () => open(where, side, {}), /not a FIFO\. Remove the object/);
        assert.match(error.message, bell, what);
      }
      assert.is(existsSync(join(path(where), bell)), what !== "nothing");
      rmSync(path(where), { recursive: true });
    }
  }
});

test("a segment that is a directory or a FIFO is IPC_CORRUPT, and stays", async () => {
  for (const make of [mkdirSync, (file: string) => mkfifo(file, 0o600)]) {
    const where = await leftRing();
    const segment = join(path(where), "segment");
    rmSync(segment);
    make(segment);
    for (const side of SIDES) {
      await failsWith(
        "IPC_CORRUPT",
        () => open(where, side, {}),
        /is not a millrace object\. Remove it, or use another/,
      );
    }
    assert.ok(existsSync(segment));
    rmSync(path(where), { recursive: true });
  }
});

test("a folder with a bell and no segment is IPC_CORRUPT, and stays", async () => {
  for (const side of SIDES) {
    const where = address();
    mkdirSync(path(where));
    mkfifo(join(path(where), "bell-producer"), 0o600);
    await failsWith("IPC_CORRUPT", () => open(where, side, { capacity: 4096 }), /is not a millrace object/);
    assert.equal(readdirSync(path(where)), ["bell-producer"]);
    rmSync(path(where), { recursive: true });
  }
});

test("a symbolic link in the place of a ring is IPC_CORRUPT, and what it leads to stays", async () => {
  const real = await leftRing();
  const where = address();
  symlinkSync(path(real), path(where));
  for (const side of SIDES) {
    await failsWith("IPC_CORRUPT", () => open(where, side, {}), /is not a millrace object/);
  }
  rmSync(path(where));
  symlinkSync("nowhere", path(where));
  for (const side of SIDES) {
    await failsWith("IPC_CORRUPT", () => open(where, side, {}), /is not a millrace object/);
  }
  rmSync(path(where));
  const receiver = await open(real, "receiver", {});
  assert.equal(receiver.tryRead(), new Uint8Array([1]));
  receiver.close();
});

test("a word of state that nobody writes is IPC_CORRUPT, at opening and for an end that is there", async () => {
  for (const value of [3, 0x80000000, 0xffffffff]) {
    const where = await leftRing();
    const segment = join(path(where), "segment");
    setWord(segment, 896, value);
    for (const side of SIDES) await failsWith("IPC_CORRUPT", () => open(where, side, {}), /state word of its segment/);
    setWord(segment, 896, 0);
    const receiver = await open(where, "receiver", {});
    // the producer's
    setWord(segment, 640, value);
    await failsWith("IPC_CORRUPT", () => receiver.peer(), /state word of its sender is \d+, not 0, 1 or 2/);
    await failsWith("IPC_CORRUPT", () => receiver.close(), /not 0, 1 or 2/);
    // with it, that session is over: the next one has a new ring
    (await open(where, "receiver", {})).close();
    assert.not(existsSync(path(where)));
  }
});

test("so it is for a funnel and a broadcast, which go on when it is mended", async () => {
  for (const scheme of ["funnel", "broadcast"]) {
    const name = `f${++count}`;
    const segment = join(objectDirectory(), `${name}.${scheme}`, "segment");
    await using sender = await Channel.sender(`${scheme}:${name}`, { capacity: 4096 });
    setWord(segment, 896, 3);
    await failsWith("IPC_CORRUPT", Channel.receiver(`${scheme}:${name}`), /state word of its segment .* is 3, not/);
    setWord(segment, 896, 0);
    await using receiver = await Channel.receiver(`${scheme}:${name}`);
    await sender.send(new Uint8Array([1]));
    assert.equal(await receiver.receive(), new Uint8Array([1]));
  }
});

test("a segment of another user is IPC_PERMISSION", async () => {
  if (!isRoot()) return skip("needs root");
  const where = await leftRing();
  chownSync(join(path(where), "segment"), NOBODY, NOBODY);
  for (const side of SIDES) {
    await failsWith("IPC_PERMISSION", () => open(where, side, {}), /belongs to user 65534, not to 0\. Remove it/);
  }
  rmSync(path(where), { recursive: true });
});

test("the object directory of another user, or one that is not to be searched, is IPC_PERMISSION", async () => {
  if (!isRoot()) return skip("needs root");
  await inDirectory(async (directory, base) => {
    for (const side of SIDES) {
      await failsWith("IPC_PERMISSION", () => asNobody(() => open(address(), side, {})), /directory|MILLRACE_DIR/);
    }
    chownSync(directory, NOBODY, NOBODY);
    await failsWith("IPC_PERMISSION", () => open(address(), "sender", {}), /belongs to user 65534, not to 0. Mend it/);
    chmodSync(base, 0o700);
    await failsWith("IPC_PERMISSION", () => asNobody(() => open(address(), "sender", {})), /MILLRACE_DIR/);
    assert.equal(readdirSync(directory), []);
  });
});

test("a directory or files without permission are IPC_PERMISSION, say what to do, and stay", async () => {
  if (!isRoot()) return skip("needs root");
  await inDirectory(async (directory) => {
    chownSync(directory, NOBODY, NOBODY);
    const where = address();
    const ring = join(directory, `${where.name}.ring`);
    const link: Link = await asNobody(() => open(where, "sender", { capacity: 4096 }));
    link.tryWrite(new Uint8Array([1]));
    asNobody(() => link.close());
    for (const [file, mode, restored] of [
      ["segment", 0o400, 0o600],
      ["bell-producer", 0o000, 0o600],
      [".", 0o000, 0o700],
    ] as const) {
      chmodSync(join(ring, file), mode);
      for (const side of SIDES) {
        const trial = () => asNobody(() => open(where, side, {}));
        await failsWith("IPC_PERMISSION", trial, /as (sender|receiver), in .*Mend the permissions there.*EACCES/);
      }
      chmodSync(join(ring, file), restored);
    }
    chmodSync(directory, 0o500);
    await failsWith(
      "IPC_PERMISSION",
      () => asNobody(() => open(address(), "sender", {})),
      /Mend the permissions there/,
    );
    // a ring that is there can be used, but not be taken away
    const receiver = await asNobody(() => open(where, "receiver", {}));
    assert.equal(receiver.tryRead(), new Uint8Array([1]));
    await failsWith("IPC_PERMISSION", () => asNobody(() => receiver.close()), /Cannot remove .*EACCES/);
    chmodSync(directory, 0o700);
    assert.equal(readdirSync(directory), [`${where.name}.ring`]);
    // the next one that can, does
    const next = await asNobody(() => open(where, "receiver", {}));
    asNobody(() => next.close());
    assert.equal(readdirSync(directory), []);
  });
});

test("a read-only file system is IPC_PERMISSION, and the ring on it stays", async () => {
  await onTmpfs("size=1m", async (directory) => {
    const where = await leftRing();
    assert.is(spawnSync("mount", ["-o", "remount,ro", directory]).status, 0);
    for (const side of SIDES) {
      await failsWith(
        "IPC_PERMISSION",
        () => open(where, side, {}),
        /Set MILLRACE_DIR to a directory of your own.*EROFS/,
      );
      await failsWith(
        "IPC_PERMISSION",
        () => open(address(), side, {}),
        /Set MILLRACE_DIR to a directory of your own.*EROFS/,
      );
    }
    assert.is(spawnSync("mount", ["-o", "remount,rw", directory]).status, 0);
    assert.equal(readdirSync(directory), [`${where.name}.ring`]);
    assert.ok(await remove(where));
  });
});

test("a file system without room for another file is IPC_LIMIT, and nothing is left", async () => {
  for (const inodes of [2, 3, 4]) {
    await onTmpfs(`size=1m,nr_inodes=${inodes}`, async (directory) => {
      // the root, the directory of the ring, its segment, its bells
      await failsWith("IPC_LIMIT", () => open(address(), "sender", { capacity: 4096 }), /Free space there.*ENOSPC/);
      assert.equal(objectsIn(directory), []);
    });
  }
});

test("a ring that is moved away or removed by hand does not harm its ends", async () => {
  for (const vanish of [
    (ring: string) => rmSync(ring, { recursive: true }),
    (ring: string) => renameSync(ring, `${ring}-moved`),
  ]) {
    const where = address();
    const ring = path(where);
    const sender = await open(where, "sender", { capacity: 4096 });
    const receiver = await open(where, "receiver", {});
    vanish(ring);
    sender.tryWrite(new Uint8Array([7]));
    assert.equal(receiver.tryRead(), new Uint8Array([7]));
    sender.close();
    assert.is(receiver.tryRead(), null);
    receiver.close();
    rmSync(`${ring}-moved`, { recursive: true, force: true });
    assert.equal(objectsIn(objectDirectory()), []);
  }
});

test("no window of the arena is lost", () => {
  assert.is(freeArenaBytes(), free);
});

function objectsIn(directory: string): string[] {
  return readdirSync(directory).filter((name) => !name.startsWith(".owned-"));
}

leakCheck(test, async () => {
  const link = await open(address(), "receiver", {});
  link.close();
});

test.run();
