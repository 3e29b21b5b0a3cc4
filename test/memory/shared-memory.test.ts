import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, symlinkSync, unlinkSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { IpcError } from "../../src/errors.ts";
import { F_SEAL_WRITE, O_RDONLY } from "../../src/ffi/abi/current.ts";
import { addSeals, getDescriptorFlags } from "../../src/ffi/fcntl.ts";
import { close, ftruncate, open, pipe2, posixFallocate } from "../../src/ffi/fd.ts";
import { mkfifo } from "../../src/ffi/fifo.ts";
import { memfdCreate } from "../../src/ffi/memfd.ts";
import { FD_CLOEXEC, MFD_ALLOW_SEALING } from "../../src/ffi/mod.ts";
import { ARENA_BYTES, arena } from "../../src/memory/arena.ts";
import { freeArenaBytes } from "../../src/memory/region.ts";
import { SharedMemory } from "../../src/memory/shared-memory.ts";
import { SysvSharedMemory } from "../../src/memory/sysv-shared-memory.ts";
import { asNobody, isRoot } from "../support/as-nobody.ts";
import { collectGarbage } from "../support/collect-garbage.ts";
import { deadline } from "../support/deadline.ts";
import { failsWith } from "../support/fails-with.ts";
import { leakCheck } from "../support/leak-check.ts";
import { compileNative, nativeProgram } from "../support/native-program.ts";
import { startPeer } from "../support/peer-process.ts";
import { commandFor, currentRuntime } from "../support/runtimes.ts";
import { skip } from "../support/skip.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";
import { uniqueName } from "../support/unique-name.ts";
import { lettersOfMapping } from "./letters-of-mapping.ts";
import { outputOf } from "./output-of.ts";

const LIMIT = 30_000;
const PEER = "test/memory/peers/memory-user.ts";
const test = suite("SharedMemory");
const c = nativeProgram("memory-peer");
const encode = new TextEncoder();
const decode = new TextDecoder();

test("what is made is zeros, has its name in /dev/shm, and is removed by remove(), not by close()", () => {
  const name = uniqueName();
  const umask = process.umask(0);
  using memory = SharedMemory.create(name, 5000, { mode: 0o640 });
  process.umask(umask);
  assert.equal([memory.name, memory.size, memory.length, memory.created], [`/${name}`, 5000, 5000, true]);
  assert.ok(memory.bytes.every((byte) => byte === 0));
  assert.is(memory.bytes.length, 5000);
  assert.is(memory.bytes.byteOffset, memory.offset);
  assert.is(memory.address, arena().address + memory.offset);
  assert.ok(readdirSync("/dev/shm").includes(name));
  const { size, mode, ino, uid, gid } = statSync(`/dev/shm/${name}`);
  assert.equal([size, mode & 0o7777], [5000, 0o640]);
  assert.equal(memory.stat(), { size, mode: 0o640, uid, gid, inode: ino, removed: false });
  memory.close();
  memory.close();
  assert.ok(readdirSync("/dev/shm").includes(name));
  assert.ok(memory.remove());
  assert.not(memory.remove());
  assert.not(readdirSync("/dev/shm").includes(name));
});

test("its space is taken when it is made", () => {
  using memory = SharedMemory.create(uniqueName(), 1 << 20);
  assert.ok(statSync(`/dev/shm${memory.name}`).blocks * 512 >= 1 << 20);
  memory.remove();
});

test("a name with and without its slash is one name; a name of 255 bytes is one", () => {
  const own = uniqueName("é");
  const name = own.padEnd(255 - (Buffer.byteLength(own) - own.length), "x");
  using memory = SharedMemory.create(`/${name}`, 10);
  using same = SharedMemory.open(name);
  assert.is(same.name, memory.name);
  assert.not(same.created);
  memory.bytes[9] = 5;
  assert.is(same.bytes[9], 5);
  assert.ok(SharedMemory.remove(name));
  assert.not(SharedMemory.remove(name));
  assert.ok(same.stat().removed);
  memory.bytes[9] = 6;
  assert.is(same.bytes[9], 6, "who has it keeps it");
  assert.not(memory.remove(), "it is gone already");
});

