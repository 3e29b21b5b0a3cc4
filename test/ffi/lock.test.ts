import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  close,
  dup,
  lockWait,
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  open,
  queryLock,
  tryLock,
  unlock,
} from "../../src/ffi/mod.ts";
import { deadline } from "../support/deadline.ts";
import { leakCheck } from "../support/leak-check.ts";
import { startPeer } from "../support/peer-process.ts";
import { currentRuntime } from "../support/runtimes.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";

const path = join(tmpdir(), `lock-${process.pid}`);

function opened(flags = O_RDWR): number {
  return open(path, flags | O_CREAT);
}

test.after(() => rmSync(path));

test("a lock to write excludes every other open, in the same process too", () => {
  const one = opened();
  const two = opened();
  assert.ok(tryLock(one, "write", 0, 1));
  assert.ok(tryLock(one, "write", 0, 1), "again by the same");
  assert.not(tryLock(two, "write", 0, 1));
  assert.not(tryLock(two, "read", 0, 1));
  assert.ok(tryLock(two, "write", 1, 1), "the next byte");
  assert.not(tryLock(one, "write", 0, 2), "a range that reaches into it");
  unlock(one, 0, 1);
  assert.ok(tryLock(two, "write", 0, 1));
  close(one);
  close(two);
});

test("locks to read go together", () => {
  const one = opened();
  const two = opened();
  assert.ok(tryLock(one, "read", 5, 10));
  assert.ok(tryLock(two, "read", 0, 8));
  assert.not(tryLock(one, "write", 5, 10), "cannot become one to write");
  assert.ok(tryLock(one, "write", 8, 7), "but where nobody else is");
  close(one);
  close(two);
});

test("length 0 reaches to the end of every file", () => {
  const one = opened();
  const two = opened();
  assert.ok(tryLock(one, "write", 100, 0));
  assert.not(tryLock(two, "write", 2 ** 40, 1));
  assert.not(tryLock(two, "write", Number.MAX_SAFE_INTEGER, 1));
  assert.ok(tryLock(two, "write", 0, 100));
  close(one);
  close(two);
});

test("queryLock sees others' locks, not its own, and takes none", () => {
  const one = opened();
  const two = opened();
  assert.not(queryLock(two, "write", 0, 1));
  assert.ok(tryLock(one, "read", 0, 1));
  assert.ok(queryLock(two, "write", 0, 1));
  assert.not(queryLock(two, "read", 0, 1));
  assert.not(queryLock(one, "write", 0, 1));
  unlock(one, 0, 1);
  assert.not(queryLock(two, "write", 0, 1));
  assert.not(queryLock(one, "write", 0, 1));
  close(one);
  close(two);
});

test("a lock lives as long as the last descriptor of its open file", () => {
  const one = opened();
  const copy = dup(one);
  const two = opened();
  assert.ok(tryLock(one, "write", 0, 1));
  close(one);
  assert.not(tryLock(two, "write", 0, 1));
  close(copy);
  assert.ok(tryLock(two, "write", 0, 1));
  const third = opened();
  close(opened());
  assert.ok(queryLock(third, "write", 0, 1), "closing another descriptor of the file changes nothing");
  close(third);
  close(two);
});

test("a free lock is taken by lockWait at once", () => {
  const one = opened();
  const two = opened();
  lockWait(one, "write", 0, 1);
  assert.not(tryLock(two, "write", 0, 1));
  close(one);
  close(two);
});

test(
  "a killed process gives its lock up",
  deadline(30_000, async () => {
    const fd = opened();
    const peer = startPeer(currentRuntime(), "test/ffi/peers/lock-holder.ts", [path]);
    await peer.line("locked");
    assert.ok(queryLock(fd, "write", 0, 1));
    assert.not(tryLock(fd, "write", 0, 1));
    await peer.kill();
    assert.not(queryLock(fd, "write", 0, 1));
    assert.ok(tryLock(fd, "write", 0, 1));
    close(fd);
  }),
);

test("what cannot be locked says so", () => {
  const readOnly = opened(O_RDONLY);
  const writeOnly = opened(O_WRONLY);
  throwsSystemError(() => tryLock(-1, "write", 0, 1), "EBADF", "fcntl");
  throwsSystemError(() => tryLock(readOnly, "write", 0, 1), "EBADF", "fcntl");
  throwsSystemError(() => tryLock(writeOnly, "read", 0, 1), "EBADF", "fcntl");
  throwsSystemError(() => tryLock(readOnly, "read", -1, 1), "EINVAL", "fcntl");
  throwsSystemError(() => lockWait(-1, "write", 0, 1), "EBADF", "fcntl");
  throwsSystemError(() => lockWait(readOnly, "read", -1, 1), "EINVAL", "fcntl");
  throwsSystemError(() => queryLock(-1, "write", 0, 1), "EBADF", "fcntl");
  throwsSystemError(() => queryLock(readOnly, "write", 0, -1), "EINVAL", "fcntl");
  throwsSystemError(() => unlock(-1, 0, 1), "EBADF", "fcntl");
  throwsSystemError(() => unlock(readOnly, 0, -1), "EINVAL", "fcntl");
  close(readOnly);
  close(writeOnly);
});

test("misuse is refused before the call", () => {
  assert.throws(() => tryLock(0, "exclusive" as "write", 0, 1), /type is "exclusive", but must be "read" or "write"/);
  for (const call of [tryLock, lockWait, queryLock]) {
    assert.throws(() => call(0.5, "read", 0, 1), /fd is 0.5/);
    assert.throws(() => call(0, "read", 0.5, 1), /start is 0.5/);
    assert.throws(() => call(0, "read", 0, 2 ** 53), /length is 9007199254740992/);
  }
});

leakCheck(test);
test.run();
