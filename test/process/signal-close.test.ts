// timeout: 180s - it starts many processes
import { test } from "uvu";
import * as assert from "uvu/assert";
import * as signals from "../../src/process/signals/mod.ts";
import { signalNumber } from "../../src/process/signals/signal-names.ts";
import { deadline } from "../support/deadline.ts";
import { leakCheck } from "../support/leak-check.ts";
import { nativePeer } from "../support/native-peer.ts";
import { startPeer } from "../support/peer-process.ts";
import { currentRuntime } from "../support/runtimes.ts";

const LIMIT = 60_000;
const startNative = nativePeer("signal-peer");
const closing = (...args: string[]) => startPeer(currentRuntime(), "test/process/peers/closing.ts", args);

test(
  "1000 receivers come and go while signals come all the time",
  deadline(LIMIT, async () => {
    const names = ["SIGUSR1", "SIGUSR2", "SIGTERM", "SIGRTMIN+2"] as const;
    const peer = closing("storm", ...names);
    await peer.line("ready");
    const storm = startNative("storm", peer.pid, ...names.map(signalNumber));
    await peer.line("done 500");
    await storm.kill();
    await peer.kill();
  }),
);

for (const how of ["sent", "pending"]) {
  test(
    `a signal that was sent before close, and is ${how === "sent" ? "on its way" : "pending"}, does not kill; one that comes later does`,
    deadline(LIMIT, async () => {
      for (const last of ["SIGUSR2", "SIGTERM"] as const) {
        // Deno listens for SIGUSR1 itself, to start the debugger
        const names = "Deno" in globalThis ? [] : ["SIGUSR1"];
        const peer = closing(how, ...names, "SIGUSR2", "SIGTERM", "SIGHUP", "SIGRTMIN+2");
        await peer.line("done");
        signals.send(peer.pid, last);
        const { status, lines } = await peer.exit();
        assert.equal(lines, ["done"]);
        // killed, or, where the runtime has a handler of its own for the default, ended with 128 and the number
        assert.ok(status === null || status === 128 + signalNumber(last), `${status}`);
      }
    }),
  );
}

test(
  "a signal does not kill while the program's own listeners come and go",
  deadline(LIMIT, async () => {
    const peer = closing("listener", "SIGUSR1", "SIGUSR2", "SIGTERM");
    await peer.line("done");
    await peer.kill();
  }),
);

test(
  "what came before another receiver of the same signal was closed, is there",
  deadline(LIMIT, async () => {
    using kept = signals.receive(["SIGRTMIN+2"]);
    for (let round = 0; round < 100; round++) {
      const other = signals.receive(["SIGRTMIN+2", "SIGRTMIN+4"]);
      signals.block(["SIGRTMIN+2"]);
      for (let value = 0; value < 10; value++)
        signals.send(process.pid, "SIGRTMIN+2", { value: round * 10 + value, ordered: true });
      other.close();
      signals.unblock(["SIGRTMIN+2"]);
    }
    for (let value = 0; value < 1000; value++) assert.is((await kept.next()).value, value);
    assert.is(kept.lost, 0);
  }),
);

leakCheck(test, async () => {
  // the reactor, and what a runtime keeps after its first child
  await signals.wait(["SIGUSR2"], { timeout: 1 }).catch(() => {});
  await startNative("storm", 2 ** 22 + 1, 10).end();
});
test.run();