test("a name that is taken is IPC_EXISTS, one that is not there IPC_NOT_FOUND", async () => {
  const name = uniqueName();
  await failsWith(
    "IPC_NOT_FOUND",
    () => SharedMemory.open(name),
    new RegExp(`^Cannot open shared memory "/${name}": ENOENT`),
  );
  using memory = SharedMemory.create(name, 10);
  memory.bytes[0] = 1;
  const error = await failsWith(
    "IPC_EXISTS",
    () => SharedMemory.create(name, 20),
    /open it, or remove it first: EEXIST/,
  );
  assert.is((error.cause as { code?: string }).code, "EEXIST");
  using again = SharedMemory.openOrCreate(name, 10);
  assert.is(again.bytes[0], 1);
  await failsWith(
    "IPC_EXISTS",
    () => SharedMemory.openOrCreate(name, 11),
    /exists with 10 bytes, but 11 were asked for/,
  );
  memory.remove();
  using next = SharedMemory.openOrCreate(name, 11);
  assert.equal([next.created, next.size], [true, 11]);
  assert.not(memory.remove(), "the name leads to another object");
  assert.ok(readdirSync("/dev/shm").includes(name));
  next.remove();
});

test(
  "processes that open or make one object at once share one, made by one of them, and lose no addition",
  deadline(LIMIT, async () => {
    const name = uniqueName();
    const peers = [1, 2, 3].map(() => startPeer(currentRuntime(), PEER, ["count-posix", name, "20000"]));
    using memory = SharedMemory.openOrCreate(name, 4096);
    const { words } = memory.arena;
    // pairs with the additions in memory-user.ts and memory-peer.c
    for (let i = 0; i < 20_000; i++) Atomics.add(words, memory.offset >> 2, 1);
    const [ends] = await Promise.all([
      Promise.all(peers.map((peer) => peer.exit())),
      c("posix-count", `/${name}`, 20_000),
    ]);
    const made = ends.flatMap(({ lines }) => lines).filter((line) => line === "made").length;
    assert.is(made + (memory.created ? 1 : 0), 1);
    assert.is(Atomics.load(words, memory.offset >> 2), 100_000);
    assert.ok(memory.remove());
  }),
);

test(
  "nobody sees an object before it has its size",
  deadline(LIMIT, async () => {
    const name = uniqueName();
    // once more with another peer, should this process have had no processor all the while
    let seen = 0;
    for (let peers = 0; seen === 0 && peers < 20; peers++) {
      const peer = startPeer(currentRuntime(), PEER, ["come-and-go", name, "2000"]);
      let over = false;
      const done = peer.exit().then(() => {
        over = true;
      });
      while (!over) {
        for (let i = 0; i < 100; i++) {
          try {
            using memory = SharedMemory.open(name);
            assert.is(memory.size, 8192);
            seen++;
          } catch (error) {
            if (!(error instanceof IpcError && error.code === "IPC_NOT_FOUND")) throw error;
          }
        }
        await setImmediate();
      }
      await done;
    }
    assert.ok(seen > 0, "it was never seen");
  }),
);

test(
  "what C makes is opened, what is made C opens",
  deadline(LIMIT, async () => {
    const name = uniqueName("/c");
    await c("posix-make", name, 300, "written by C");
    {
      using memory = SharedMemory.open(name);
      assert.is(memory.size, 300);
      assert.is(decode.decode(memory.read(0, 12)), "written by C");
      memory.bytes.set(encode.encode("written by JS\0"));
      assert.is(await c("posix-read", name), "300 written by JS\n");
    }
    assert.ok(SharedMemory.remove(name));
    using memory = SharedMemory.create(name, 100);
    memory.bytes.set(encode.encode("for C"));
    assert.is(await c("posix-read", name), "100 for C\n");
    await c("posix-remove", name);
    assert.not(memory.remove());
  }),
);

test(
  "an object whose maker has not sized it yet is IPC_BUSY",
  deadline(LIMIT, async () => {
    const name = uniqueName("/unsized");
    await c("posix-unsized", name);
    await failsWith("IPC_BUSY", () => SharedMemory.open(name), /has 0 bytes/);
    await failsWith("IPC_BUSY", () => SharedMemory.openOrCreate(name, 10), /has 0 bytes/);
    await c("posix-remove", name);
  }),
);

