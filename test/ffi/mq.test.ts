import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  close,
  FD_CLOEXEC,
  getDescriptorFlags,
  getrlimit,
  INTERRUPTED,
  memfdCreate,
  mqClose,
  mqGetattr,
  mqNotify,
  mqOpen,
  mqReceive,
  mqSend,
  mqSetattr,
  mqTimedreceive,
  mqTimedsend,
  mqUnlink,
  O_CREAT,
  O_EXCL,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  POLLIN,
  POLLOUT,
  pollOne,
  RLIMIT_MSGQUEUE,
  SIGUSR1,
  SIGWINCH,
  setrlimit,
  TIMED_OUT,
  WOULD_BLOCK,
} from "../../src/ffi/mod.ts";
import { scratch } from "../../src/ffi/scratch.ts";
import { asNobody, isRoot } from "../support/as-nobody.ts";
import { deadline } from "../support/deadline.ts";
import { whileInterrupted } from "../support/interrupted.ts";
import { leakCheck } from "../support/leak-check.ts";
import { skip } from "../support/skip.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";
import { uniqueName } from "../support/unique-name.ts";

const room = new Uint8Array(new ArrayBuffer(64));

/** Runs a test with a queue of its own, of 3 messages of 64 bytes. */
function withQueue(run: (queue: number, name: string) => void | Promise<void>, flags = 0): () => Promise<void> {
  return async () => {
    const name = `/${uniqueName("mq")}`;
    const queue = mqOpen(name, O_RDWR | O_CREAT | O_EXCL | flags, 0o600, { maxmsg: 3, msgsize: 64 });
    try {
      await run(queue, name);
    } finally {
      mqClose(queue);
      mqUnlink(name);
    }
  };
}

function receive(queue: number): unknown {
  const message = mqReceive(queue, room);
  return typeof message === "number" ? message : [message.priority, ...room.subarray(0, message.length)];
}

test(
  "the highest priority comes first, and then the oldest",
  withQueue((queue) => {
    assert.is(mqSend(queue, new Uint8Array([1]), 0), 0);
    assert.is(mqSend(queue, new Uint8Array([2, 3]), 32_767), 0);
    assert.is(mqSend(queue, new Uint8Array(0), 32_767), 0);
    assert.is(mqSend(queue, new Uint8Array([4]), 0), WOULD_BLOCK);
    assert.equal(receive(queue), [32_767, 2, 3]);
    assert.equal(receive(queue), [32_767]);
    assert.equal(receive(queue), [0, 1]);
    assert.is(receive(queue), WOULD_BLOCK);
  }, O_NONBLOCK),
);

test(
  "a queue is made as asked, closed in children, and seen by the kernel under its name",
  withQueue((queue, name) => {
    new Uint8Array(scratch.buffer).fill(255);
    mqSend(queue, new Uint8Array(1), 1);
    assert.equal(mqGetattr(queue), { nonblock: false, maxmsg: 3, msgsize: 64, curmsgs: 1 });
    assert.is(getDescriptorFlags(queue), FD_CLOEXEC);
    assert.is(readlinkSync(`/proc/self/fd/${queue}`), name);
    if (existsSync("/dev/mqueue")) assert.match(readFileSync(`/dev/mqueue${name}`, "utf8"), /QSIZE:1 /);
    const again = mqOpen(name, O_RDONLY);
    mqReceive(again, room);
    assert.is(mqGetattr(queue).curmsgs, 0);
    mqClose(again);
  }),
);

test("without a size it is as the system says", () => {
  const name = `/${uniqueName("mq")}`;
  const queue = mqOpen(name, O_RDWR | O_CREAT);
  const limit = (file: string) => Number(readFileSync(`/proc/sys/fs/mqueue/${file}`, "utf8"));
  const { maxmsg, msgsize } = mqGetattr(queue);
  assert.equal([maxmsg, msgsize], [Math.min(limit("msg_default"), limit("msg_max")), limit("msgsize_default")]);
  mqClose(queue);
  mqUnlink(name);
});

