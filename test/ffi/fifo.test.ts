import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { close, mkfifo, O_NONBLOCK, O_RDONLY, O_WRONLY, open, read, write } from "../../src/ffi/mod.ts";
import { asNobody, isRoot } from "../support/as-nobody.ts";
import { leakCheck } from "../support/leak-check.ts";
import { skip } from "../support/skip.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";

let folder = "";
test.before(() => {
  folder = mkdtempSync(join(tmpdir(), "fifo-"));
});
test.after(() => rmSync(folder, { recursive: true }));

test("a FIFO is a pipe with a name, for the owner only by default", () => {
  const path = join(folder, "fifo");
  mkfifo(path);
  assert.ok(statSync(path).isFIFO());
  assert.is(statSync(path).mode & 0o777, 0o600);
  const reader = open(path, O_RDONLY | O_NONBLOCK);
  const writer = open(path, O_WRONLY | O_NONBLOCK);
  assert.is(write(writer, new Uint8Array([1, 2])), 2);
  const bytes = new Uint8Array(3);
  assert.is(read(reader, bytes), 2);
  assert.equal([...bytes], [1, 2, 0]);
  close(reader);
  close(writer);
});

test("the umask takes from the mode", () => {
  const path = join(folder, "open");
  const umask = process.umask(0o022);
  mkfifo(path, 0o666);
  process.umask(umask);
  assert.is(statSync(path).mode & 0o777, 0o644);
});

test("mkfifo throws what the system says, with the path", () => {
  const file = join(folder, "file");
  writeFileSync(file, "");
  const circle = join(folder, "circle");
  symlinkSync(circle, circle);
  const cases: [code: string, path: string][] = [
    ["EEXIST", file],
    ["EEXIST", circle],
    ["ENOENT", join(folder, "missing", "fifo")],
    ["ENOENT", ""],
    ["ENOTDIR", join(file, "fifo")],
    ["ELOOP", join(circle, "fifo")],
    ["ENAMETOOLONG", join(folder, "x".repeat(256))],
  ];
  for (const [code, path] of cases) throwsSystemError(() => mkfifo(path), code, "mkfifo", path);
  assert.throws(() => mkfifo("a\0"), /NUL/);
  assert.throws(() => mkfifo(file, -1), /mode is -1/);
});

test("where no FIFO may be made", () => {
  if (!isRoot()) return skip("needs root, to become another user and to be let into /sys");
  const forbidden = "/etc/millrace-test-fifo";
  throwsSystemError(() => asNobody(() => mkfifo(forbidden)), "EACCES", "mkfifo", forbidden);
  const strange = "/sys/kernel/millrace-test-fifo";
  throwsSystemError(() => mkfifo(strange), "EPERM", "mkfifo", strange);
});

leakCheck(test);
test.run();
