import { existsSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  close,
  FD_CLOEXEC,
  fstat,
  getDescriptorFlags,
  O_CREAT,
  O_EXCL,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  posixFallocate,
  shmOpen,
  shmUnlink,
  write,
} from "../../src/ffi/mod.ts";
import { asNobody, isRoot } from "../support/as-nobody.ts";
import { leakCheck } from "../support/leak-check.ts";
import { skip } from "../support/skip.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";
import { uniqueName } from "../support/unique-name.ts";

test("an object is a file of /dev/shm, closed in children, until its name is removed", () => {
  const name = `/${uniqueName("shm-ü")}`;
  const fd = shmOpen(name, O_RDWR | O_CREAT | O_EXCL, 0o640);
  const path = `/dev/shm${name}`;
  assert.is(getDescriptorFlags(fd), FD_CLOEXEC);
  assert.is(statSync(path).mode & 0o777, 0o640);
  assert.is(statSync(path).size, 0);
  posixFallocate(fd, 0, 10_000);
  assert.is(statSync(path).size, 10_000);
  write(fd, new Uint8Array([42]));
  assert.is(readFileSync(path)[0], 42);

  const again = shmOpen(name, O_RDONLY);
  assert.is(fstat(again).ino, fstat(fd).ino);
  throwsSystemError(() => shmOpen(name, O_RDWR | O_CREAT | O_EXCL), "EEXIST", "shm_open", name);
  close(shmOpen(name, O_RDWR | O_TRUNC));
  assert.is(fstat(fd).size, 0);

  shmUnlink(name);
  assert.not(existsSync(path));
  assert.is(fstat(again).nlink, 0, "it stays for who has it open");
  throwsSystemError(() => shmOpen(name, O_RDWR), "ENOENT", "shm_open", name);
  throwsSystemError(() => shmUnlink(name), "ENOENT", "shm_unlink", name);
  close(again);
  close(fd);
});

test("names that are not allowed", () => {
  for (const name of ["", "/", "/a/b"]) {
    throwsSystemError(() => shmOpen(name, O_RDWR | O_CREAT), "EINVAL", "shm_open", name);
  }
  for (const name of ["", "/", "/a/b"]) {
    throwsSystemError(() => shmUnlink(name), "ENOENT", "shm_unlink", name);
  }
  const long = `/${"x".repeat(256)}`;
  assert.throws(() => shmOpen(long, O_RDWR), /EINVAL|ENAMETOOLONG/);
  assert.throws(() => shmOpen("a\0", O_RDWR), /NUL/);
  assert.throws(() => shmUnlink("a\0"), /NUL/);
  assert.throws(() => shmOpen("/a", 0.5), /flags is 0.5/);
  assert.throws(() => shmOpen("/a", O_RDWR, -1), /mode is -1/);
});

test("a symbolic link is no object", () => {
  const name = `/${uniqueName("shm")}`;
  symlinkSync("/dev/null", `/dev/shm${name}`);
  throwsSystemError(() => shmOpen(name, O_RDONLY), "ELOOP", "shm_open", name);
  shmUnlink(name);
});

test("another user's object", () => {
  if (!isRoot()) return skip("needs root, to become another user");
  const name = `/${uniqueName("shm")}`;
  close(shmOpen(name, O_RDWR | O_CREAT, 0o600));
  throwsSystemError(() => asNobody(() => shmOpen(name, O_RDONLY)), "EACCES", "shm_open", name);
  // /dev/shm is sticky on most systems, and then this is refused; without that bit it is the folder's mode that decides
  if ((statSync("/dev/shm").mode & 0o1000) !== 0)
    throwsSystemError(() => asNobody(() => shmUnlink(name)), "EACCES", "shm_unlink", name);
  shmUnlink(name);
});

leakCheck(test);
test.run();
