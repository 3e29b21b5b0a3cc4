import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  close,
  epollCreate1,
  FD_CLOEXEC,
  getDescriptorFlags,
  getpid,
  gettid,
  getuid,
  INTERRUPTED,
  memfdCreate,
  O_RDONLY,
  open,
  POLLIN,
  pollOne,
  pthreadSigmask,
  readSignalfd,
  rtTgsigqueueinfo,
  SFD_NONBLOCK,
  SI_QUEUE,
  SI_TKILL,
  SI_USER,
  SIGKILL,
  SIGSTOP,
  SIGUSR1,
  SIGUSR2,
  signalfd,
  sigpending,
  sigprocmask,
  sigqueue,
  sigrtmax,
  sigrtmin,
  sigtimedwait,
  tgkill,
  WOULD_BLOCK,
} from "../../src/ffi/mod.ts";
import { scratch } from "../../src/ffi/scratch.ts";
import { asNobody, isRoot } from "../support/as-nobody.ts";
import { deadline } from "../support/deadline.ts";
import { whileInterrupted } from "../support/interrupted.ts";
import { leakCheck } from "../support/leak-check.ts";
import { nativePeer } from "../support/native-peer.ts";
import { skip } from "../support/skip.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";

const startPeer = nativePeer("signal-peer");

/** Runs a test while this thread has some signals blocked. */
function withBlocked(
  signals: () => readonly number[],
  run: (context: unknown) => void | Promise<void>,
): () => Promise<void> {
  return async () => {
    const before = pthreadSigmask("block", signals());
    try {
      await run(undefined);
    } finally {
      // what a failed test left would end the process
      while (typeof sigtimedwait(signals(), 0) === "object");
      pthreadSigmask("set", before);
    }
  };
}

test("pthreadSigmask says what was blocked, and changes it", () => {
  new Uint8Array(scratch.buffer).fill(255);
  const before = pthreadSigmask();
  assert.not(before.includes(SIGUSR1));
  assert.equal(pthreadSigmask("block", [SIGUSR1, sigrtmax()]), before);
  assert.equal(new Set(pthreadSigmask("unblock", [SIGUSR1])), new Set([...before, SIGUSR1, sigrtmax()]));
  assert.equal(new Set(pthreadSigmask()), new Set([...before, sigrtmax()]));
  pthreadSigmask("set", [SIGUSR2, SIGKILL, SIGSTOP]);
  assert.equal(pthreadSigmask("set", before), [SIGUSR2]);
  assert.equal(pthreadSigmask(), before);
});

test("sigprocmask changes the mask of this thread, the same one", () => {
  new Uint8Array(scratch.buffer).fill(255);
  const before = pthreadSigmask();
  assert.equal(sigprocmask("block", [SIGUSR1]), before);
  assert.ok(pthreadSigmask().includes(SIGUSR1));
  assert.equal(sigprocmask(), pthreadSigmask());
  sigprocmask("set", [SIGUSR2]);
  assert.equal(sigprocmask("unblock", [SIGUSR2]), [SIGUSR2]);
  assert.equal(sigprocmask("set", before), []);
  assert.equal(pthreadSigmask(), before);
});

test("the real-time signals", () => {
  assert.is(sigrtmin(), 34, "the C library keeps 32 and 33");
  assert.is(sigrtmax(), 64);
});

test(
  "sigtimedwait takes a signal to this thread, and only that",
  withBlocked(
    () => [SIGUSR1, SIGUSR2],
    () => {
      assert.is(sigtimedwait([SIGUSR1, SIGUSR2], 0), WOULD_BLOCK);
      tgkill(getpid(), gettid(), SIGUSR1);
      tgkill(getpid(), gettid(), SIGUSR1);
      tgkill(getpid(), gettid(), SIGUSR2);
      assert.equal(sigpending(), [SIGUSR1, SIGUSR2]);
      new Uint8Array(scratch.buffer).fill(255);
      const info = sigtimedwait([SIGUSR2], 60_000);
      // the C library says SI_USER for SI_TKILL here
      assert.equal(info, { signal: SIGUSR2, code: SI_USER, pid: getpid(), uid: getuid(), value: 0 });
      assert.is((sigtimedwait([SIGUSR1], Number.POSITIVE_INFINITY) as { signal: number }).signal, SIGUSR1);
      assert.is(sigtimedwait([SIGUSR1], 0), WOULD_BLOCK, "a standard signal waits once");
      assert.equal(sigpending(), []);
    },
  ),
);

test("a wait lasts its time", () => {
  const started = performance.now();
  assert.is(sigtimedwait([SIGUSR1], 30.5), WOULD_BLOCK);
  assert.ok(performance.now() - started >= 29);
});

test(
  "another signal ends a wait, and is a value",
  deadline(30_000, async () => {
    assert.is(await whileInterrupted(() => sigtimedwait([SIGUSR1], 60_000)), INTERRUPTED);
    assert.is(await whileInterrupted(() => sigtimedwait([SIGUSR1], Number.POSITIVE_INFINITY)), INTERRUPTED);
  }),
);

