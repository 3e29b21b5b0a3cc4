import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { close, isSoleOpener, O_CREAT, O_RDWR, open, pipe2 } from "../../src/ffi/mod.ts";
import { asNobody, isRoot } from "../support/as-nobody.ts";
import { leakCheck } from "../support/leak-check.ts";
import { skip } from "../support/skip.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";

const path = join(tmpdir(), `lease-${process.pid}`);

test("only who alone has a file open is the sole opener", () => {
  const first = open(path, O_RDWR | O_CREAT, 0o600);
  assert.is(isSoleOpener(first), true);
  assert.is(isSoleOpener(first), true, "the lease was given back");
  const second = open(path, O_RDWR);
  assert.is(isSoleOpener(first), false);
  assert.is(isSoleOpener(second), false);
  close(second);
  assert.is(isSoleOpener(first), true);
  close(first);
  rmSync(path);
});

test("what is no regular file has no lease", () => {
  const ends = pipe2();
  throwsSystemError(() => isSoleOpener(ends[0]), "EINVAL", "fcntl");
  for (const end of ends) close(end);
  throwsSystemError(() => isSoleOpener(-1), "EBADF", "fcntl");
});

test("another user's file", () => {
  if (!isRoot()) return skip("needs root, to become another user");
  const fd = open(path, O_RDWR | O_CREAT, 0o600);
  throwsSystemError(() => asNobody(() => isSoleOpener(fd)), "EACCES", "fcntl");
  close(fd);
  rmSync(path);
});

leakCheck(test);
test.run();
