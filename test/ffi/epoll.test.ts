import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  close,
  dup,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLLET,
  EPOLLHUP,
  EPOLLIN,
  EPOLLONESHOT,
  EPOLLOUT,
  epollCreate1,
  epollCtl,
  epollWait,
  FD_CLOEXEC,
  getDescriptorFlags,
  memfdCreate,
  pipe2,
  read,
  write,
} from "../../src/ffi/mod.ts";
import { leakCheck } from "../support/leak-check.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";

const byte = new Uint8Array(1);

test("an epoll instance tells what happened to which descriptor", () => {
  const epoll = epollCreate1();
  assert.is(getDescriptorFlags(epoll), FD_CLOEXEC);
  const [readEnd, writeEnd] = pipe2();
  epollCtl(epoll, EPOLL_CTL_ADD, readEnd, EPOLLIN);
  assert.equal(epollWait(epoll, 0), []);
  write(writeEnd, byte);
  assert.equal(epollWait(epoll, 1000), [{ events: EPOLLIN, data: readEnd }]);
  assert.equal(epollWait(epoll, Number.POSITIVE_INFINITY), [{ events: EPOLLIN, data: readEnd }], "still so");
  read(readEnd, byte);
  assert.equal(epollWait(epoll, 0), []);
  close(writeEnd);
  assert.equal(epollWait(epoll, 1000), [{ events: EPOLLHUP, data: readEnd }]);
  close(readEnd);
  assert.equal(epollWait(epoll, 0), [], "a closed one is gone from it");
  close(epoll);
});

test("data comes back whole, whatever safe integer it is", () => {
  const epoll = epollCreate1();
  const pipes = [0, 1, 2 ** 31, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER].map((data) => {
    const [readEnd, writeEnd] = pipe2();
    epollCtl(epoll, EPOLL_CTL_ADD, writeEnd, EPOLLOUT, data);
    return { readEnd, writeEnd, data };
  });
  const found = epollWait(epoll, 1000).map(({ data }) => data);
  assert.equal(new Set(found), new Set(pipes.map(({ data }) => data)));
  assert.is(found.length, pipes.length);
  assert.is(epollWait(epoll, 1000, 2).length, 2);
  for (const { readEnd, writeEnd } of pipes) {
    close(readEnd);
    close(writeEnd);
  }
  close(epoll);
});

test("256 events fit, with their data", () => {
  const epoll = epollCreate1();
  const [readEnd, writeEnd] = pipe2();
  const copies = Array.from({ length: 256 }, () => dup(writeEnd));
  for (const fd of copies) epollCtl(epoll, EPOLL_CTL_ADD, fd, EPOLLOUT);
  const events = epollWait(epoll, 1000);
  assert.equal(new Set(events.map(({ data }) => data)), new Set(copies));
  assert.ok(events.every((event) => event.events === EPOLLOUT));
  for (const fd of [...copies, readEnd, writeEnd, epoll]) close(fd);
});

test("EPOLLONESHOT and EPOLLET report once, EPOLL_CTL_MOD arms again", () => {
  const epoll = epollCreate1();
  const [readEnd, writeEnd] = pipe2();
  epollCtl(epoll, EPOLL_CTL_ADD, writeEnd, EPOLLOUT | EPOLLONESHOT);
  assert.is(epollWait(epoll, 1000).length, 1);
  assert.is(epollWait(epoll, 0).length, 0);
  // the highest bit, so that the mask is no int
  epollCtl(epoll, EPOLL_CTL_MOD, writeEnd, (EPOLLOUT | EPOLLET) >>> 0, 9);
  assert.equal(epollWait(epoll, 1000), [{ events: EPOLLOUT, data: 9 }]);
  assert.is(epollWait(epoll, 0).length, 0);
  epollCtl(epoll, EPOLL_CTL_DEL, writeEnd);
  for (const fd of [readEnd, writeEnd, epoll]) close(fd);
});

test("epollWait waits its whole time", () => {
  const epoll = epollCreate1();
  const started = performance.now();
  assert.equal(epollWait(epoll, 20.5), []);
  assert.ok(performance.now() - started >= 20.5);
  close(epoll);
});

test("calls throw what the system says", () => {
  const epoll = epollCreate1();
  const outer = epollCreate1();
  const [readEnd, writeEnd] = pipe2();
  const file = memfdCreate("regular");
  epollCtl(epoll, EPOLL_CTL_ADD, readEnd, EPOLLIN);
  throwsSystemError(() => epollCtl(epoll, EPOLL_CTL_ADD, readEnd, EPOLLIN), "EEXIST", "epoll_ctl");
  throwsSystemError(() => epollCtl(epoll, EPOLL_CTL_MOD, writeEnd, EPOLLIN), "ENOENT", "epoll_ctl");
  throwsSystemError(() => epollCtl(epoll, EPOLL_CTL_DEL, writeEnd), "ENOENT", "epoll_ctl");
  throwsSystemError(() => epollCtl(epoll, EPOLL_CTL_ADD, -1, EPOLLIN), "EBADF", "epoll_ctl");
  throwsSystemError(() => epollCtl(-1, EPOLL_CTL_ADD, readEnd, EPOLLIN), "EBADF", "epoll_ctl");
  throwsSystemError(() => epollCtl(readEnd, EPOLL_CTL_ADD, writeEnd, EPOLLIN), "EINVAL", "epoll_ctl");
  throwsSystemError(() => epollCtl(epoll, EPOLL_CTL_ADD, epoll, EPOLLIN), "EINVAL", "epoll_ctl");
  throwsSystemError(() => epollCtl(epoll, EPOLL_CTL_ADD, file, EPOLLIN), "EPERM", "epoll_ctl");
  epollCtl(outer, EPOLL_CTL_ADD, epoll, EPOLLIN);
  throwsSystemError(() => epollCtl(epoll, EPOLL_CTL_ADD, outer, EPOLLIN), "ELOOP", "epoll_ctl");
  throwsSystemError(() => epollWait(-1, 0), "EBADF", "epoll_wait");
  throwsSystemError(() => epollWait(readEnd, 0), "EINVAL", "epoll_wait");
  throwsSystemError(() => epollCreate1(1), "EINVAL", "epoll_create1");
  for (const fd of [epoll, outer, readEnd, writeEnd, file]) close(fd);
});

test("misuse is refused before the call", () => {
  assert.throws(() => epollCtl(0, EPOLL_CTL_ADD, 0, -1), /events is -1/);
  assert.throws(() => epollCtl(0, EPOLL_CTL_ADD, 0, EPOLLIN, -1), /data is -1/);
  assert.throws(() => epollWait(0, -1), /timeout is -1/);
  assert.throws(() => epollWait(0, 0, 0), /maxEvents is 0, but must be 1 to 256/);
  assert.throws(() => epollWait(0, 0, 257), /maxEvents is 257, but must be 1 to 256/);
});

leakCheck(test);
test.run();
