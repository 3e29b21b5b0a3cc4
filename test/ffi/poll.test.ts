import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  close,
  O_NONBLOCK,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLNVAL,
  POLLOUT,
  pipe2,
  poll,
  pollOne,
  read,
  write,
} from "../../src/ffi/mod.ts";
import { waitReady } from "../../src/ffi/poll.ts";
import { leakCheck } from "../support/leak-check.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";

const bytes = new Uint8Array(1 << 17);

test("pollOne says what one descriptor is ready for", () => {
  const [readEnd, writeEnd] = pipe2(O_NONBLOCK);
  assert.is(pollOne(readEnd, POLLIN, 0), 0);
  assert.is(pollOne(writeEnd, POLLOUT, Number.POSITIVE_INFINITY), POLLOUT);
  write(writeEnd, bytes.subarray(0, 1));
  assert.is(pollOne(readEnd, POLLIN | POLLOUT, 1000), POLLIN);
  read(readEnd, bytes);
  write(writeEnd, bytes);
  assert.is(pollOne(writeEnd, POLLOUT, 0), 0, "full");
  read(readEnd, bytes);
  close(writeEnd);
  assert.is(pollOne(readEnd, POLLIN, 1000), POLLHUP);
  close(readEnd);
  assert.is(pollOne(readEnd, POLLIN, 1000), POLLNVAL);
});

test("a writer whose reader is gone is told so, without asking", () => {
  const [readEnd, writeEnd] = pipe2();
  close(readEnd);
  assert.is(pollOne(writeEnd, 0, 1000), POLLERR);
  close(writeEnd);
});

test("poll says how many are ready, and each one's state", () => {
  const [readEnd, writeEnd] = pipe2();
  const [emptyEnd, otherEnd] = pipe2();
  write(writeEnd, bytes.subarray(0, 1));
  const entries = [
    { fd: readEnd, events: POLLIN, revents: -1 },
    { fd: emptyEnd, events: POLLIN, revents: -1 },
    { fd: -1, events: POLLIN, revents: -1 },
    { fd: otherEnd, events: POLLOUT, revents: -1 },
  ];
  assert.is(poll(entries, 1000), 2);
  assert.equal(
    entries.map(({ revents }) => revents),
    [POLLIN, 0, 0, POLLOUT],
  );
  for (const fd of [readEnd, writeEnd, emptyEnd, otherEnd]) close(fd);
});

test("poll takes no entries at all, and more than fit in the preallocated memory", () => {
  assert.is(poll([], 1), 0);
  const [readEnd, writeEnd] = pipe2();
  const entries = Array.from({ length: 1000 }, (_, index) => ({
    fd: index % 2 === 0 ? writeEnd : readEnd,
    events: POLLIN | POLLOUT,
    revents: -1,
  }));
  assert.is(poll(entries, 0), 500);
  for (const [index, { revents }] of entries.entries()) assert.is(revents, index % 2 === 0 ? POLLOUT : 0);
  close(readEnd);
  close(writeEnd);
});

test("the whole time is waited for, fractions of a millisecond too", () => {
  const [readEnd, writeEnd] = pipe2();
  for (const timeout of [0.25, 20, 20.75]) {
    const started = performance.now();
    assert.is(pollOne(readEnd, POLLIN, timeout), 0);
    assert.ok(performance.now() - started >= timeout, `${timeout} ms`);
  }
  assert.is(pollOne(writeEnd, POLLOUT, 2 ** 40), POLLOUT);
  close(readEnd);
  close(writeEnd);
});

test("a time longer than a C int of milliseconds can say is waited for in parts", () => {
  const waits: number[] = [];
  const answers = [0, 0, 1];
  const count = waitReady(2 ** 40, "poll", (milliseconds) => {
    waits.push(milliseconds);
    return answers.shift() as number;
  });
  assert.is(count, 1);
  assert.equal(waits, Array(3).fill(2 ** 31 - 1));
  const forEver: number[] = [];
  waitReady(Number.POSITIVE_INFINITY, "poll", (milliseconds) => forEver.push(milliseconds));
  assert.equal(forEver, [-1]);
});

test("misuse is refused before the call", () => {
  for (const timeout of [-1, Number.NaN]) {
    assert.throws(() => poll([], timeout), /timeout is (-1|NaN), but must be milliseconds from 0 to Infinity/);
    assert.throws(
      () => pollOne(0, POLLIN, timeout),
      (error: unknown) => error instanceof RangeError,
    );
  }
  assert.throws(
    () => pollOne(0, POLLIN, "5" as unknown as number),
    (error: unknown) => error instanceof TypeError,
  );
  assert.throws(() => pollOne(0.5, POLLIN, 0), /fd is 0.5/);
  assert.throws(() => poll([{ fd: 0, events: 2 ** 31, revents: 0 }], 0), /events/);
});

test("more entries than descriptors are allowed is EINVAL", () => {
  const many = Array.from({ length: 2 ** 21 }, () => ({ fd: -1, events: 0, revents: 0 }));
  throwsSystemError(() => poll(many, 0), "EINVAL", "poll");
});

leakCheck(test);
test.run();
