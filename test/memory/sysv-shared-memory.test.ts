import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { IPC_PRIVATE } from "../../src/ffi/abi/current.ts";
import { ftok } from "../../src/ffi/msg.ts";
import { shmctlRemove, shmctlStat, shmget } from "../../src/ffi/shm.ts";
import { pageSize } from "../../src/ffi/sysconf.ts";
import { ARENA_BYTES } from "../../src/memory/arena.ts";
import { freeArenaBytes } from "../../src/memory/region.ts";
import { SharedMemory } from "../../src/memory/shared-memory.ts";
import { SysvSharedMemory } from "../../src/memory/sysv-shared-memory.ts";
import { asNobody, isRoot } from "../support/as-nobody.ts";
import { collectGarbage } from "../support/collect-garbage.ts";
import { deadline } from "../support/deadline.ts";
import { failsWith } from "../support/fails-with.ts";
import { leakCheck } from "../support/leak-check.ts";
import { nativePeer } from "../support/native-peer.ts";
import { nativeProgram } from "../support/native-program.ts";
import { startPeer } from "../support/peer-process.ts";
import { commandFor, currentRuntime } from "../support/runtimes.ts";
import { skip } from "../support/skip.ts";
import { uniqueKey } from "../support/unique-key.ts";
import { uniqueName } from "../support/unique-name.ts";
import { lettersOfMapping } from "./letters-of-mapping.ts";
import { outputOf } from "./output-of.ts";

const LIMIT = 30_000;
const PEER = "test/memory/peers/memory-user.ts";
const test = suite("SysvSharedMemory");
const c = nativeProgram("memory-peer");
const hold = nativePeer("memory-peer");

/** `struct record` of memory-peer.c. */
const RECORD = { counter: 0, total: 8, ratio: 16, name: 24, size: 56 };

/** Does something with a file for `ftok`, given by a path relative to this process's folder and the C program's. */
async function withFile(handler: (path: string) => Promise<void>): Promise<void> {
  const path = `./build/${uniqueName("ftok")}`;
  writeFileSync(path, "");
  try {
    await handler(path);
  } finally {
    rmSync(path);
  }
}

/** The line of /proc/sysvipc/shm of a segment, by its column names. */
function kernelLine(id: number): Record<string, number> | undefined {
  const [head = "", ...lines] = readFileSync("/proc/sysvipc/shm", "utf8").trimEnd().split("\n");
  const names = head.trim().split(/\s+/);
  for (const line of lines) {
    const values = line.trim().split(/\s+/);
    const entry = Object.fromEntries(names.map((name, index) => [name, Number(values[index])]));
    if (entry.shmid === id) return { ...entry, perms: Number.parseInt(values[names.indexOf("perms")] as string, 8) };
  }
  return undefined;
}

test("what is made is zeros, and the kernel's list agrees with stat()", () => {
  const key = uniqueKey();
  // the kernel's clock for this is a tick behind at times
  const before = Math.floor(Date.now() / 1000) - 1;
  using memory = SysvSharedMemory.create(key, 5000, { mode: 0o640 });
  assert.equal(
    [memory.key, memory.size, memory.length, memory.created, memory.readOnly],
    [key, 5000, 5000, true, false],
  );
  assert.is(memory.bytes.length, 5000);
  assert.ok(memory.bytes.every((byte) => byte === 0));
  assert.is(memory.bytes.byteOffset, memory.offset);
  assert.is(memory.address, memory.arena.address + memory.offset);
  const stat = memory.stat();
  const line = kernelLine(memory.id);
  assert.is((line?.key ?? 0) >>> 0, key);
  assert.equal(
    [stat.id, stat.key, stat.size, stat.attaches, stat.creatorPid, stat.lastPid, stat.mode, stat.uid, stat.gid],
    [line?.shmid, key, line?.size, line?.nattch, line?.cpid, line?.lpid, line?.perms, line?.uid, line?.gid],
  );
  assert.equal([stat.creatorUid, stat.creatorGid], [line?.cuid, line?.cgid]);
  assert.equal(
    [stat.attaches, stat.creatorPid, stat.lastPid, stat.mode, stat.size],
    [1, process.pid, process.pid, 0o640, 5000],
  );
  assert.equal([stat.removed, stat.locked, stat.detached], [false, false, undefined]);
  for (const time of [stat.attached, stat.changed]) assert.ok((time?.getTime() ?? 0) / 1000 >= before);
  assert.is(stat.changed?.getTime(), (line?.ctime ?? 0) * 1000);
  memory.remove();
});