test("read-only memory is mapped so, shows what others write, and gives no view away", async () => {
  using memory = SharedMemory.create(uniqueName(), 8192);
  using reader = SharedMemory.open(memory.name as string, { readOnly: true });
  assert.equal([reader.readOnly, memory.readOnly], [true, false]);
  assert.is(lettersOfMapping(memory.address), "rw-s");
  assert.is(lettersOfMapping(reader.address), "r--s");
  memory.bytes.set([1, 2, 3], 8189);
  assert.equal([...reader.read(8188)], [0, 1, 2, 3]);
  assert.is(reader.read().length, 8192);
  assert.is(reader.read(8192).length, 0);
  const copy = reader.read(8190, 1);
  assert.ok(copy.buffer instanceof ArrayBuffer);
  copy[0] = 9;
  assert.is(memory.bytes[8190], 2);
  for (const view of ["bytes", "arena"] as const) {
    await failsWith("TypeError", () => reader[view], /is open for reading only, .*Use read\(\)/);
  }
  for (const [offset, length] of [
    [-1],
    [0.5],
    [8193],
    [0, 8193],
    [8192, 1],
    [0, -1],
    [Number.NaN],
    [0, 0.5],
  ] as const) {
    await failsWith("RangeError", () => reader.read(offset, length), /^(offset|length) is/);
  }
  memory.remove();
  reader.close();
  assert.is(lettersOfMapping(reader.address), "rw-p", "anonymous memory took its place");
});

test("a closed one gives nothing away", async () => {
  const memory = SharedMemory.create(uniqueName(), 10);
  memory.remove();
  memory.close();
  for (const use of [
    () => memory.bytes,
    () => memory.arena,
    () => memory.descriptor,
    () => memory.sealed,
    () => memory.read(),
    () => memory.stat(),
  ]) {
    await failsWith("IPC_CLOSED", use, /was closed$/);
  }
});

test("after close() nothing that is written, by a view kept or by other arrays, reaches the object", async () => {
  const name = uniqueName();
  const memory = SharedMemory.create(name, 1 << 16);
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
  assert.ok(readFileSync(`/dev/shm/${name}`).every((byte) => byte === 7));
  memory.remove();
});

test("memory without a name is sealed: nobody shrinks or grows it, and no seal is added", () => {
  using memory = SharedMemory.anonymous(5000, { name: "shown-in-proc" });
  assert.equal([memory.name, memory.size, memory.sealed, memory.created], [undefined, 5000, true, true]);
  assert.ok(memory.stat().removed);
  assert.not(memory.remove());
  throwsSystemError(() => ftruncate(memory.descriptor, 4999), "EPERM", "ftruncate");
  throwsSystemError(() => ftruncate(memory.descriptor, 5001), "EPERM", "ftruncate");
  throwsSystemError(() => addSeals(memory.descriptor, F_SEAL_WRITE), "EPERM", "fcntl");
  assert.match(readFileSync("/proc/self/maps", "utf8"), /\/memfd:shown-in-proc/);
  using open = SharedMemory.anonymous(1, { seal: false });
  assert.not(open.sealed);
  ftruncate(open.descriptor, 2);
  assert.equal([open.size, open.stat().size], [1, 2]);
  using named = SharedMemory.create(uniqueName(), 1);
  assert.not(named.sealed);
  named.remove();
});

test(
  "a child process of this runtime maps the descriptor that it inherits",
  deadline(LIMIT, async () => {
    using memory = SharedMemory.anonymous(4096);
    assert.is(getDescriptorFlags(memory.descriptor), FD_CLOEXEC, "other children do not get it");
    const peer = startPeer(currentRuntime(), PEER, ["inherit", "", "1000"], memory.descriptor);
    for (let i = 0; i < 1000; i++) Atomics.add(memory.arena.words, memory.offset >> 2, 1);
    assert.equal(await peer.exit(), { status: 0, lines: ["4096 sealed"] });
    assert.is(Atomics.load(memory.arena.words, memory.offset >> 2), 2000);
  }),
);

test(
  "a C child maps the descriptor that it inherits, named or not",
  deadline(LIMIT, async () => {
    const program = compileNative("memory-peer");
    for (const memory of [SharedMemory.anonymous(100), SharedMemory.create(uniqueName(), 100)]) {
      memory.bytes.set(encode.encode("for the child"));
      const child = spawn(program, ["descriptor", "3", "from the child"], {
        stdio: ["ignore", "pipe", "inherit", memory.descriptor],
      });
      let said = "";
      child.stdout?.setEncoding("utf8").on("data", (text: string) => {
        said += text;
      });
      assert.equal((await once(child, "close"))[0], 0);
      assert.is(said, "100 for the child\n");
      assert.is(decode.decode(memory.read(0, 14)), "from the child");
      memory.remove();
      memory.close();
    }
  }),
);

