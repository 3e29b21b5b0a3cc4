import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  close,
  fstat,
  linkDescriptor,
  memfdCreate,
  O_DIRECTORY,
  O_RDONLY,
  O_RDWR,
  O_TMPFILE,
  open,
  write,
} from "../../src/ffi/mod.ts";
import { asNobody, isRoot } from "../support/as-nobody.ts";
import { leakCheck } from "../support/leak-check.ts";
import { skip } from "../support/skip.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";

const folder = mkdtempSync(join(tmpdir(), "link-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

test("a file without a name gets one, and another", () => {
  const fd = open(folder, O_TMPFILE | O_RDWR, 0o600);
  write(fd, new TextEncoder().encode("content"));
  assert.is(fstat(fd).nlink, 0);
  const [first, second] = [join(folder, "first"), join(folder, "second")];
  linkDescriptor(fd, first);
  assert.is(readFileSync(first, "utf8"), "content");
  linkDescriptor(fd, second);
  assert.is(statSync(second).ino, fstat(fd).ino);
  assert.is(fstat(fd).nlink, 2);
  close(fd);
});

test("it throws what the system says, with the path", () => {
  const fd = open(folder, O_TMPFILE | O_RDWR, 0o600);
  const taken = join(folder, "taken");
  writeFileSync(taken, "stays");
  throwsSystemError(() => linkDescriptor(fd, taken), "EEXIST", "linkat", taken);
  assert.is(readFileSync(taken, "utf8"), "stays");
  const nowhere = join(folder, "no", "such");
  throwsSystemError(() => linkDescriptor(fd, nowhere), "ENOENT", "linkat", nowhere);
  const within = join(taken, "x");
  throwsSystemError(() => linkDescriptor(fd, within), "ENOTDIR", "linkat", within);
  throwsSystemError(() => linkDescriptor(999_999, within), "ENOENT", "linkat", within);
  const memory = memfdCreate("test");
  const elsewhere = join(folder, "elsewhere");
  throwsSystemError(() => linkDescriptor(memory, elsewhere), "EXDEV", "linkat", elsewhere);
  if (isRoot()) {
    const forbidden = join(folder, "forbidden");
    throwsSystemError(() => asNobody(() => linkDescriptor(fd, forbidden)), "EACCES", "linkat", forbidden);
  } else skip("EACCES needs root, to become another user");
  close(memory);
  close(fd);
});

test("what cannot have the name", () => {
  const fd = open(folder, O_TMPFILE | O_RDWR, 0o600);
  const circle = join(folder, "circle");
  symlinkSync(circle, circle);
  throwsSystemError(() => linkDescriptor(fd, join(circle, "x")), "ELOOP", "linkat", join(circle, "x"));
  const long = join(folder, "x".repeat(256));
  throwsSystemError(() => linkDescriptor(fd, long), "ENAMETOOLONG", "linkat", long);
  close(fd);
  const directory = open(folder, O_RDONLY | O_DIRECTORY);
  const second = join(folder, "folder-too");
  throwsSystemError(() => linkDescriptor(directory, second), "EPERM", "linkat", second);
  close(directory);
});

test("misuse is refused before the call", () => {
  assert.throws(() => linkDescriptor(0.5, "/x"), /fd is 0.5/);
  assert.throws(() => linkDescriptor(0, "/x\0"), RangeError);
});

leakCheck(test);
test.run();