test(
  "mqSetattr sets O_NONBLOCK of this open",
  withQueue((queue, name) => {
    const other = mqOpen(name, O_RDONLY);
    new Uint8Array(scratch.buffer).fill(255);
    const size = { maxmsg: 3, msgsize: 64, curmsgs: 0 };
    assert.equal(mqSetattr(queue, { nonblock: true }), { nonblock: false, ...size }, "as it was");
    assert.equal([mqGetattr(queue).nonblock, mqGetattr(other).nonblock], [true, false]);
    assert.is(receive(queue), WOULD_BLOCK);
    assert.equal(mqSetattr(queue, { nonblock: false }), { nonblock: true, ...size });
    assert.is(mqGetattr(queue).nonblock, false);
    mqClose(other);
  }),
);

test(
  "waits last their time, and not when they need not",
  withQueue((queue) => {
    let started = performance.now();
    assert.is(mqTimedreceive(queue, room, 30.5), TIMED_OUT);
    assert.ok(performance.now() - started >= 29);
    for (let count = 0; count < 3; count++) assert.is(mqTimedsend(queue, new Uint8Array([count]), 0, 60_000), 0);
    started = performance.now();
    assert.is(mqTimedsend(queue, new Uint8Array(1), 0, 30.5), TIMED_OUT);
    assert.ok(performance.now() - started >= 29);
    assert.equal(mqTimedreceive(queue, room, 60_000), { length: 1, priority: 0 });
    assert.is(mqTimedsend(queue, new Uint8Array(2), 5, Number.POSITIVE_INFINITY), 0);
    assert.equal(mqTimedreceive(queue, room, Number.POSITIVE_INFINITY), { length: 2, priority: 5 });
    mqSetattr(queue, { nonblock: true });
    assert.equal(
      [receive(queue), receive(queue)],
      [
        [0, 1],
        [0, 2],
      ],
    );
    assert.is(mqTimedreceive(queue, room, 60_000), WOULD_BLOCK);
  }),
);

test(
  "a signal ends a wait, and is a value",
  withQueue(
    deadline(30_000, async (queue: number) => {
      assert.is(await whileInterrupted(() => mqReceive(queue, room)), INTERRUPTED);
      assert.is(await whileInterrupted(() => mqTimedreceive(queue, room, 60_000)), INTERRUPTED);
      for (let count = 0; count < 3; count++) mqSend(queue, room, 0);
      assert.is(await whileInterrupted(() => mqSend(queue, room, 0)), INTERRUPTED);
      assert.is(await whileInterrupted(() => mqTimedsend(queue, room, 0, 60_000)), INTERRUPTED);
    }),
  ),
);

test(
  "a queue can be polled",
  withQueue((queue) => {
    assert.is(pollOne(queue, POLLIN | POLLOUT, 0), POLLOUT);
    for (let count = 0; count < 3; count++) mqSend(queue, room, 0);
    assert.is(pollOne(queue, POLLIN | POLLOUT, 0), POLLIN);
  }),
);

test(
  "mqNotify brings one signal when a message comes into the empty queue",
  withQueue(
    deadline(30_000, async (queue: number) => {
      const signalled = new Promise<void>((resolve) => process.once("SIGWINCH", () => resolve()));
      new Uint8Array(scratch.buffer).fill(255);
      mqNotify(queue, { signal: SIGWINCH, value: -5 });
      throwsSystemError(() => mqNotify(queue, "none"), "EBUSY", "mq_notify");
      mqSend(queue, room, 0);
      await signalled;
      mqNotify(queue, "none");
      throwsSystemError(() => mqNotify(queue, { signal: SIGUSR1 }), "EBUSY", "mq_notify");
      mqNotify(queue, undefined);
      mqNotify(queue, { signal: SIGUSR1 });
      mqNotify(queue, undefined);
      receive(queue);
      mqSend(queue, room, 0);
      throwsSystemError(() => mqNotify(queue, { signal: 65 }), "EINVAL", "mq_notify");
    }),
  ),
);

test("names that are not allowed, and names that are not there", () => {
  const name = `/${uniqueName("mq")}`;
  const long = `/${"x".repeat(256)}`;
  for (const [wrong, code] of [
    ["no-slash", "EINVAL"],
    ["", "EINVAL"],
    ["/", "ENOENT"],
    ["/a/b", "EACCES"],
    [long, "ENAMETOOLONG"],
  ] as const) {
    throwsSystemError(() => mqOpen(wrong, O_RDWR | O_CREAT), code, "mq_open", wrong);
    throwsSystemError(() => mqUnlink(wrong), code, "mq_unlink", wrong);
  }
  throwsSystemError(() => mqOpen(name, O_RDWR), "ENOENT", "mq_open", name);
  throwsSystemError(() => mqUnlink(name), "ENOENT", "mq_unlink", name);
});