test("a descriptor of one's own is duplicated, and what it cannot do is refused", async () => {
  const fd = memfdCreate("test", MFD_ALLOW_SEALING);
  await failsWith("IPC_BUSY", () => SharedMemory.fromDescriptor(fd), /descriptor \d+: it has 0 bytes/);
  posixFallocate(fd, 0, 100);
  {
    using memory = SharedMemory.fromDescriptor(fd);
    assert.equal([memory.size, memory.created, memory.name], [100, false, undefined]);
    assert.is.not(memory.descriptor, fd);
    assert.is(getDescriptorFlags(memory.descriptor), FD_CLOEXEC);
    memory.bytes[0] = 3;
  }
  addSeals(fd, F_SEAL_WRITE);
  await failsWith("IPC_PERMISSION", () => SharedMemory.fromDescriptor(fd), /EPERM/);
  const readable = open(`/proc/self/fd/${fd}`, O_RDONLY);
  await failsWith("IPC_PERMISSION", () => SharedMemory.fromDescriptor(readable), /EACCES|EPERM/);
  close(fd);
  using reader = SharedMemory.fromDescriptor(readable, { readOnly: true });
  close(readable);
  assert.is(reader.read(0, 1)[0], 3);
  throwsSystemError(() => SharedMemory.fromDescriptor(999_999), "EBADF", "fcntl");
  const [readEnd, writeEnd] = pipe2();
  await failsWith("IPC_UNSUPPORTED", () => SharedMemory.fromDescriptor(readEnd), /not a shared memory object/);
  close(readEnd);
  close(writeEnd);
});

test("what lies in /dev/shm and is no shared memory is refused, and does not hold anybody up", async () => {
  const name = uniqueName();
  const path = `/dev/shm/${name}`;
  mkfifo(path);
  for (const readOnly of [false, true]) await failsWith("IPC_UNSUPPORTED", () => SharedMemory.open(name, { readOnly }));
  await failsWith("IPC_EXISTS", () => SharedMemory.create(name, 1));
  unlinkSync(path);
  mkdirSync(path);
  await failsWith("IPC_UNSUPPORTED", () => SharedMemory.open(name, { readOnly: true }));
  throwsSystemError(() => SharedMemory.open(name), "EINVAL", "shm_open", `/${name}`);
  rmdirSync(path);
  symlinkSync("/etc/hostname", path);
  throwsSystemError(() => SharedMemory.open(name, { readOnly: true }), "ELOOP", "shm_open", `/${name}`);
  unlinkSync(path);
});

test("more than the arena holds is IPC_LIMIT, before anything is made", async () => {
  const name = uniqueName();
  await failsWith("IPC_LIMIT", () => SharedMemory.create(name, ARENA_BYTES + 1), /at most 1073741824 bytes/);
  await failsWith("IPC_LIMIT", () => SharedMemory.anonymous(2 ** 50));
  await failsWith("IPC_NOT_FOUND", () => SharedMemory.open(name));
});

test("an object that does not fit into the arena any more is not left behind", async () => {
  using large = SharedMemory.create(uniqueName(), 1);
  large.remove();
  const big = await outsized(uniqueName());
  const free = freeArenaBytes();
  await failsWith("IPC_LIMIT", () => SharedMemory.open(big), /largest free stretch/);
  assert.is(freeArenaBytes(), free);
  SharedMemory.remove(big);
});

/** A sparse object that is larger than the arena. */
async function outsized(name: string): Promise<string> {
  await c("posix-make", `/${name}`, 1, "");
  const fd = open(`/dev/shm/${name}`, 2);
  ftruncate(fd, ARENA_BYTES + 4096);
  close(fd);
  return name;
}

