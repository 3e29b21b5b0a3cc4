import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { IpcError } from "../../src/errors.ts";
import { Windows } from "../../src/memory/windows.ts";

test("windows are rounded up and do not overlap", () => {
  const windows = new Windows(0, 100, 10);
  assert.is(windows.take(1), 0);
  assert.is(windows.take(11), 10);
  assert.is(windows.take(10), 30);
  assert.is(windows.freeBytes, 60);
});

test("a window that was given back is used again as late as possible", () => {
  const windows = new Windows(0, 100, 10);
  windows.give(windows.take(10), 10);
  const starts = Array.from({ length: 9 }, () => windows.take(10));
  assert.equal(starts, [10, 20, 30, 40, 50, 60, 70, 80, 90]);
  assert.is(windows.take(10), 0);
});

test("neighbours that are given back become one stretch", () => {
  const windows = new Windows(0, 30, 10);
  const starts = [windows.take(10), windows.take(10), windows.take(10)];
  for (const start of [starts[0], starts[2], starts[1]]) windows.give(start as number, 10);
  assert.is(windows.take(30), 0);
});

test("no stretch is long enough: IPC_LIMIT says how long the longest is", () => {
  const windows = new Windows(0, 30, 10);
  windows.take(10);
  assert.throws(
    () => windows.take(21),
    (error: unknown) =>
      error instanceof IpcError &&
      error.code === "IPC_LIMIT" &&
      /30 bytes/.test(error.message) &&
      /20 bytes/.test(error.message),
  );
  assert.is(windows.freeBytes, 20);
});

test("giving back twice is refused", () => {
  const windows = new Windows(0, 30, 10);
  windows.give(windows.take(10), 10);
  assert.throws(() => windows.give(0, 10), RangeError);
});

test("any sequence of takes and gives keeps the books", () => {
  const step = fc.record({ take: fc.boolean(), bytes: fc.integer({ min: 1, max: 40 }), which: fc.nat() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const windows = new Windows(64, 64 + 160, 8);
      const owned: { start: number; bytes: number }[] = [];
      for (const { take, bytes, which } of steps) {
        if (take) {
          let start: number;
          try {
            start = windows.take(bytes);
          } catch {
            continue;
          }
          const end = start + Math.ceil(bytes / 8) * 8;
          assert.ok(start >= 64 && end <= 224 && start % 8 === 0);
          for (const other of owned) {
            assert.ok(end <= other.start || start >= other.start + Math.ceil(other.bytes / 8) * 8, "overlap");
          }
          owned.push({ start, bytes });
        } else if (owned.length > 0) {
          const [window] = owned.splice(which % owned.length, 1);
          if (window !== undefined) windows.give(window.start, window.bytes);
        }
      }
      const used = owned.reduce((sum, { bytes }) => sum + Math.ceil(bytes / 8) * 8, 0);
      assert.is(windows.freeBytes, 160 - used);
      for (const { start, bytes } of owned) windows.give(start, bytes);
      assert.is(windows.take(160), 64);
    }),
  );
});

test.run();