test(
  "C queues signals with numbers to this thread: all arrive, in order",
  withBlocked(
    () => [sigrtmin(), sigrtmin() + 1],
    deadline(30_000, async () => {
      const signal = sigrtmin();
      const peer = startPeer("queue", getpid(), gettid(), signal, 7, -8, 9);
      // without a turn of the event loop, in whose waits Bun unblocks all signals
      for (const value of [7, -8, 9])
        assert.equal(sigtimedwait([signal], 20_000), { signal, code: SI_QUEUE, pid: peer.pid, uid: getuid(), value });
      await peer.end();
    }),
  ),
);

test(
  "sigqueue sends numbers to C",
  deadline(30_000, async () => {
    const peer = startPeer("wait", sigrtmin() + 3, 3);
    assert.is(await peer.line(), "ready");
    sigqueue(peer.pid, 0, 0);
    for (const value of [1, -2, 2 ** 31 - 1]) sigqueue(peer.pid, sigrtmin() + 3, value);
    for (const value of [1, -2, 2 ** 31 - 1])
      assert.is(await peer.line(), `${sigrtmin() + 3} ${SI_QUEUE} ${getpid()} ${getuid()} ${value}`);
    await peer.end();
    throwsSystemError(() => sigqueue(peer.pid, 0, 0), "ESRCH", "sigqueue");
    throwsSystemError(() => sigqueue(getpid(), 65, 0), "EINVAL", "sigqueue");
    if (!isRoot()) return skip("needs root, to become another user");
    throwsSystemError(() => asNobody(() => sigqueue(1, 0, 0)), "EPERM", "sigqueue");
  }),
);

test(
  "a signalfd is readable while a signal waits, and gives it",
  withBlocked(
    () => [SIGUSR1, SIGUSR2, sigrtmin()],
    async () => {
      const fd = signalfd([SIGUSR1], SFD_NONBLOCK);
      assert.is(getDescriptorFlags(fd), FD_CLOEXEC);
      assert.is(readSignalfd(fd), WOULD_BLOCK);
      tgkill(getpid(), gettid(), SIGUSR2);
      assert.is(pollOne(fd, POLLIN, 0), 0);
      tgkill(getpid(), gettid(), SIGUSR1);
      assert.is(pollOne(fd, POLLIN, 60_000), POLLIN);
      assert.equal(readSignalfd(fd), { signal: SIGUSR1, code: SI_TKILL, pid: getpid(), uid: getuid(), value: 0 });
      assert.is(readSignalfd(fd), WOULD_BLOCK);
      assert.is(signalfd([SIGUSR2, sigrtmin()], 0, fd), fd, "other signals");
      assert.is((readSignalfd(fd) as { signal: number }).signal, SIGUSR2);
      const peer = startPeer("queue", getpid(), gettid(), sigrtmin(), -77);
      assert.is(pollOne(fd, POLLIN, 20_000), POLLIN);
      assert.equal(readSignalfd(fd), {
        signal: sigrtmin(),
        code: SI_QUEUE,
        pid: peer.pid,
        uid: getuid(),
        value: -77,
      });
      close(fd);
      await peer.end();
    },
  ),
);

test("what the system refuses", () => {
  for (const wrong of [0, 65, -1, 32]) {
    throwsSystemError(() => pthreadSigmask("block", [wrong]), "EINVAL", "sigaddset");
    throwsSystemError(() => sigprocmask("block", [wrong]), "EINVAL", "sigaddset");
    throwsSystemError(() => sigtimedwait([wrong], 0), "EINVAL", "sigaddset");
    throwsSystemError(() => signalfd([wrong]), "EINVAL", "sigaddset");
  }
  throwsSystemError(() => signalfd([SIGUSR1], 1), "EINVAL", "signalfd");
  throwsSystemError(() => signalfd([SIGUSR1], 0, 9999), "EBADF", "signalfd");
  const file = memfdCreate("no signalfd");
  throwsSystemError(() => signalfd([SIGUSR1], 0, file), "EINVAL", "signalfd");
  close(file);
  throwsSystemError(() => readSignalfd(-1), "EBADF", "read");
});

test("another user's thread is refused", () => {
  if (!isRoot()) return skip("needs root, to become another user");
  throwsSystemError(() => asNobody(() => rtTgsigqueueinfo(1, 1, SIGUSR1, 0)), "EPERM", "rt_tgsigqueueinfo");
});

test("readSignalfd of what is no signalfd", () => {
  const epoll = epollCreate1();
  throwsSystemError(() => readSignalfd(epoll), "EINVAL", "read");
  const folder = open("/", O_RDONLY);
  throwsSystemError(() => readSignalfd(folder), "EISDIR", "read");
  const memory = open("/proc/self/mem", O_RDONLY);
  throwsSystemError(() => readSignalfd(memory), "EIO", "read");
  for (const fd of [epoll, folder, memory]) close(fd);
});

test("misuse is refused before the call", () => {
  for (const call of [pthreadSigmask, sigprocmask])
    assert.throws(() => call("add" as "block", []), /how is "add", but must be/);
  assert.throws(() => sigtimedwait([0.5], 0), /a signal is 0.5/);
  assert.throws(() => sigtimedwait([SIGUSR1], -1), /timeout is -1/);
  assert.throws(() => sigqueue(1, 0, 2 ** 31), /value is 2147483648/);
});

leakCheck(test);
test.run();
