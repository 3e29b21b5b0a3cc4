import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SIGACTION } from "../../src/ffi/abi/current.ts";
import {
  close,
  getpid,
  gettid,
  kill,
  pipe2,
  posixSpawn,
  read,
  restoreSigaction,
  SIG_DFL,
  SIGKILL,
  SIGPIPE,
  SIGSTOP,
  SIGTERM,
  SIGURG,
  SIGWINCH,
  saveSigaction,
  sigaction,
  tgkill,
  waitpid,
} from "../../src/ffi/mod.ts";
import { scratch } from "../../src/ffi/scratch.ts";
import { getMember } from "../../src/ffi/struct.ts";
import { asNobody, isRoot } from "../support/as-nobody.ts";
import { deadline } from "../support/deadline.ts";
import { skip } from "../support/skip.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";

/** A process id that no process has. */
const NOBODY = 2 ** 22 + 1;

test(
  "kill sends a signal, 0 only looks",
  deadline(30_000, async () => {
    const child = spawn("sleep", ["1000"], { stdio: "ignore" });
    await once(child, "spawn");
    kill(child.pid as number, 0);
    kill(child.pid as number, SIGTERM);
    const [, signal] = await once(child, "exit");
    assert.is(signal, "SIGTERM");
    throwsSystemError(() => kill(child.pid as number, 0), "ESRCH", "kill");
  }),
);

test("kill with a negative number reaches a whole group", () => {
  const [readEnd, writeEnd] = pipe2();
  const pid = posixSpawn("/bin/sh", ["sh", "-c", "sleep 1000 & echo; sleep 1000"], {
    processGroup: 0,
    fileActions: [{ action: "dup2", from: writeEnd, to: 1 }],
  });
  close(writeEnd);
  const bytes = new Uint8Array(10);
  assert.is(read(readEnd, bytes), 1);
  kill(-pid, SIGKILL);
  assert.equal(waitpid(pid), { pid, kind: "killed", signal: SIGKILL, coreDumped: false });
  assert.is(read(readEnd, bytes), 0, "nobody of the group has the pipe any more");
  close(readEnd);
});

test("kill throws what the system says", () => {
  throwsSystemError(() => kill(NOBODY, 0), "ESRCH", "kill");
  throwsSystemError(() => kill(-NOBODY, 0), "ESRCH", "kill");
  throwsSystemError(() => kill(process.pid, 65), "EINVAL", "kill");
  throwsSystemError(() => kill(process.pid, -1), "EINVAL", "kill");
});

test("tgkill sends to one thread, and throws what the system says", () => {
  tgkill(getpid(), gettid(), 0);
  throwsSystemError(() => tgkill(getpid(), NOBODY, 0), "ESRCH", "tgkill");
  throwsSystemError(() => tgkill(1, gettid(), 0), "ESRCH", "tgkill");
  throwsSystemError(() => tgkill(0, gettid(), 0), "EINVAL", "tgkill");
  throwsSystemError(() => tgkill(getpid(), gettid(), 65), "EINVAL", "tgkill");
});

test("every runtime ignores SIGPIPE", () => {
  assert.is(sigaction(SIGPIPE), "ignore");
});

test("sigaction sets what a signal does, and says what it did", () => {
  assert.is(sigaction(SIGURG), "default");
  assert.is(sigaction(SIGURG, "ignore"), "default");
  assert.is(sigaction(SIGURG), "ignore");
  assert.is(sigaction(SIGURG, "interrupt"), "ignore");
  assert.is(sigaction(SIGURG), "interrupt");
  assert.is(sigaction(SIGURG, "default"), "interrupt");
  assert.is(sigaction(SIGURG), "default");
});

test("the handler that does nothing does nothing", () => {
  // as an earlier call may have left it
  new Uint8Array(scratch.buffer).fill(255);
  sigaction(SIGURG, "interrupt");
  for (let count = 0; count < 100; count++) tgkill(getpid(), gettid(), SIGURG);
  assert.is(sigaction(SIGURG), "interrupt", "it stays");
  sigaction(SIGURG, "default");
});

test("a handler of the runtime's is told apart", () => {
  const handler = () => {};
  process.on("SIGWINCH", handler);
  assert.is(sigaction(SIGWINCH), "handler");
  process.off("SIGWINCH", handler);
});

test(
  "what a signal does is saved and restored whole, with the runtime's handler",
  deadline(30_000, async () => {
    let count = 0;
    const handler = () => void count++;
    process.on("SIGWINCH", handler);
    try {
      const saved = saveSigaction(SIGWINCH);
      assert.is(sigaction(SIGWINCH, "default"), "handler");
      kill(process.pid, SIGWINCH); // which by default does nothing
      assert.is(saveSigaction(SIGWINCH).handler, SIG_DFL);
      restoreSigaction(saved);
      const restored = saveSigaction(SIGWINCH);
      assert.is(restored.handler, saved.handler);
      // of the mask the kernel has 64 bits; the C library leaves the rest of its own as it was
      const whole = ({ bytes }: typeof saved) =>
        [SIGACTION.sa_flags, { offset: SIGACTION.sa_mask.offset, size: 8, signed: false }].map((member) =>
          getMember(new DataView(bytes.buffer), member),
        );
      assert.equal(whole(restored), whole(saved), "with flags and mask");
      kill(process.pid, SIGWINCH);
      while (count === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      assert.is(count, 1);
    } finally {
      process.off("SIGWINCH", handler);
    }
  }),
);

test("saveSigaction and restoreSigaction throw what the system says, and refuse misuse", () => {
  throwsSystemError(() => saveSigaction(0), "EINVAL", "sigaction");
  throwsSystemError(() => saveSigaction(65), "EINVAL", "sigaction");
  const saved = saveSigaction(SIGKILL);
  throwsSystemError(() => restoreSigaction(saved), "EINVAL", "sigaction");
  assert.throws(() => saveSigaction(0.5), /signal is 0.5/);
  assert.throws(() => restoreSigaction({ ...saved, bytes: new Uint8Array(3) }), /must be what saveSigaction gave/);
});

test("sigaction throws what the system says", () => {
  throwsSystemError(() => sigaction(SIGKILL, "ignore"), "EINVAL", "sigaction");
  throwsSystemError(() => sigaction(SIGSTOP, "interrupt"), "EINVAL", "sigaction");
  throwsSystemError(() => sigaction(0), "EINVAL", "sigaction");
  throwsSystemError(() => sigaction(65), "EINVAL", "sigaction");
  assert.is(sigaction(SIGKILL), "default", "it may be asked");
  assert.throws(() => sigaction(SIGURG, "stop" as "default"), /action is "stop", but must be/);
  assert.throws(() => kill(0.5, 0), /pid is 0.5/);
});

test("another user's process is refused", () => {
  if (!isRoot()) return skip("needs root, to become another user");
  throwsSystemError(() => asNobody(() => kill(1, 0)), "EPERM", "kill");
  throwsSystemError(() => asNobody(() => tgkill(1, 1, 0)), "EPERM", "tgkill");
});

test("what cannot be saved or restored", () => {
  const saved = saveSigaction(SIGURG);
  throwsSystemError(() => saveSigaction(65), "EINVAL", "sigaction");
  throwsSystemError(() => restoreSigaction({ ...saved, signal: SIGKILL }), "EINVAL", "sigaction");
  assert.throws(() => restoreSigaction({ ...saved, bytes: new Uint8Array(1) }), /must be what saveSigaction gave/);
});

test.run();