test("close() detaches, though nothing is left unmapped: attaches drops, and the arena gets its bytes back", () => {
  const free = freeArenaBytes();
  using memory = SysvSharedMemory.create(IPC_PRIVATE, 3 * pageSize() + 1);
  const second = SysvSharedMemory.fromId(memory.id);
  assert.is(memory.stat().attaches, 2);
  memory.bytes[3 * pageSize()] = 5;
  assert.is(second.bytes[3 * pageSize()], 5);
  second.close();
  second.close();
  assert.is(memory.stat().attaches, 1);
  assert.is(memory.stat().lastPid, process.pid);
  assert.ok(memory.stat().detached instanceof Date);
  assert.is(lettersOfMapping(second.address), "rw-p");
  assert.is(kernelLine(memory.id)?.nattch, 1);
  memory.remove();
  memory.close();
  assert.is(kernelLine(memory.id), undefined, "it went with its last detach");
  assert.is(freeArenaBytes(), free);
});

test("segments of any size lie beside each other, and a window is never where huge pages would fit", () => {
  const segments = [1, 100, pageSize(), pageSize() + 1, 65_536, 1 << 21].map((size) =>
    SysvSharedMemory.create(IPC_PRIVATE, size),
  );
  for (const [index, { bytes }] of segments.entries()) bytes.fill(index + 1);
  for (const [index, { bytes, address, size }] of segments.entries()) {
    assert.ok(
      bytes.every((byte) => byte === index + 1),
      `${size}`,
    );
    assert.is(address % (2 * pageSize()), pageSize());
  }
  for (const memory of segments) {
    memory.remove();
    memory.close();
  }
});

test(
  "the page is the alignment that C wants of a segment",
  deadline(LIMIT, async () => {
    assert.is(Number(await c("alignment")), pageSize());
  }),
);

test("a removed segment stays for those who have it, and no key finds it", async () => {
  const key = uniqueKey();
  using memory = SysvSharedMemory.create(key, 100);
  using other = SysvSharedMemory.open(key);
  assert.not(other.created);
  assert.ok(memory.remove());
  assert.not(memory.remove());
  assert.not(other.remove());
  assert.not(SysvSharedMemory.remove(key));
  assert.equal([other.stat().removed, other.stat().key, other.stat().attaches], [true, 0, 2]);
  await failsWith("IPC_NOT_FOUND", () => SysvSharedMemory.open(key), /ENOENT/);
  memory.bytes[99] = 8;
  assert.is(other.bytes[99], 8);
  using next = SysvSharedMemory.create(key, 10);
  assert.is.not(next.id, memory.id);
  memory.close();
  other.close();
  assert.not(memory.remove(), "after the last detach too");
  assert.ok(SysvSharedMemory.remove(key));
  assert.not(next.remove());
});

test("a segment that is gone is IPC_NOT_FOUND by its id", async () => {
  const id = shmget(IPC_PRIVATE, 1, 0o600);
  shmctlRemove(id);
  await failsWith("IPC_NOT_FOUND", () => SysvSharedMemory.fromId(id), /segment \d+: it was removed, or never was/);
});

