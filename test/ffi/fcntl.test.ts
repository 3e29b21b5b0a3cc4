import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  addSeals,
  close,
  dup,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  FD_CLOEXEC,
  fstat,
  ftruncate,
  getDescriptorFlags,
  getPipeSize,
  getSeals,
  getStatusFlags,
  MAP_SHARED,
  MFD_ALLOW_SEALING,
  memfdCreate,
  mmap,
  munmap,
  O_ACCMODE,
  O_APPEND,
  O_DIRECT,
  O_NOATIME,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
  open,
  PROT_READ,
  PROT_WRITE,
  pageSize,
  pipe2,
  setDescriptorFlags,
  setPipeSize,
  setStatusFlags,
  write,
} from "../../src/ffi/mod.ts";
import { asNobody, isRoot } from "../support/as-nobody.ts";
import { leakCheck } from "../support/leak-check.ts";
import { skip } from "../support/skip.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";

test("dup gives another descriptor of the same open file, closed in children", () => {
  const [readEnd, writeEnd] = pipe2();
  const copy = dup(writeEnd, 100);
  assert.ok(copy >= 100);
  assert.is(getDescriptorFlags(copy), FD_CLOEXEC);
  assert.is(fstat(copy).ino, fstat(writeEnd).ino);
  setStatusFlags(copy, O_NONBLOCK);
  assert.is(getStatusFlags(writeEnd) & O_NONBLOCK, O_NONBLOCK, "one open file");
  for (const fd of [readEnd, writeEnd, copy]) close(fd);
  throwsSystemError(() => dup(copy), "EBADF", "fcntl");
  throwsSystemError(() => dup(0, -1), "EINVAL", "fcntl");
  throwsSystemError(() => dup(0, 2 ** 30), "EINVAL", "fcntl");
});

test("a descriptor without FD_CLOEXEC is inherited, and no other", () => {
  const [readEnd, writeEnd] = pipe2();
  const inherited = dup(writeEnd, 90);
  const kept = dup(writeEnd, 91);
  setDescriptorFlags(inherited, 0);
  assert.is(getDescriptorFlags(inherited), 0);
  const listing = execFileSync("sh", ["-c", "ls -1 /proc/self/fd"], { encoding: "utf8" }).split("\n");
  // some runtimes close all descriptors of their children, which is theirs to decide
  assert.not(listing.includes(`${kept}`));
  assert.not(listing.includes(`${readEnd}`));
  setDescriptorFlags(inherited, FD_CLOEXEC);
  assert.is(getDescriptorFlags(inherited), FD_CLOEXEC);
  for (const fd of [readEnd, writeEnd, inherited, kept]) close(fd);
  throwsSystemError(() => getDescriptorFlags(inherited), "EBADF", "fcntl");
  throwsSystemError(() => setDescriptorFlags(inherited, 0), "EBADF", "fcntl");
});

test("status flags are set and cleared, and the access stays", () => {
  const fd = open("/dev/null", O_WRONLY);
  const before = getStatusFlags(fd);
  assert.is(before & (O_NONBLOCK | O_APPEND), 0);
  setStatusFlags(fd, before | O_NONBLOCK | O_APPEND);
  assert.is(getStatusFlags(fd), before | O_NONBLOCK | O_APPEND);
  setStatusFlags(fd, 0);
  assert.is(getStatusFlags(fd) & (O_NONBLOCK | O_APPEND | O_ACCMODE), O_WRONLY);
  close(fd);
  throwsSystemError(() => getStatusFlags(fd), "EBADF", "fcntl");
  throwsSystemError(() => setStatusFlags(fd, 0), "EBADF", "fcntl");
});

test("a pipe's size is rounded up to a power of two of pages", () => {
  const [readEnd, writeEnd] = pipe2();
  const page = pageSize();
  assert.is(setPipeSize(writeEnd, 5 * page - 1), 8 * page);
  assert.is(getPipeSize(readEnd), 8 * page);
  write(writeEnd, new Uint8Array(3 * page));
  throwsSystemError(() => setPipeSize(writeEnd, page), "EBUSY", "fcntl");
  throwsSystemError(() => setPipeSize(writeEnd, -1), "EINVAL", "fcntl");
  close(readEnd);
  close(writeEnd);
  const file = open("/dev/null", O_RDONLY);
  throwsSystemError(() => getPipeSize(file), "EBADF", "fcntl");
  throwsSystemError(() => setPipeSize(file, page), "EBADF", "fcntl");
  close(file);
});

test("seals forbid what they say", () => {
  const page = pageSize();
  const fd = memfdCreate("sealed", MFD_ALLOW_SEALING);
  assert.is(getSeals(fd), 0);
  ftruncate(fd, page);
  addSeals(fd, F_SEAL_SHRINK | F_SEAL_GROW);
  assert.is(getSeals(fd), F_SEAL_SHRINK | F_SEAL_GROW);
  const address = mmap(0, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  throwsSystemError(() => addSeals(fd, F_SEAL_WRITE), "EBUSY", "fcntl");
  munmap(address, page);
  addSeals(fd, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL);
  throwsSystemError(() => mmap(0, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), "EPERM", "mmap");
  throwsSystemError(() => addSeals(fd, F_SEAL_WRITE), "EPERM", "fcntl");
  close(fd);
  throwsSystemError(() => getSeals(fd), "EBADF", "fcntl");
  throwsSystemError(() => addSeals(fd, F_SEAL_GROW), "EBADF", "fcntl");
});

test("what cannot be sealed says so", () => {
  const plain = memfdCreate("plain");
  assert.is(getSeals(plain), F_SEAL_SEAL);
  throwsSystemError(() => addSeals(plain, F_SEAL_GROW), "EPERM", "fcntl");
  close(plain);
  const sealable = memfdCreate("sealable", MFD_ALLOW_SEALING);
  throwsSystemError(() => addSeals(sealable, 1 << 30), "EINVAL", "fcntl");
  close(sealable);
  const [readEnd, writeEnd] = pipe2();
  throwsSystemError(() => getSeals(readEnd), "EINVAL", "fcntl");
  close(readEnd);
  close(writeEnd);
});

test("flags that a file cannot have", () => {
  const status = open("/proc/self/status", O_RDONLY);
  throwsSystemError(() => setStatusFlags(status, O_DIRECT), "EINVAL", "fcntl");
  close(status);
});

test("what takes privilege", () => {
  if (!isRoot()) return skip("needs root, to become another user");
  const file = open("/etc/passwd", O_RDONLY);
  throwsSystemError(() => asNobody(() => setStatusFlags(file, O_NOATIME)), "EPERM", "fcntl");
  close(file);
  const [readEnd, writeEnd] = pipe2();
  const limit = Number(readFileSync("/proc/sys/fs/pipe-max-size", "utf8"));
  throwsSystemError(() => asNobody(() => setPipeSize(readEnd, limit + 1)), "EPERM", "fcntl");
  close(readEnd);
  close(writeEnd);
});

test("misuse is refused before the call", () => {
  for (const call of [dup, getStatusFlags, getDescriptorFlags, getPipeSize, getSeals]) {
    assert.throws(
      () => call(0.5),
      (error: unknown) => error instanceof RangeError,
    );
    assert.throws(
      () => call("0" as never),
      (error: unknown) => error instanceof TypeError,
    );
  }
  for (const call of [setStatusFlags, setDescriptorFlags, setPipeSize, addSeals]) {
    assert.throws(
      () => call(0, 2 ** 40),
      (error: unknown) => error instanceof RangeError,
    );
  }
});

leakCheck(test);
test.run();
