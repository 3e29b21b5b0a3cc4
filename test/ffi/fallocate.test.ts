import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  addSeals,
  close,
  F_SEAL_GROW,
  F_SEAL_WRITE,
  FALLOC_FL_COLLAPSE_RANGE,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  fallocate,
  fstat,
  MFD_ALLOW_SEALING,
  memfdCreate,
  O_CREAT,
  O_EXCL,
  O_RDONLY,
  O_RDWR,
  open,
  pageSize,
  pipe2,
  read,
  write,
} from "../../src/ffi/mod.ts";
import { leakCheck } from "../support/leak-check.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";
import { uniqueName } from "../support/unique-name.ts";

const page = pageSize();
const HOLE = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

test("space is taken, with and without growing, and given back", () => {
  const path = join("/dev/shm", uniqueName("fallocate"));
  const fd = open(path, O_RDWR | O_CREAT | O_EXCL);
  const space = () => statSync(path).blocks * 512;
  fallocate(fd, 0, 0, 3 * page);
  assert.equal([fstat(fd).size, space()], [3 * page, 3 * page]);
  fallocate(fd, FALLOC_FL_KEEP_SIZE, 3 * page, page);
  assert.equal([fstat(fd).size, space()], [3 * page, 4 * page]);
  write(fd, new Uint8Array(2 * page).fill(7));
  fallocate(fd, HOLE, 0, page);
  assert.equal([fstat(fd).size, space()], [3 * page, 3 * page]);
  const again = open(path, O_RDONLY);
  const bytes = new Uint8Array(page + 1);
  assert.is(read(again, bytes), page + 1);
  assert.equal([bytes[0], bytes[page - 1], bytes[page]], [0, 0, 7], "a hole reads as zeros");
  close(again);
  close(fd);
  rmSync(path);
});

test("fallocate throws what the system says", () => {
  const [readEnd, writeEnd] = pipe2();
  const nothing = open("/dev/null", O_RDWR);
  const sealed = memfdCreate("sealed", MFD_ALLOW_SEALING);
  const memory = memfdCreate("memory");
  const readOnly = open("/proc/self/exe", O_RDONLY);
  // of a file system with a size, which a memfd is not in
  const path = join("/dev/shm", uniqueName("fallocate"));
  const limited = open(path, O_RDWR | O_CREAT | O_EXCL);
  rmSync(path);
  fallocate(sealed, 0, 0, page);
  addSeals(sealed, F_SEAL_GROW | F_SEAL_WRITE);
  for (const [code, fd, mode, offset, length] of [
    ["EBADF", -1, 0, 0, 1],
    ["EBADF", readOnly, 0, 0, 1],
    ["EINVAL", memory, 0, 0, 0],
    ["EINVAL", memory, 0, -1, 1],
    ["ENODEV", nothing, 0, 0, 1],
    ["ENOSPC", limited, 0, 0, 2 ** 50],
    ["ENOTSUP", memory, FALLOC_FL_COLLAPSE_RANGE, 0, page],
    ["EPERM", sealed, 0, page, 1],
    ["EPERM", sealed, HOLE, 0, page],
    ["ESPIPE", writeEnd, 0, 0, 1],
  ] as const) {
    throwsSystemError(() => fallocate(fd, mode, offset, length), code, "fallocate");
  }
  for (const fd of [readEnd, writeEnd, nothing, sealed, memory, readOnly, limited]) close(fd);
});

test("misuse is refused before the call", () => {
  assert.throws(() => fallocate(0.5, 0, 0, 1), /fd is 0.5/);
  assert.throws(() => fallocate(0, 2 ** 31, 0, 1), /mode is 2147483648/);
  assert.throws(() => fallocate(0, 0, 0.5, 1), /offset is 0.5/);
  assert.throws(() => fallocate(0, 0, 0, 2 ** 53), /length is 9007199254740992/);
});

leakCheck(test);
test.run();
