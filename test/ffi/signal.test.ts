import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  getpid,
  gettid,
  kill,
  SIGKILL,
  SIGPIPE,
  SIGSTOP,
  SIGTERM,
  SIGURG,
  SIGWINCH,
  sigaction,
  tgkill,
} from "../../src/ffi/mod.ts";
import { scratch } from "../../src/ffi/scratch.ts";
import { deadline } from "../support/deadline.ts";
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

test("kill throws what the system says", () => {
  throwsSystemError(() => kill(NOBODY, 0), "ESRCH", "kill");
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

test("sigaction throws what the system says", () => {
  throwsSystemError(() => sigaction(SIGKILL, "ignore"), "EINVAL", "sigaction");
  throwsSystemError(() => sigaction(SIGSTOP, "interrupt"), "EINVAL", "sigaction");
  throwsSystemError(() => sigaction(0), "EINVAL", "sigaction");
  throwsSystemError(() => sigaction(65), "EINVAL", "sigaction");
  assert.is(sigaction(SIGKILL), "default", "it may be asked");
  assert.throws(() => sigaction(SIGURG, "stop" as "default"), /action is "stop", but must be/);
  assert.throws(() => kill(0.5, 0), /pid is 0.5/);
});

test.run();
