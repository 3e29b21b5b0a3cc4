import { test } from "uvu";
import * as assert from "uvu/assert";
import { IpcError } from "../../src/errors.ts";
import { close, posixFallocate } from "../../src/ffi/fd.ts";
import { memfdCreate } from "../../src/ffi/memfd.ts";
import { pageSize } from "../../src/ffi/sysconf.ts";
import { SystemError } from "../../src/ffi/system-error.ts";
import { ARENA_BYTES, arena } from "../../src/memory/arena.ts";
import { freeArenaBytes, mapMirrored, mapShared, type Region } from "../../src/memory/region.ts";
import { collectGarbage } from "../support/collect-garbage.ts";

const page = pageSize();

function memory(bytes: number): number {
  const fd = memfdCreate("millrace-test");
  posixFallocate(fd, 0, bytes);
  return fd;
}

test("the arena is one shared memory", () => {
  assert.ok(arena().buffer instanceof SharedArrayBuffer);
  assert.is(arena().buffer, arena().buffer);
  assert.is(arena().bytes.buffer, arena().words.buffer);
});

test("the arena grows when it is full, and what was mapped before stays where it is", () => {
  const fd = memory(page);
  const before = mapShared(fd, page);
  const { address, bytes } = arena();
  const large = memory(bytes.length);
  const after = mapShared(large, bytes.length);
  const again = mapShared(fd, page);
  close(fd);
  close(large);
  assert.ok(arena().bytes.length > bytes.length, `${arena().bytes.length} bytes`);
  assert.is(arena().address, address);
  before.bytes[1] = 1;
  assert.is(again.bytes[1], 1, "one mapped before and one mapped after are the same memory");
  again.bytes[2] = 2;
  assert.is(before.bytes[2], 2);
  assert.is(Atomics.load(arena().bytes, before.offset + 1), 1, "the new views reach the old windows");
  after.bytes[bytes.length - 1] = 3;
  assert.is(after.bytes[bytes.length - 1], 3);
  for (const region of [before, after, again]) region.close();
});

test("the arena does not let a gigabyte of garbage gather", () => {
  const fd = memory(page);
  const region = mapShared(fd, page);
  close(fd);
  const start = process.memoryUsage().rss;
  let most = start;
  let last: Uint8Array | undefined;
  for (let i = 1; i <= 5_000_000; i++) {
    last = new Uint8Array(64);
    if (i % 100_000 === 0) most = Math.max(most, process.memoryUsage().rss);
  }
  region.close();
  assert.is(last?.length, 64);
  assert.ok(most - start < 300e6, `${Math.round((most - start) / 1e6)} MB`);
});

test("two mappings of one object are the same memory, for Atomics too", () => {
  const fd = memory(page);
  const first = mapShared(fd, page);
  const second = mapShared(fd, page);
  close(fd);
  assert.is.not(first.offset, second.offset);
  const { words } = first.arena;
  Atomics.store(words, first.offset >> 2, 7);
  assert.is(Atomics.add(words, second.offset >> 2, 1), 7);
  assert.is(Atomics.load(words, first.offset >> 2), 8);
  first.close();
  second.close();
});

test("a mirrored mapping goes on in its own beginning", () => {
  const fd = memory(3 * page);
  const region = mapMirrored(fd, page, 2 * page);
  close(fd);
  assert.is(region.length, 5 * page);
  const data = page;
  const capacity = 2 * page;
  region.bytes.set([1, 2, 3, 4], data + capacity - 2);
  assert.equal([...region.bytes.subarray(data, data + 2)], [3, 4]);
  region.bytes[data + 5] = 9;
  assert.is(region.bytes[data + capacity + 5], 9);
  region.bytes[0] = 5;
  assert.is(region.bytes[data + capacity - 3], 0, "the header is not mirrored");
  region.close();
});

test("an offset maps a slice", () => {
  const fd = memory(2 * page);
  const whole = mapShared(fd, 2 * page);
  const second = mapShared(fd, page, page);
  close(fd);
  whole.bytes[page + 3] = 77;
  assert.is(second.bytes[3], 77);
  whole.close();
  second.close();
});

test("after close the window shows zeros, can be touched, and does not lead to the object", () => {
  const fd = memory(page);
  const region = mapShared(fd, page);
  const other = mapShared(fd, page);
  close(fd);
  region.bytes[0] = 1;
  region.close();
  region.close();
  assert.is(region.bytes[0], 0);
  region.bytes[0] = 2;
  assert.is(other.bytes[0], 1);
  other.close();
});

test("a failed mapping leaves the window empty and free", () => {
  const free = freeArenaBytes();
  assert.throws(
    () => mapShared(-1, page),
    (error: unknown) => error instanceof SystemError && error.code === "EBADF" && error.syscall === "mmap",
  );
  assert.is(freeArenaBytes(), free);
});

test("more than the arena holds is IPC_LIMIT before anything is mapped", () => {
  const fd = memory(page);
  const free = freeArenaBytes();
  assert.throws(
    () => mapShared(fd, ARENA_BYTES + page),
    (error: unknown) => error instanceof IpcError && error.code === "IPC_LIMIT",
  );
  assert.is(freeArenaBytes(), free);
  close(fd);
});

test("a mapping survives garbage collection, and nothing else is put into its memory", async () => {
  const fd = memory(16 * page);
  const region = mapShared(fd, 16 * page);
  close(fd);
  for (let i = 0; i < region.length; i++) region.bytes[i] = i * 31;
  for (let round = 0; round < 5; round++) {
    // of the sizes that engines take from the same allocator as an arena's memory
    const rubbish: unknown[] = [];
    for (let i = 0; i < 50; i++) rubbish.push(new Uint8Array(1 << 20).fill(255), new SharedArrayBuffer(1 << 16));
    rubbish.push(
      new WebAssembly.Memory({ shared: true, initial: 16, maximum: 16 }),
      new WebAssembly.Memory({ initial: 16 }),
    );
    await collectGarbage();
    rubbish.length = 0;
    await collectGarbage();
  }
  for (let i = 0; i < region.length; i++) if (region.bytes[i] !== ((i * 31) & 255)) assert.unreachable(`byte ${i}`);
  region.close();
});

test("many regions mapped, dropped and made again leave no byte in a wrong place", async () => {
  const free = freeArenaBytes();
  const kept: { region: Region; mark: number }[] = [];
  let seed = 12_345;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  for (let round = 0; round < 600; round++) {
    const bytes = page * (1 + random(8));
    const fd = memory(bytes);
    const region = mapShared(fd, bytes);
    close(fd);
    for (let at = 0; at < bytes; at += page) assert.is(region.bytes[at], 0, "a new object is empty");
    const mark = 1 + (round % 255);
    region.bytes.fill(mark);
    kept.push({ region, mark });
    while (kept.length > 40) {
      const [dropped] = kept.splice(random(kept.length), 1);
      dropped?.region.close();
    }
    if (round % 200 === 0) await collectGarbage();
    const checked = kept[random(kept.length)];
    if (checked === undefined) continue;
    for (let at = 0; at < checked.region.length; at += 512) assert.is(checked.region.bytes[at], checked.mark);
  }
  for (const { region, mark } of kept) {
    assert.ok(region.bytes.every((byte) => byte === mark));
    region.close();
  }
  assert.is(freeArenaBytes(), free);
});

test.run();
