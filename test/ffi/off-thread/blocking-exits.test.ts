import { test } from "uvu";
import * as assert from "uvu/assert";
import { IPC_PRIVATE } from "../../../src/ffi/abi/current.ts";
import { EINTR } from "../../../src/ffi/abi/errno.ts";
import { msgctlRemove, msgctlStat, msgget, msgsnd, setMessageType } from "../../../src/ffi/msg.ts";
import { deadline } from "../../support/deadline.ts";
import { startPeer } from "../../support/peer-process.ts";
import { currentRuntime } from "../../support/runtimes.ts";

const LIMIT = 30_000;

for (const [what, args, status] of [
  ["by itself after a call", ["idle"], 0],
  ["by process.exit() while a call blocks", ["exit"], 7],
  ["by an uncaught error while a call blocks", ["throw"], 1],
  ["after a Worker that made a call ended by itself", ["idle", "worker"], 0],
  ["after a Worker ended by process.exit() while its call blocks", ["exit", "worker"], 0],
  ["after a Worker was terminated while its call blocks", ["terminate", "worker"], 0],
  ["by process.exit() while the call of a Worker blocks", ["main-exit", "worker"], 7],
] as const) {
  test(
    `a process ends ${what}`,
    deadline(LIMIT, async () => {
      const queue = msgget(IPC_PRIVATE, 0o600);
      try {
        const [ending, ...place] = args;
        const peer = startPeer(currentRuntime(), "test/ffi/peers/calls-blocking.ts", [ending, `${queue}`, ...place]);
        const end = await peer.exit();
        assert.is(end.status, status);
        const said = end.lines.filter((line) => line !== `${EINTR}` && line !== "worker ended");
        assert.equal(said, []);
        // its thread is gone, so nobody takes this
        const message = new DataView(new ArrayBuffer(16));
        setMessageType(message, 1);
        msgsnd(queue, message, 8, 0);
        assert.is(msgctlStat(queue).qnum, 1);
      } finally {
        msgctlRemove(queue);
      }
    }),
  );
}

test.run();
