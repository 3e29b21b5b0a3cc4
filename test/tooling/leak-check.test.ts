import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runtime } from "../../src/runtime.ts";
import { commandFor, currentRuntime } from "../support/runtimes.ts";

const SOCKETS = ["socket:", "socket:"];

function run(...leaks: string[]) {
  const { command, args, env } = commandFor(currentRuntime(), "test/tooling/peers/leaking.ts", leaks);
  const { status, stdout } = spawnSync(command, args, {
    env: { ...process.env, ...env, NO_COLOR: "1" },
    encoding: "utf8",
  });
  return { status, stdout };
}

test("the leak check does not take threads that start late for a leak", () => {
  const { status, stdout } = run();
  assert.is(status, 0, stdout);
  assert.match(stdout, /Passed: +2/);
});

test("the leak check finds a descriptor of each kind", () => {
  const { status, stdout } = run("pipe", "end", "socket", "file", "memory", "queue", "signals", "watch", "process");
  rmSync(join(process.env.MILLRACE_DIR as string, "left"));
  assert.is(status, 1);
  assert.match(stdout, /Passed: +1/);
  // uvu shows spaces as dots
  const found = [...stdout.matchAll(/"\d+·(.*)"/g)].map(([, target = ""]) => target);
  const kinds = found.map((target) => target.replace(/^.*\/|(-\d+)?·.*|\[\d+\]$/g, "").replace(/^anon_inode:/, ""));
  const ofRuntime = { bun: SOCKETS, deno: [], node: [...SOCKETS, "[pidfd]"] };
  const expected = ["left", "memfd:left", "millrace-left", "pipe:", "pipe:", "pipe:", "[signalfd]", "inotify"];
  assert.equal(kinds.sort(), [...expected, ...ofRuntime[runtime]].sort());
});

test.run();
