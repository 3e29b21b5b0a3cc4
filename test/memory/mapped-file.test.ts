import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE, PROT_READ, PROT_WRITE } from "../../src/ffi/abi/current.ts";
import { mkfifo } from "../../src/ffi/fifo.ts";
import { mmap, munmap } from "../../src/ffi/mmap.ts";
import { pageSize } from "../../src/ffi/sysconf.ts";
import { SystemError } from "../../src/ffi/system-error.ts";
import { ARENA_BYTES } from "../../src/memory/arena.ts";
import { type Advice, MappedFile } from "../../src/memory/mapped-file.ts";
import { freeArenaBytes } from "../../src/memory/region.ts";
import { SharedMemory } from "../../src/memory/shared-memory.ts";
import { asNobody, isRoot } from "../support/as-nobody.ts";
import { collectGarbage } from "../support/collect-garbage.ts";
import { deadline } from "../support/deadline.ts";
import { failsWith } from "../support/fails-with.ts";
import { leakCheck } from "../support/leak-check.ts";
import { startPeer } from "../support/peer-process.ts";
import { currentRuntime } from "../support/runtimes.ts";
import { skip } from "../support/skip.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";
import { uniqueName } from "../support/unique-name.ts";
import { startThreads } from "../sync/start-threads.ts";
import { lettersOfMapping } from "./letters-of-mapping.ts";