test("a key that is taken is IPC_EXISTS; openOrCreate() takes what is large enough", async () => {
  const key = uniqueKey();
  await failsWith("IPC_NOT_FOUND", () => SysvSharedMemory.open(key), new RegExp(`key 0x${key.toString(16)}.*ipcs -m`));
  using memory = SysvSharedMemory.create(key, 100);
  await failsWith("IPC_EXISTS", () => SysvSharedMemory.create(key, 100), /open it, or remove it first: EEXIST/);
  using again = SysvSharedMemory.openOrCreate(key | 0, 50);
  assert.equal([again.id, again.size, again.created, again.key], [memory.id, 100, false, key]);
  const { attaches } = memory.stat();
  await failsWith(
    "IPC_EXISTS",
    () => SysvSharedMemory.openOrCreate(key, 101),
    /exists with 100 bytes, but 101 were asked/,
  );
  assert.is(memory.stat().attaches, attaches);
  memory.remove();
  using next = SysvSharedMemory.openOrCreate(key, 101);
  assert.equal([next.size, next.created], [101, true]);
  next.remove();
  using own = SysvSharedMemory.openOrCreate(IPC_PRIVATE, 10);
  assert.equal([own.created, own.key], [true, 0]);
  own.remove();
});

test("a read-only attachment is one for the kernel too, and gives no view away", async () => {
  using memory = SysvSharedMemory.create(IPC_PRIVATE, 100);
  using reader = SysvSharedMemory.fromId(memory.id, { readOnly: true });
  assert.is(lettersOfMapping(memory.address), "rw-s");
  assert.is(lettersOfMapping(reader.address), "r--s");
  memory.bytes.set([1, 2, 3], 97);
  assert.equal([...reader.read(96)], [0, 1, 2, 3]);
  for (const view of ["bytes", "arena"] as const) await failsWith("TypeError", () => reader[view], /for reading only/);
  await failsWith("RangeError", () => reader.read(0, 101), /length is 101/);
  memory.remove();
});

test("after close() nothing that is written, by a view kept or by other arrays, reaches the segment", async () => {
  using witness = SysvSharedMemory.create(IPC_PRIVATE, 1 << 16);
  const memory = SysvSharedMemory.fromId(witness.id);
  memory.bytes.fill(7);
  const { bytes } = memory;
  memory.close();
  assert.is(bytes[0], 0);
  bytes.fill(8);
  for (let round = 0; round < 3; round++) {
    const rubbish = Array.from({ length: 50 }, () => new Uint8Array(1 << 16).fill(255));
    const others = Array.from({ length: 20 }, () => SharedMemory.anonymous(1 << 16));
    for (const other of others) other.bytes.fill(254);
    await collectGarbage();
    for (const other of others) other.close();
    rubbish.length = 0;
    await collectGarbage();
  }
  assert.ok(witness.bytes.every((byte) => byte === 7));
  witness.remove();
});

test(
  "a struct that C made is read and written, and back",
  deadline(LIMIT, () =>
    withFile(async (path) => {
      const [id, size] = (await c("sysv-make", path, 65)).trim().split(" ").map(Number);
      assert.is(size, RECORD.size);
      using memory = SysvSharedMemory.open(`${path}#65`);
      assert.equal([memory.id, memory.size, memory.key], [id, size, ftok(path, 65) >>> 0]);
      assert.is(Number(await c("ftok", path, 65)), memory.key);
      const { bytes } = memory;
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      assert.is(view.getUint32(RECORD.counter, true), 7);
      assert.is(view.getBigInt64(RECORD.total, true), -5_000_000_000n);
      assert.is(view.getFloat64(RECORD.ratio, true), 0.25);
      assert.is(new TextDecoder().decode(memory.read(RECORD.name, 9)), "made by C");
      view.setBigInt64(RECORD.total, 2n ** 40n, true);
      view.setFloat64(RECORD.ratio, -1.5, true);
      bytes.set(new TextEncoder().encode("made by JS\0"), RECORD.name);
      assert.is(await c("sysv-show", path, 65), "7 1099511627776 -1.5 made by JS\n");
      const counting = c("sysv-count", path, 65, 50_000);
      // pairs with the additions in memory-peer.c
      for (let i = 0; i < 50_000; i++) Atomics.add(memory.arena.words, memory.offset >> 2, 1);
      await counting;
      assert.is(Atomics.load(memory.arena.words, memory.offset >> 2), 100_007);
      await c("sysv-remove", path, 65);
      assert.ok(memory.stat().removed);
      assert.not(memory.remove());
    }),
  ),
);

