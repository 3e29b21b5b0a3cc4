import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  close,
  EFD_NONBLOCK,
  EFD_SEMAPHORE,
  eventfd,
  FD_CLOEXEC,
  getDescriptorFlags,
  read,
  WOULD_BLOCK,
  write,
} from "../../src/ffi/mod.ts";
import { leakCheck } from "../support/leak-check.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";

const value = new BigUint64Array(1);

test("writes add up, a read takes all", () => {
  const fd = eventfd(5, EFD_NONBLOCK);
  assert.is(getDescriptorFlags(fd), FD_CLOEXEC);
  write(fd, new BigUint64Array([2n]));
  write(fd, new BigUint64Array([3n]));
  assert.is(read(fd, value), 8);
  assert.is(value[0], 10n);
  assert.is(read(fd, value), WOULD_BLOCK);
  write(fd, new BigUint64Array([2n ** 64n - 2n]));
  assert.is(write(fd, new BigUint64Array([1n])), WOULD_BLOCK, "full");
  close(fd);
});

test("as a semaphore, a read takes one", () => {
  const fd = eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE);
  for (const count of [8, 8, WOULD_BLOCK]) assert.is(read(fd, value), count);
  assert.is(value[0], 1n);
  close(fd);
});

test("the largest initial value arrives, an unknown flag is EINVAL", () => {
  const fd = eventfd(2 ** 32 - 1);
  read(fd, value);
  assert.is(value[0], 2n ** 32n - 1n);
  close(fd);
  throwsSystemError(() => eventfd(0, 2), "EINVAL", "eventfd");
  assert.throws(() => eventfd(-1), /initial is -1/);
  assert.throws(() => eventfd(0, 0.5), /flags is 0.5/);
});

leakCheck(test);
test.run();
