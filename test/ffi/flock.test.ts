import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  close,
  dup,
  flock,
  LOCK_EX,
  LOCK_NB,
  LOCK_SH,
  LOCK_UN,
  O_DIRECTORY,
  O_RDONLY,
  open,
  pipe2,
  WOULD_BLOCK,
} from "../../src/ffi/mod.ts";
import { leakCheck } from "../support/leak-check.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";

const opened = () => open(tmpdir(), O_RDONLY | O_DIRECTORY);

test("a folder is locked by one open file at a time, or shared by several", () => {
  const [one, two] = [opened(), opened()];
  assert.is(flock(one, LOCK_EX), 0);
  assert.is(flock(one, LOCK_EX | LOCK_NB), 0, "again by the same");
  assert.is(flock(two, LOCK_EX | LOCK_NB), WOULD_BLOCK);
  assert.is(flock(two, LOCK_SH | LOCK_NB), WOULD_BLOCK);
  assert.is(flock(one, LOCK_SH), 0);
  assert.is(flock(two, LOCK_SH | LOCK_NB), 0);
  assert.is(flock(one, LOCK_UN), 0);
  assert.is(flock(two, LOCK_EX | LOCK_NB), 0);
  const copy = dup(two);
  close(two);
  assert.is(flock(one, LOCK_EX | LOCK_NB), WOULD_BLOCK, "a duplicate keeps it");
  close(copy);
  assert.is(flock(one, LOCK_EX | LOCK_NB), 0);
  close(one);
});

test("flock throws what the system says, and refuses misuse", () => {
  throwsSystemError(() => flock(-1, LOCK_EX), "EBADF", "flock");
  const [readEnd, writeEnd] = pipe2();
  throwsSystemError(() => flock(readEnd, 0), "EINVAL", "flock");
  assert.throws(() => flock(0.5, LOCK_EX), /fd is 0.5/);
  assert.throws(() => flock(readEnd, 0.5), /operation is 0.5/);
  close(readEnd);
  close(writeEnd);
});

leakCheck(test);
test.run();