test(
  "what the system refuses",
  withQueue((queue, name) => {
    throwsSystemError(() => mqOpen(name, O_RDWR | O_CREAT | O_EXCL), "EEXIST", "mq_open", name);
    const other = `${name}-other`;
    for (const size of [
      { maxmsg: 0, msgsize: 1 },
      { maxmsg: 1, msgsize: 0 },
      { maxmsg: 1, msgsize: 2 ** 40 },
    ])
      throwsSystemError(() => mqOpen(other, O_RDWR | O_CREAT, 0o600, size), "EINVAL", "mq_open", other);
    throwsSystemError(() => mqSend(queue, room, 32_768), "EINVAL", "mq_send");
    throwsSystemError(() => mqSend(queue, new Uint8Array(65), 0), "EMSGSIZE", "mq_send");
    throwsSystemError(() => mqTimedsend(queue, new Uint8Array(65), 0, 1), "EMSGSIZE", "mq_timedsend");
    throwsSystemError(() => mqReceive(queue, new Uint8Array(63)), "EMSGSIZE", "mq_receive");
    throwsSystemError(() => mqTimedreceive(queue, new Uint8Array(63), 1), "EMSGSIZE", "mq_timedreceive");
    const reader = mqOpen(name, O_RDONLY);
    const writer = mqOpen(name, O_WRONLY);
    throwsSystemError(() => mqSend(reader, room, 0), "EBADF", "mq_send");
    throwsSystemError(() => mqReceive(writer, room), "EBADF", "mq_receive");
    mqClose(reader);
    mqClose(writer);
    const file = memfdCreate("no queue");
    throwsSystemError(() => mqGetattr(file), "EBADF", "mq_getattr");
    throwsSystemError(() => mqSetattr(file, { nonblock: true }), "EBADF", "mq_setattr");
    throwsSystemError(() => mqNotify(file, "none"), "EBADF", "mq_notify");
    close(file);
    throwsSystemError(() => mqClose(-1), "EBADF", "mq_close");
  }),
);

test("the limit of bytes in queues", () => {
  const name = `/${uniqueName("mq")}`;
  const before = getrlimit(RLIMIT_MSGQUEUE);
  setrlimit(RLIMIT_MSGQUEUE, { soft: 100, hard: before.hard });
  throwsSystemError(() => mqOpen(name, O_RDWR | O_CREAT), "EMFILE", "mq_open", name);
  setrlimit(RLIMIT_MSGQUEUE, before);
});

test(
  "another user's queue",
  withQueue((_, name) => {
    if (!isRoot()) return skip("needs root, to become another user");
    throwsSystemError(() => asNobody(() => mqOpen(name, O_RDONLY)), "EACCES", "mq_open", name);
    throwsSystemError(() => asNobody(() => mqUnlink(name)), "EACCES", "mq_unlink", name);
  }),
);

test(
  "calls with a time limit refuse what the others do",
  withQueue((queue, name) => {
    const reader = mqOpen(name, O_RDONLY);
    const writer = mqOpen(name, O_WRONLY);
    throwsSystemError(() => mqTimedsend(reader, room, 0, 1), "EBADF", "mq_timedsend");
    throwsSystemError(() => mqTimedreceive(writer, room, 1), "EBADF", "mq_timedreceive");
    throwsSystemError(() => mqTimedsend(queue, room, 32_768, 1), "EINVAL", "mq_timedsend");
    mqClose(reader);
    mqClose(writer);
  }),
);

test("misuse is refused before the call", () => {
  assert.throws(() => mqOpen("a\0", 0), /NUL/);
  assert.throws(() => mqOpen("/a", 0, 0, { maxmsg: -1, msgsize: 1 }), /size.maxmsg is -1/);
  assert.throws(() => mqSend(0, {} as never, 0), /message is a Object/);
  assert.throws(() => mqSend(0, room, -1), /priority is -1/);
  assert.throws(() => mqReceive(0.5, room), /queue is 0.5/);
  assert.throws(() => mqTimedreceive(0, room, -1), /timeout is -1/);
  assert.throws(() => mqNotify(0, { signal: 0.5 }), /signal is 0.5/);
});

leakCheck(test);
test.run();