test(
  "C sees what is made here, and each side sees who is attached",
  deadline(LIMIT, () =>
    withFile(async (path) => {
      using memory = SysvSharedMemory.create(`${path}#B`, RECORD.size);
      memory.bytes[RECORD.counter] = 3;
      assert.is(await c("sysv-show", path, 66), "3 0 0 \n");
      assert.is(await c("sysv-nattch", path, 66), "1\n");
      const holder = hold("sysv-hold", path, 66);
      assert.is(await holder.line(), "attached");
      assert.equal([memory.stat().attaches, memory.stat().lastPid], [2, holder.pid]);
      memory.close();
      assert.is(await c("sysv-nattch", path, 66), "1\n");
      assert.ok(memory.remove());
      assert.is(kernelLine(memory.id)?.nattch, 1);
      await holder.kill();
      assert.is(kernelLine(memory.id), undefined);
    }),
  ),
);

test(
  "processes that open or make one segment at once share one, made by one of them",
  deadline(LIMIT, async () => {
    const key = uniqueKey();
    const peers = [1, 2].map(() => startPeer(currentRuntime(), PEER, ["count-sysv", `${key}`, "20000"]));
    using memory = SysvSharedMemory.openOrCreate(key, 4096);
    const ends = await Promise.all(peers.map((peer) => peer.exit()));
    const made = ends.flatMap(({ lines }) => lines).filter((line) => line === "made").length;
    assert.is(made + (memory.created ? 1 : 0), 1);
    assert.is(Atomics.load(memory.arena.words, memory.offset >> 2), 40_000);
    assert.is(memory.stat().attaches, 1);
    memory.remove();
  }),
);

test("set() changes what is given, lock() keeps the pages", async () => {
  using memory = SysvSharedMemory.create(IPC_PRIVATE, 100);
  memory.set({ mode: 0o644 });
  assert.is(memory.stat().mode, 0o644);
  const { uid, gid } = memory.stat();
  if (isRoot()) {
    memory.set({ uid: 65_534, gid: 65_533 });
    const stat = memory.stat();
    assert.equal([stat.uid, stat.gid, stat.creatorUid, stat.mode], [65_534, 65_533, uid, 0o644]);
    memory.set({ uid, gid });
  }
  memory.lock();
  assert.ok(memory.stat().locked);
  memory.unlock();
  assert.not(memory.stat().locked);
  await failsWith("RangeError", () => memory.set({ mode: 0o1000 }), /^The mode/);
  await failsWith("RangeError", () => memory.set({ uid: -1 }), /^uid is -1/);
  await failsWith("TypeError", () => memory.set({ gid: "x" as unknown as number }), /^gid is x/);
  memory.remove();
  memory.close();
  for (const use of [
    () => memory.bytes,
    () => memory.arena,
    () => memory.read(),
    () => memory.stat(),
    () => memory.set({ mode: 0o600 }),
    () => memory.lock(),
    () => memory.unlock(),
  ]) {
    await failsWith("IPC_CLOSED", use, /was closed$/);
  }
});

