import { readlinkSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  close,
  FD_CLOEXEC,
  fstat,
  getDescriptorFlags,
  MFD_HUGETLB,
  memfdCreate,
  read,
  write,
} from "../../src/ffi/mod.ts";
import { leakCheck } from "../support/leak-check.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";

test("a memfd is an empty file without a path, closed in children", () => {
  const fd = memfdCreate("name ü");
  assert.is(getDescriptorFlags(fd), FD_CLOEXEC);
  const { size, nlink } = fstat(fd);
  assert.equal([size, nlink], [0, 0]);
  assert.is(readlinkSync(`/proc/self/fd/${fd}`), "/memfd:name ü (deleted)");
  assert.is(write(fd, new Uint8Array(10)), 10);
  assert.is(fstat(fd).size, 10);
  assert.is(read(fd, new Uint8Array(10)), 0);
  close(fd);
});

test("two of the same name are two files", () => {
  const one = memfdCreate("same");
  const two = memfdCreate("same");
  assert.is.not(fstat(one).ino, fstat(two).ino);
  close(one);
  close(two);
});

test("a name that is too long and an unknown flag are EINVAL", () => {
  const long = "x".repeat(250);
  throwsSystemError(() => memfdCreate(long), "EINVAL", "memfd_create", long);
  throwsSystemError(() => memfdCreate("flag", 0x8000_0000), "EINVAL", "memfd_create", "flag");
  close(memfdCreate("x".repeat(249)));
  assert.throws(
    () => memfdCreate("a\0b"),
    (error: unknown) => error instanceof RangeError,
  );
  assert.throws(
    () => memfdCreate("flags", -1),
    (error: unknown) => error instanceof RangeError,
  );
});

test("a size of pages that the machine has not is ENODEV", () => {
  // 2^13 bytes, in the bits above MFD_HUGE_SHIFT
  throwsSystemError(() => memfdCreate("huge", MFD_HUGETLB | (13 << 26)), "ENODEV", "memfd_create", "huge");
});

leakCheck(test);
test.run();