for (const signal of [undefined, "SIGTERM", "SIGINT"] as const) {
  test(
    `what a process made goes with it when it ends ${signal === undefined ? "by itself" : `by ${signal}`}, unless it shall stay`,
    deadline(LIMIT, async () => {
      const name = uniqueName();
      const peer = startPeer(currentRuntime(), PEER, ["leave", name, signal === undefined ? "0" : "1"]);
      if (signal !== undefined) {
        await peer.line("made");
        process.kill(peer.pid, signal);
      }
      const [goes, stays] = (await peer.exit()).lines.map(Number);
      await failsWith("IPC_NOT_FOUND", () => SharedMemory.open(`${name}-goes`));
      await failsWith("IPC_NOT_FOUND", () => SysvSharedMemory.fromId(goes as number));
      assert.ok(SharedMemory.remove(`${name}-stays`));
      using segment = SysvSharedMemory.fromId(stays as number);
      assert.is(segment.stat().attaches, 1);
      assert.ok(segment.remove());
    }),
  );
}

test(
  "a full /dev/shm is IPC_LIMIT when the object is made, and leaves nothing; what was made can be written to its end",
  deadline(LIMIT, async () => {
    if (!isRoot()) return skip("needs root, for a small /dev/shm of its own");
    const { command, args, env } = commandFor(currentRuntime(), PEER, ["full"]);
    const script = 'mount -t tmpfs -o size=64k tmpfs /dev/shm && "$@" && ls -A -I "millrace-*" /dev/shm';
    const output = await outputOf("unshare", ["--mount", "sh", "-c", script, "sh", command, ...args], env);
    assert.equal(output.trim().split("\n"), [
      "IPC_LIMIT ENOSPC",
      "IPC_LIMIT ENOSPC",
      "IPC_NOT_FOUND ENOENT",
      "written to the last byte",
    ]);
  }),
);

test("another user's object", async () => {
  if (!isRoot()) return skip("needs root, to become another user");
  using memory = SharedMemory.create(uniqueName(), 10);
  const name = memory.name as string;
  await failsWith("IPC_PERMISSION", () => asNobody(() => SharedMemory.open(name)), /EACCES/);
  await failsWith("IPC_PERMISSION", () => asNobody(() => SharedMemory.openOrCreate(name, 10)));
  await failsWith("IPC_PERMISSION", () => asNobody(() => SharedMemory.open(name, { readOnly: true })));
  await failsWith("IPC_PERMISSION", () => asNobody(() => SharedMemory.remove(name)));
  await failsWith("IPC_PERMISSION", () => asNobody(() => memory.remove()));
  memory.remove();
  using shown = SharedMemory.create(name, 10, { mode: 0o644 });
  await failsWith("IPC_PERMISSION", () => asNobody(() => SharedMemory.open(name)));
  using reader = asNobody(() => SharedMemory.open(name, { readOnly: true }));
  shown.bytes[0] = 4;
  assert.is(reader.read(0, 1)[0], 4);
  shown.remove();
  using theirs = asNobody(() => SharedMemory.create(name, 10));
  assert.is(theirs.stat().uid, 65_534);
  theirs.remove();
});

test("misuse is refused before anything is made", async () => {
  for (const name of ["", "/", "//x", "/a/b", "a/", ".", "/..", "x\0", "x".repeat(256), "é".repeat(128)]) {
    for (const use of [
      () => SharedMemory.create(name, 1),
      () => SharedMemory.open(name),
      () => SharedMemory.openOrCreate(name, 1),
      () => SharedMemory.remove(name),
    ]) {
      await failsWith("RangeError", use, /^The name ".*" of shared memory/);
    }
  }
  await failsWith("TypeError", () => SharedMemory.open(7 as unknown as string), /is of type number/);
  for (const size of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    await failsWith("RangeError", () => SharedMemory.create("x", size), /^The size of shared memory "\/x" is/);
    await failsWith("RangeError", () => SharedMemory.anonymous(size), /^The size of anonymous shared memory is/);
  }
  await failsWith("TypeError", () => SharedMemory.create("x", "1" as unknown as number), /is of type string/);
  for (const mode of [-1, 0o1000, 0.5])
    await failsWith("RangeError", () => SharedMemory.create("x", 1, { mode }), /^The mode/);
  await failsWith("TypeError", () => SharedMemory.create("x", 1, { mode: "600" as unknown as number }), /^The mode/);
  await failsWith("RangeError", () => SharedMemory.anonymous(1, { name: "x".repeat(250) }), /249 bytes/);
  for (const fd of [-1, 0.5, 2 ** 31])
    await failsWith("RangeError", () => SharedMemory.fromDescriptor(fd), /^The descriptor/);
  await failsWith("TypeError", () => SharedMemory.fromDescriptor("3" as unknown as number));
});

leakCheck(test);
test.run();
