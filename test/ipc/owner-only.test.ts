/** Whose end removes an object: its owner's, in whatever way it ends, unless it was told not to, and nobody else's. */
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { objects } from "../../src/ipc/listing/objects.ts";
import { objectIdentity } from "../../src/objects/object-identity.ts";
import type { ObjectKind } from "../../src/objects/own.ts";
import { deadline } from "../support/deadline.ts";
import { leakCheck } from "../support/leak-check.ts";
import { type PeerProcess, startPeer } from "../support/peer-process.ts";
import { currentRuntime } from "../support/runtimes.ts";
import { uniqueKey } from "../support/unique-key.ts";
import { uniqueName } from "../support/unique-name.ts";

const LIMIT = 60_000;
const KINDS = 6;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const ENDINGS = ["end", "throw", ...SIGNALS] as const;
type Ending = (typeof ENDINGS)[number];

interface Named {
  readonly kind: ObjectKind;
  readonly name: string;
}

function start(what: string, name: string, ending: Ending, ...ids: readonly string[]): PeerProcess {
  const args = [what, name, isSignal(ending) ? "stay" : ending, ...ids];
  return startPeer(currentRuntime(), "test/ipc/peers/owner-or-user.ts", args);
}

function isSignal(ending: Ending): ending is (typeof SIGNALS)[number] {
  return ending.startsWith("SIG");
}

/** Has it end in this way. @returns the objects that it said it made */
async function end(peer: PeerProcess, ending: Ending): Promise<Named[]> {
  if (isSignal(ending)) {
    await peer.line("ready");
    process.kill(peer.pid, ending);
  }
  const { status, lines } = await peer.exit();
  assert.is(status, { end: 0, throw: 1, SIGINT: null, SIGTERM: null, SIGHUP: null }[ending]);
  return made(lines);
}

function made(lines: readonly string[]): Named[] {
  return lines
    .map((line) => line.split(" "))
    .flatMap(([kind, name]) => (name === undefined ? [] : [{ kind: kind as ObjectKind, name }]));
}

function there(all: readonly Named[]): ObjectKind[] {
  return all.filter(({ kind, name }) => objectIdentity(kind, name) !== undefined).map(({ kind }) => kind);
}

for (const ending of ENDINGS) {
  test(
    `what a process made goes with it: ${ending}`,
    deadline(LIMIT, async () => {
      const all = await end(start("own", uniqueName("own"), ending), ending);
      assert.is(all.length, KINDS);
      assert.equal(there(all), []);
    }),
  );

  test(
    `what it made with removeOnExit: false stays, and gc leaves it alone: ${ending}`,
    deadline(LIMIT, async () => {
      const all = await end(start("keep", uniqueName("keep"), ending), ending);
      assert.is(all.length, KINDS);
      assert.equal(objects.gc(), { removed: [], kept: [] });
      assert.equal(
        there(all),
        all.map(({ kind }) => kind),
      );
      for (const one of all) {
        objects.remove(one);
        assert.equal(there([one]), [], one.kind);
      }
    }),
  );
}

for (const scheme of ["ring", "funnel", "broadcast", "sysv", "mq"]) {
  test(
    `a channel of which a process held both ends goes with it, and what nobody has received: ${scheme}`,
    deadline(LIMIT, async () => {
      for (const ending of ENDINGS) {
        const name = uniqueName("both");
        const key = uniqueKey();
        const address = `${scheme}:${scheme === "sysv" ? `0x${key.toString(16)}` : scheme === "mq" ? `/${name}` : name}`;
        const peer = startPeer(currentRuntime(), "test/ipc/peers/both-ends.ts", [
          address,
          isSignal(ending) ? "stay" : ending,
        ]);
        await end(peer, ending);
        const left = objects.list().filter((object) => object.name?.includes(name) || object.key === key);
        assert.equal(left, [], `${address}, ${ending}`);
      }
    }),
  );
}

test(
  "what others made stays when a process that uses it ends, in whatever way",
  deadline(LIMIT, async () => {
    const name = uniqueName("others");
    const all = await end(start("keep", name, "end"), "end");
    const ids = all.map(({ name }) => name).slice(0, 3);
    for (const ending of ENDINGS) {
      await end(start("use", name, ending, ...ids), ending);
      assert.equal(
        there(all),
        all.map(({ kind }) => kind),
        ending,
      );
    }
    for (const one of all) objects.remove(one);
    assert.equal(there(all), []);
  }),
);

leakCheck(test);
test.run();