test("another user's segment", async () => {
  if (!isRoot()) return skip("needs root, to become another user");
  const key = uniqueKey();
  using memory = SysvSharedMemory.create(key, 100);
  for (const use of [
    () => SysvSharedMemory.open(key),
    () => SysvSharedMemory.open(key, { readOnly: true }),
    () => SysvSharedMemory.openOrCreate(key, 10),
    () => SysvSharedMemory.fromId(memory.id),
    () => SysvSharedMemory.remove(key),
    () => memory.remove(),
    () => memory.stat(),
    () => memory.set({ mode: 0o666 }),
    () => memory.lock(),
  ]) {
    await failsWith("IPC_PERMISSION", () => asNobody(use), /EACCES|EPERM/);
  }
  memory.set({ mode: 0o644 });
  await failsWith("IPC_PERMISSION", () => asNobody(() => SysvSharedMemory.open(key)));
  await failsWith("IPC_PERMISSION", () => asNobody(() => SysvSharedMemory.fromId(memory.id)));
  using reader = asNobody(() => SysvSharedMemory.open(key, { readOnly: true }));
  memory.bytes[0] = 4;
  assert.is(reader.read(0, 1)[0], 4);
  memory.remove();
  const theirs = asNobody(() => {
    const made = SysvSharedMemory.create(IPC_PRIVATE, 10);
    made.set({ mode: 0 });
    assert.ok(made.remove(), "though it may not be asked about");
    return made;
  });
  theirs.close();
});

test("more than the arena holds is IPC_LIMIT, and the segment is as it was", async () => {
  await failsWith("IPC_LIMIT", () => SysvSharedMemory.create(IPC_PRIVATE, ARENA_BYTES + 1), /at most 1073741824 bytes/);
  const free = freeArenaBytes();
  const id = shmget(IPC_PRIVATE, ARENA_BYTES + 1, 0o600);
  try {
    await failsWith("IPC_LIMIT", () => SysvSharedMemory.fromId(id), /largest free stretch/);
    assert.is(shmctlStat(id).nattch, 0);
    assert.is(freeArenaBytes(), free);
  } finally {
    shmctlRemove(id);
  }
});

test(
  "the system's limits are IPC_LIMIT",
  deadline(LIMIT, async () => {
    if (!isRoot()) return skip("needs root, for limits of its own in an IPC namespace");
    const { command, args, env } = commandFor(currentRuntime(), PEER, ["limits"]);
    const output = await outputOf("unshare", ["--ipc", command, ...args], env);
    assert.equal(output.trim().split("\n"), ["IPC_LIMIT EINVAL", "IPC_LIMIT ENOSPC"]);
  }),
);

test("misuse is refused before anything is made", async () => {
  for (const key of [2 ** 32, -(2 ** 31) - 1, 0.5, "x", "#1", "/tmp#", "/tmp#256"]) {
    for (const use of [
      () => SysvSharedMemory.create(key, 1),
      () => SysvSharedMemory.open(key),
      () => SysvSharedMemory.openOrCreate(key, 1),
      () => SysvSharedMemory.remove(key),
    ]) {
      await failsWith("RangeError", use, /^The key is/);
    }
  }
  await failsWith("RangeError", () => SysvSharedMemory.open(IPC_PRIVATE), /fromId/);
  await failsWith("RangeError", () => SysvSharedMemory.remove(IPC_PRIVATE), /IPC_PRIVATE/);
  await failsWith("TypeError", () => SysvSharedMemory.open(undefined as unknown as number), /^The key is/);
  await failsWith("IPC_NOT_FOUND", () => SysvSharedMemory.create("/nowhere/at-all#1", 1), /ftok/);
  for (const size of [0, -1, 1.5])
    await failsWith("RangeError", () => SysvSharedMemory.create(1, size), /^The size of/);
  await failsWith("RangeError", () => SysvSharedMemory.create(1, 1, { mode: 0o1000 }), /^The mode of/);
  for (const id of [-1, 0.5, 2 ** 31]) await failsWith("RangeError", () => SysvSharedMemory.fromId(id), /^The id/);
  await failsWith("TypeError", () => SysvSharedMemory.fromId("1" as unknown as number), /^The id/);
});

leakCheck(test);
test.run();
