/**
 * Errnos that the kernel gives when it is short of something, or too old, cannot be had from it at will. A filter of system calls answers
 * in its place here, which tests that such an errno reaches the caller, whatever the call.
 */
import { execFile } from "node:child_process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { deadline } from "../support/deadline.ts";
import { compileNative } from "../support/native-program.ts";
import { commandFor, currentRuntime } from "../support/runtimes.ts";

test(
  "an errno that comes seldom reaches the caller of every function",
  deadline(60_000, async () => {
    const numbers = compileNative("system-calls");
    const { command, args, env } = commandFor(currentRuntime(), "test/ffi/peers/refused.ts", [numbers]);
    const run = () =>
      new Promise<string>((resolve) => {
        // it ends itself with SIGKILL
        execFile(command, args, { env: { ...process.env, ...env } }, (_, stdout, stderr) => resolve(stdout + stderr));
      });
    let output = await run();
    // the filter is for all that the thread does: where Bun's own memory management meets it, Bun aborts
    for (let again = 0; again < 4 && output.includes("abort() called"); again++) output = await run();
    assert.is(output, "105 tried\n");
  }),
);

test.run();
