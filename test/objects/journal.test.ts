import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { mkfifo } from "../../src/ffi/fifo.ts";
import { objectIdentity } from "../../src/objects/object-identity.ts";
import { own } from "../../src/objects/own.ts";
import { readJournals } from "../../src/objects/read-journals.ts";
import { removeRecorded } from "../../src/objects/remove-recorded.ts";
import { leakCheck } from "../support/leak-check.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const listeners = () => ["exit", ...SIGNALS].map((name) => process.listenerCount(name));

test("a journal has what is owned, stays short, and goes with the last object", () => {
  const path = join(tmpdir(), "kept");
  mkfifo(path, 0o600);
  const kept = own("fifo", path, () => {});
  for (let i = 0; i < 5000; i++) own("fifo", `/nowhere/${i}`, () => {}).release();
  const [found, ...others] = readJournals();
  assert.is(others.length, 0);
  assert.ok(found?.alive);
  assert.is(found?.owner.pid, process.pid);
  const identity = objectIdentity("fifo", path) ?? "";
  assert.equal(found?.records, [{ kind: "fifo", name: path, identity }]);
  assert.ok(statSync(found?.path ?? "").size < 200_000, readFileSync(found?.path ?? "", "utf8").slice(0, 300));
  kept.release();
  kept.release();
  assert.equal(readJournals(), []);
  assert.ok(removeRecorded({ kind: "fifo", name: path, identity }));
});

test("the process listens only while it owns something", () => {
  const before = listeners();
  const first = own("fifo", "/nowhere/a", () => {});
  const second = own("fifo", "/nowhere/b", () => {});
  assert.equal(
    listeners(),
    before.map((count) => count + 1),
  );
  first.release();
  second.release();
  assert.equal(listeners(), before);
});

test("without a directory to write to, objects are owned all the same", () => {
  const directory = process.env.MILLRACE_DIR;
  process.env.MILLRACE_DIR = "/nowhere/at/all";
  try {
    const before = listeners();
    const ownership = own("fifo", "/nowhere/a", () => {});
    assert.not.equal(listeners(), before);
    ownership.release();
    assert.equal(listeners(), before);
  } finally {
    if (directory === undefined) delete process.env.MILLRACE_DIR;
    else process.env.MILLRACE_DIR = directory;
  }
});

test("a record leads to its own object and to no other", () => {
  const path = join(tmpdir(), "recorded");
  mkfifo(path, 0o600);
  const identity = objectIdentity("fifo", path) ?? "";
  assert.not(removeRecorded({ kind: "fifo", name: path, identity: "1:1" }));
  assert.not(removeRecorded({ kind: "fifo", name: path, identity: "" }));
  assert.not(removeRecorded({ kind: "unix-socket", name: path, identity }));
  assert.ok(removeRecorded({ kind: "fifo", name: path, identity }));
  writeFileSync(path, "a file");
  assert.is(objectIdentity("fifo", path), undefined);
  rmSync(path);
});

leakCheck(test, () => own("fifo", "/nowhere", () => {}).release());
test.run();
