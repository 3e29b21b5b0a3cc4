import { test } from "uvu";
import * as assert from "uvu/assert";
import { close, epollCreate1, fionread, memfdCreate, O_RDONLY, open, pipe2, read, write } from "../../src/ffi/mod.ts";
import { scratch } from "../../src/ffi/scratch.ts";
import { leakCheck } from "../support/leak-check.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";

test("fionread counts the bytes in a pipe, from either end", () => {
  const [readEnd, writeEnd] = pipe2();
  for (const fd of [readEnd, writeEnd]) {
    new Uint8Array(scratch.buffer).fill(255);
    assert.is(fionread(fd), 0);
  }
  write(writeEnd, new Uint8Array(50_000));
  read(readEnd, new Uint8Array(10));
  assert.equal([fionread(readEnd), fionread(writeEnd)], [49_990, 49_990]);
  close(writeEnd);
  assert.is(fionread(readEnd), 49_990);
  close(readEnd);
});

test("fionread fails where nothing is counted", () => {
  const epoll = epollCreate1();
  throwsSystemError(() => fionread(epoll), "EINVAL", "ioctl");
  close(epoll);
  throwsSystemError(() => fionread(epoll), "EBADF", "ioctl");
  const file = memfdCreate("counted");
  write(file, new Uint8Array(7));
  assert.is(fionread(file), 0, "what is behind the position");
  close(file);
  assert.throws(() => fionread(0.5), /fd is 0.5/);
});

test("a device without a count says so", () => {
  const device = open("/dev/null", O_RDONLY);
  throwsSystemError(() => fionread(device), "ENOTTY", "ioctl");
  close(device);
});

leakCheck(test);
test.run();
