import { spawnSync } from "node:child_process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { IPC_PRIVATE, SIGACTION } from "../../../src/ffi/abi/current.ts";
import { EINTR } from "../../../src/ffi/abi/errno.ts";
import { lazyBind } from "../../../src/ffi/bind.ts";
import { cString } from "../../../src/ffi/c-string.ts";
import { msgctlRemove, msgget } from "../../../src/ffi/msg.ts";
import { interruptSignal } from "../../../src/ffi/off-thread/interrupt.ts";
import { sigaction } from "../../../src/ffi/signal.ts";
import { setMember } from "../../../src/ffi/struct.ts";
import { failsWith } from "../../support/fails-with.ts";
import { commandFor, currentRuntime } from "../../support/runtimes.ts";
import { skip } from "../../support/skip.ts";

const c = lazyBind({
  dlsym: { parameters: ["pointer", "buffer"], result: "pointer" },
  sigaction: { parameters: ["i32", "buffer", "pointer"], result: "i32" },
});

/** Gives the signal a handler that is not the library's. */
function handle(signal: number): void {
  const action = new DataView(new ArrayBuffer(SIGACTION.sizeof));
  setMember(action, SIGACTION.sa_handler, c().dlsym(0, cString("labs")));
  assert.is(c().sigaction(signal, action, 0), 0);
}

test("the signal is the same at every call, and does nothing but interrupt", () => {
  const signal = interruptSignal();
  assert.is(interruptSignal(), signal);
  assert.is(sigaction(signal), "interrupt");
});

test("a signal that is reset gets its handler back, before it could end the process", () => {
  const signal = interruptSignal();
  sigaction(signal, "default");
  assert.is(interruptSignal(), signal);
  assert.is(sigaction(signal), "interrupt");
});

test("a signal that somebody else handles or ignores stays as it is", async () => {
  const first = interruptSignal();
  handle(first);
  assert.is(interruptSignal(), first + 1);
  assert.is(sigaction(first), "handler");
  sigaction(first + 1, "ignore");
  assert.is(interruptSignal(), first + 2);
  assert.is(sigaction(first + 1), "ignore");
  const used = [first, first + 1];
  for (let signal = first + 2; ; signal = interruptSignal()) {
    used.push(signal);
    sigaction(signal, "ignore");
    if (signal === 60) break;
  }
  await failsWith("IPC_LIMIT", interruptSignal, /44 to 60/);
  for (const signal of used) sigaction(signal, "default");
});

test("a call is interrupted also in a process that was started with all signals blocked", () => {
  const { command, args, env } = commandFor(currentRuntime(), "test/ffi/peers/calls-blocking.ts", ["idle"]);
  const queue = msgget(IPC_PRIVATE, 0o600);
  try {
    const { status, stdout, error } = spawnSync("env", ["--block-signal", command, ...args, `${queue}`], {
      env: { ...process.env, ...env },
      timeout: 20_000,
      killSignal: "SIGKILL",
      encoding: "utf8",
    });
    if (status === 125) return skip("this machine's env(1) cannot block signals");
    assert.is(error, undefined);
    assert.is(stdout, `${EINTR}\n`);
    assert.is(status, 0);
  } finally {
    msgctlRemove(queue);
  }
});

test.run();
