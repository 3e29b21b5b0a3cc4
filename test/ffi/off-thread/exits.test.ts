import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { close, pipe2 } from "../../../src/ffi/fd.ts";
import { deadline } from "../../support/deadline.ts";
import { startPeer } from "../../support/peer-process.ts";
import { currentRuntime } from "../../support/runtimes.ts";

const LIMIT = 30_000;

/** Runs the peer to its end. */
async function endOf(peer: string, ...args: string[]): Promise<{ status: number | null; lines: string[] }> {
  return startPeer(currentRuntime(), `test/ffi/peers/${peer}`, args).exit();
}

test(
  "a process without a pending wait ends by itself",
  deadline(LIMIT, async () => {
    assert.equal(await endOf("waits-for-fd.ts", "none", "natural"), { status: 0, lines: ["ready"] });
  }),
);

test(
  "a pending wait keeps the process alive, and nothing else does",
  deadline(LIMIT, async () => {
    const [readEnd, writeEnd] = pipe2();
    const peer = startPeer(currentRuntime(), "test/ffi/peers/waits-for-fd.ts", ["none", "input"], readEnd);
    close(readEnd);
    await peer.line("ready");
    const ended = peer.exit();
    assert.is(await Promise.race([ended, sleep(300, "alive")]), "alive");
    close(writeEnd);
    assert.equal(await ended, { status: 0, lines: ["ready", "input"] });
  }),
);

for (const state of ["none", "pending"]) {
  test(
    `process.exit() ends a process with reactor, waits: ${state}`,
    deadline(LIMIT, async () => {
      assert.equal(await endOf("waits-for-fd.ts", state, "exit"), { status: 7, lines: ["ready"] });
    }),
  );

  test(
    `an uncaught error ends a process with reactor, waits: ${state}`,
    deadline(LIMIT, async () => {
      assert.equal(await endOf("waits-for-fd.ts", state, "throw"), { status: 1, lines: ["ready"] });
    }),
  );

  test(
    `a Worker with a reactor of its own can be terminated, waits: ${state}`,
    deadline(LIMIT, async () => {
      const { status, lines } = await endOf("waits-for-fd.ts", state, "terminate", "worker");
      assert.equal({ status, lines }, { status: 0, lines: ["ready", "worker ended"] });
    }),
  );

  test(
    `a process ends while a Worker of it has a reactor, waits: ${state}`,
    deadline(LIMIT, async () => {
      assert.is((await endOf("waits-for-fd.ts", state, "main-exit", "worker")).status, 7);
    }),
  );
}

test(
  "a Worker with a reactor of its own ends by itself, by process.exit() and by an uncaught error",
  deadline(LIMIT, async () => {
    for (const [ending, lines] of [
      ["natural", ["worker ended"]],
      ["exit", ["worker ended"]],
      ["throw", ["error", "worker ended"]],
    ] as const) {
      const end = await endOf("waits-for-fd.ts", ending === "natural" ? "none" : "pending", ending, "worker");
      // what a Worker says just before its end may be lost
      assert.equal({ ...end, lines: end.lines.filter((line) => line !== "ready") }, { status: 0, lines });
    }
  }),
);

test.run();
