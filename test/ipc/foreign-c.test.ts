// timeout: 180s
import { spawn } from "node:child_process";
import { once } from "node:events";
import { suite } from "uvu";
import { Channel } from "../../src/ipc/channel.ts";
import { failsWith } from "../support/fails-with.ts";
import { foreignPeer } from "../support/foreign-peer.ts";
import { foreignRingTests } from "../support/foreign-ring-tests.ts";
import { leakCheck } from "../support/leak-check.ts";
import { removeJournalsAtExit } from "../support/remove-journals.ts";
import { skip } from "../support/skip.ts";
import { uniqueName } from "../support/unique-name.ts";

const test = suite("ring: with C programs");
removeJournalsAtExit();
const peer = foreignPeer("c");
if (peer === undefined) {
  test("everything", () => skip("needs a C compiler"));
} else {
  foreignRingTests(test, peer, [
    {},
    { RING_CAPACITY: "4096" },
    { RING_SLEEP: "futex", RING_CAPACITY: "8192" },
    { RING_LOOP: "1", RING_CAPACITY: "32768", RING_BATCH: "4096" },
  ]);
}

leakCheck(test, async () => {
  // what waits for the event loop, and what listens for signals and for the end of a child
  await using receiver = await Channel.receiver(`ring:${uniqueName("warm")}`);
  await failsWith("IPC_TIMEOUT", receiver.receive({ timeout: 1 }));
  await failsWith("IPC_TIMEOUT", () => receiver.receiveSync({ timeout: 1 }));
  await once(spawn("true"), "close");
});
test.run();
