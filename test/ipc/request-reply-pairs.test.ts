// runtimes: bun - it starts both sides on the other runtimes itself
// timeout: 600s
// serial
/* Every runtime asks and every runtime answers, in a process each: all requests in flight at once, then one by one with the thread blocked. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { deadline } from "../support/deadline.ts";
import { startPeer } from "../support/peer-process.ts";
import type { RuntimeName } from "../support/runtimes.ts";
import { uniqueName } from "../support/unique-name.ts";

const RUNTIMES: readonly RuntimeName[] = ["bun", "node20", "node26", "deno"];
const PEER = "test/ipc/peers/call-peer.ts";
const COUNT = 2000;
const test = suite("request and reply between runtimes");

for (const server of RUNTIMES) {
  test(
    `${server} answers ${RUNTIMES.join(", ")}, one after the other`,
    deadline(240_000, async () => {
      const address = `ring:${uniqueName("calls")}`;
      const responder = startPeer(server, PEER, ["serve", address]);
      try {
        await responder.line("serving");
        for (const client of RUNTIMES) {
          for (const verb of ["ask", "sync"]) {
            const asked = await startPeer(client, PEER, [verb, address, String(COUNT)]).exit();
            assert.equal(asked, { status: 0, lines: [`asked ${COUNT}`] }, `${client} ${verb}`);
          }
        }
        responder.resume();
        assert.equal(await responder.exit(), { status: 0, lines: ["serving", "closed"] });
      } finally {
        await responder.kill();
      }
    }),
  );
}

test.run();