const LIMIT = 30_000;
const PEER = "test/memory/peers/memory-user.ts";
const test = suite("MappedFile");
const folder = mkdtempSync(join(tmpdir(), "mapped-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
const page = pageSize();
let count = 0;

/** A file of so many bytes, each of which tells its place. */
function numbered(bytes: number): string {
  const path = join(folder, `file-${++count}`);
  writeFileSync(
    path,
    Uint8Array.from({ length: bytes }, (_, index) => index % 251),
  );
  return path;
}

test("a whole file is read, by default", async () => {
  const path = numbered(5000);
  using file = MappedFile.open(path);
  assert.equal([file.path, file.size, file.length, file.access, file.fileOffset], [path, 5000, 5000, "read", 0]);
  assert.equal(file.read(), Uint8Array.from(readFileSync(path)));
  assert.equal([...file.read(4998)], [4998 % 251, 4999 % 251]);
  assert.ok(file.readOnly);
  assert.is(lettersOfMapping(file.address), "r--s");
  for (const view of ["bytes", "arena"] as const) await failsWith("TypeError", () => file[view], /for reading only/);
  await failsWith("TypeError", file.flush(), /nothing to flush/);
  await failsWith("TypeError", () => file.flushSync(), /nothing to flush/);
  writeFileSync(path, new Uint8Array([9]), { flag: "r+" });
  assert.is(file.read(0, 1)[0], 9, "what others write is seen at once");
});

test("any part of a file is mapped, at a page's boundary or not", () => {
  const path = numbered(3 * page + 10);
  for (const offset of [0, 1, 4, page - 1, page, page + 1, 2 * page + 100, 3 * page + 9]) {
    for (const length of [undefined, 1, 7]) {
      if (length !== undefined && offset + length > 3 * page + 10) continue;
      using file = MappedFile.open(path, { access: "readwrite", offset, ...(length === undefined ? {} : { length }) });
      assert.equal([file.size, file.fileOffset], [length ?? 3 * page + 10 - offset, offset]);
      assert.is(file.bytes.length, file.size);
      assert.is(file.bytes[0], offset % 251);
      assert.is(file.bytes[file.size - 1], (offset + file.size - 1) % 251);
      assert.is(file.bytes.byteOffset, file.offset);
      assert.is(file.address, file.arena.address + file.offset);
      file.flushSync();
      file.advise("willneed");
    }
  }
  using file = MappedFile.open(path, { access: "readwrite", offset: page + 3, length: 2 });
  file.bytes.set([255, 254]);
  const { length } = readFileSync(path);
  assert.is(length, 3 * page + 10);
  assert.equal([...readFileSync(path).subarray(page + 2, page + 6)], [(page + 2) % 251, 255, 254, (page + 5) % 251]);
});

test("what is written is in the file, flushed or not", async () => {
  const path = numbered(100);
  {
    using file = MappedFile.open(path, { access: "readwrite" });
    assert.is(lettersOfMapping(file.address), "rw-s");
    file.bytes[0] = 200;
    assert.is(readFileSync(path)[0], 200);
    file.bytes[1] = 201;
    await file.flush();
    file.bytes[2] = 202;
    file.flushSync();
    file.bytes[3] = 203;
  }
  assert.equal([...readFileSync(path).subarray(0, 5)], [200, 201, 202, 203, 4]);
});

test("a flush that fails says so, and one under way outlives close()", async () => {
  const path = numbered(2 * page);
  const file = MappedFile.open(path, { access: "readwrite", offset: page + 5 });
  const hole = file.address - 5;
  munmap(hole, page);
  const flushed = file.flush().catch((error) => error);
  const error = await flushed;
  throwsSystemError(() => file.flushSync(), "ENOMEM", "msync");
  mmap(hole, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  assert.instance(error, SystemError);
  assert.equal([error.code, error.syscall], ["ENOMEM", "msync"]);
  file.close();
  const other = MappedFile.open(path, { access: "readwrite" });
  const flushes = [other.flush(), other.flush(), other.flush()];
  other.close();
  await Promise.all(flushes);
});

test("a private mapping can be changed, and the file knows nothing of it", async () => {
  const path = numbered(2 * page);
  using file = MappedFile.open(path, { access: "private", offset: 3 });
  using other = MappedFile.open(path, { access: "private" });
  assert.is(lettersOfMapping(file.address), "rw-p");
  file.bytes.fill(255);
  assert.is(other.bytes[3], 3);
  assert.ok(readFileSync(path).every((byte, index) => byte === index % 251));
  await failsWith("TypeError", file.flush(), /"private": nothing of it goes to the file/);
  file.advise("dontneed");
  assert.equal([...file.read(0, 2)], [3, 4], "the changes are lost, as it says");
});

test("a file is made with its whole size and its space, once", async () => {
  const path = join(folder, "made");
  const umask = process.umask(0o022);
  const made = MappedFile.open(path, { access: "readwrite", create: 5000, mode: 0o666 });
  process.umask(umask);
  made.bytes[4999] = 1;
  const { size, mode, blocks } = statSync(path);
  assert.equal([size, mode & 0o777], [5000, 0o644]);
  assert.ok(blocks * 512 >= 5000);
  using again = MappedFile.open(path, { access: "readwrite", create: 9000 });
  assert.equal([again.size, again.bytes[4999]], [5000, 1], "what exists keeps its size");
  made.close();
  unlinkSync(path);
  again.bytes[0] = 2;
  assert.is(again.read(0, 1)[0], 2, "the name is not needed any more");
  assert.not(readdirSync(folder).some((name) => name.startsWith(".tmp")));
  await failsWith("IPC_NOT_FOUND", () =>
    MappedFile.open(join(folder, "no", "such"), { access: "readwrite", create: 1 }),
  );
});

test(
  "two processes count in one file, which one of them makes",
  deadline(LIMIT, async () => {
    const path = join(folder, "counter");
    const peers = [1, 2].map(() => startPeer(currentRuntime(), PEER, ["count-file", path, "20000"]));
    using file = MappedFile.open(path, { access: "readwrite", create: 4096 });
    // pairs with the additions in memory-user.ts
    for (let i = 0; i < 20_000; i++) Atomics.add(file.arena.words, file.offset >> 2, 1);
    for (const peer of peers) assert.is((await peer.exit()).status, 0);
    assert.is(Atomics.load(file.arena.words, file.offset >> 2), 60_000);
    assert.is(readFileSync(path).readUInt32LE(0), 60_000);
  }),
);

test("every advice is taken, and nothing is lost by it in a shared mapping", async () => {
  using file = MappedFile.open(numbered(page), { access: "readwrite" });
  file.bytes[1] = 77;
  for (const advice of ["normal", "sequential", "random", "willneed", "dontneed"] as const) {
    file.advise(advice);
    assert.is(file.bytes[1], 77);
  }
  for (const advice of ["never", "toString", undefined]) {
    await failsWith("TypeError", () => file.advise(advice as Advice), /must be one of normal, sequential/);
  }
});

test("a part past the end of the file is refused before it is mapped", async () => {
  const path = numbered(100);
  const free = freeArenaBytes();
  for (const [options, said] of [
    [{ length: 101 }, /bytes 0 to 101: it has 100 bytes/],
    [{ offset: 100 }, /from byte 100: it has 100 bytes/],
    [{ offset: 60, length: 41 }, /bytes 60 to 101: it has 100 bytes/],
    [{ offset: 1e15 }, /it has 100 bytes/],
  ] as const) {
    await failsWith("RangeError", () => MappedFile.open(path, options), said);
  }
  writeFileSync(path, "");
  await failsWith("RangeError", () => MappedFile.open(path), /it has 0 bytes/);
  assert.is(freeArenaBytes(), free);
});

test("what is no regular file is IPC_UNSUPPORTED, and does not hold anybody up", async () => {
  const fifo = join(folder, "fifo");
  mkfifo(fifo);
  mkdirSync(join(folder, "directory"));
  await failsWith("IPC_UNSUPPORTED", () => MappedFile.open(fifo), /not a regular file/);
  await failsWith("IPC_UNSUPPORTED", () => MappedFile.open(fifo, { access: "readwrite" }));
  await failsWith("IPC_UNSUPPORTED", () => MappedFile.open(join(folder, "directory")));
  await failsWith("IPC_UNSUPPORTED", () => MappedFile.open("/dev/zero"));
});

test("a file that is not there, or another user's", async () => {
  await failsWith("IPC_NOT_FOUND", () => MappedFile.open(join(folder, "nothing")), /ENOENT/);
  if (!isRoot()) return skip("needs root, to become another user");
  using shared = SharedMemory.create(uniqueName("another-user"), 10, { mode: 0o644 });
  const path = `/dev/shm${shared.name}`;
  await failsWith("IPC_PERMISSION", () => asNobody(() => MappedFile.open(path, { access: "readwrite" })), /EACCES/);
  asNobody(() => MappedFile.open(path, { access: "private" })).close();
  asNobody(() => MappedFile.open(path)).close();
  shared.remove();
  const inside = join(folder, "theirs");
  await failsWith("IPC_PERMISSION", () => asNobody(() => MappedFile.open(inside, { access: "readwrite", create: 1 })));
});

test("after close() nothing that is written, by a view kept or by other arrays, reaches the file", async () => {
  const path = numbered(1 << 16);
  const file = MappedFile.open(path, { access: "readwrite" });
  file.bytes.fill(7);
  const { bytes } = file;
  file.close();
  file.close();
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
  assert.ok(readFileSync(path).every((byte) => byte === 7));
  for (const use of [
    () => file.bytes,
    () => file.read(),
    () => file.flush(),
    () => file.flushSync(),
    () => file.advise("normal"),
    () => file.arena,
  ]) {
    await failsWith("IPC_CLOSED", use, /was closed$/);
  }
});

test("misuse is refused before the file is opened", async () => {
  const path = join(folder, "never-made");
  await failsWith("TypeError", () => MappedFile.open(7 as unknown as string), /^The path/);
  await failsWith(
    "TypeError",
    () => MappedFile.open(path, { access: "write" as "read" }),
    /must be "read", "readwrite" or "private"/,
  );
  await failsWith("TypeError", () => MappedFile.open(path, { create: 10 }), /"readwrite" would be right/);
  for (const offset of [-1, 0.5]) await failsWith("RangeError", () => MappedFile.open(path, { offset }), /^The offset/);
  for (const length of [0, -1, 0.5])
    await failsWith("RangeError", () => MappedFile.open(path, { length }), /^The length/);
  await failsWith("TypeError", () => MappedFile.open(path, { length: "1" as unknown as number }), /^The length/);
  for (const create of [0, -1, 0.5]) {
    await failsWith("RangeError", () => MappedFile.open(path, { access: "readwrite", create }), /^The size of/);
  }
  await failsWith("IPC_LIMIT", () => MappedFile.open(path, { access: "readwrite", create: ARENA_BYTES + 1 }));
  assert.not(readdirSync(folder).includes("never-made"));
});

leakCheck(test, startThreads);
test.run();
