// runtimes: bun - both ends are other programs
import { readdirSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { objectDirectory } from "../../src/objects/object-directory.ts";
import { deadline } from "../support/deadline.ts";
import { foreignPeer, type Language } from "../support/foreign-peer.ts";
import { skip } from "../support/skip.ts";
import { uniqueName } from "../support/unique-name.ts";

const LIMIT = 20_000;
const SEED = 4711;
const MOST = 20_000;
const test = suite("ring: other languages with each other");
const peers = { c: foreignPeer("c"), python: foreignPeer("python") };

const PAIRS: readonly (readonly [from: Language, to: Language, sender: Env, receiver: Env])[] = [
  ["c", "c", {}, {}],
  ["c", "c", { RING_SLEEP: "futex" }, { RING_SLEEP: "futex" }],
  ["c", "c", { RING_LOOP: "1", RING_BATCH: "512" }, { RING_LOOP: "1", RING_BATCH: "512" }],
  ["c", "python", {}, {}],
  ["c", "python", { RING_SLEEP: "futex" }, {}],
  ["python", "c", {}, {}],
  ["python", "c", {}, { RING_SLEEP: "futex" }],
  ["python", "python", {}, {}],
];
type Env = Readonly<Record<string, string>>;

for (const [from, to, here, there] of PAIRS) {
  for (const capacity of ["4096", "1048576"]) {
    const [sending, receiving] = [peers[from], peers[to]];
    const settings = JSON.stringify([here, there]);
    test(
      `${from} to ${to}, ${capacity} bytes, ${settings}: messages, the end, and nothing left`,
      deadline(LIMIT, async () => {
        if (sending === undefined || receiving === undefined) return skip("needs python3, 3.9 or newer");
        const name = uniqueName("pair");
        const sender = sending("send", [name, 1500, SEED, MOST], { ...here, RING_CAPACITY: capacity });
        const receiver = receiving("receive", [name, SEED, MOST], there);
        assert.equal(
          [await receiver.line(), await receiver.line(), await receiver.line()],
          ["open", "1500 END", "END"],
        );
        await Promise.all([sender.end(), receiver.end()]);
        assert.not.ok(readdirSync(objectDirectory()).includes(`${name}.ring`));
      }),
    );
  }

  test(
    `${from} to ${to}, ${JSON.stringify([here, there])}: the death of either end is heard of while the other sleeps`,
    deadline(LIMIT, async () => {
      const [sending, receiving] = [peers[from], peers[to]];
      if (sending === undefined || receiving === undefined) return skip("needs python3, 3.9 or newer");
      const name = uniqueName("death");
      const receiver = receiving("receive", [name, SEED, MOST], there);
      assert.is(await receiver.line(), "open");
      const sender = sending("send-and-stay", [name, 60, SEED, MOST], here);
      assert.equal([await sender.line(), await sender.line()], ["open", "sent"]);
      await receiver.asleep();
      await sender.kill();
      assert.equal([await receiver.line(), await receiver.line()], ["60 IPC_PEER_GONE", "END"]);
      await receiver.end();

      const deaf = uniqueName("deaf");
      const first = receiving("receive-and-stay", [deaf, 0, SEED, MOST], there);
      assert.equal([await first.line(), await first.line()], ["open", "received"]);
      const talker = sending("send-until-error", [deaf, 3000], here);
      assert.is(await talker.line(), "open");
      await talker.asleep();
      await first.kill();
      assert.is(await talker.line(), "IPC_PEER_GONE");
      await talker.end();
      // a successor that is not there to read what they sent: opening and closing it ends the session
      const last = receiving("try", [deaf, "receiver"], there);
      assert.is(await last.line(), "OK");
      await last.end();
      assert.not.ok(readdirSync(objectDirectory()).some((entry) => entry.endsWith(".ring")));
    }),
  );
}

test(
  "C puts a larger ring in the place of one that C and Python have open to receive; the receiver follows",
  deadline(LIMIT, async () => {
    for (const language of ["c", "python"] as const) {
      for (const env of language === "c" ? [{}, { RING_SLEEP: "futex" }] : [{}]) {
        const receiving = peers[language];
        if (receiving === undefined) return skip("needs python3, 3.9 or newer");
        const name = uniqueName("larger");
        const receiver = receiving("receive", [name, SEED, MOST], env);
        assert.is(await receiver.line(), "open");
        await receiver.asleep();
        const sender = peers.c?.("send", [name, 200, SEED, MOST], { RING_CAPACITY: "2097152" });
        assert.is(await receiver.line(), "200 END");
        await Promise.all([sender?.end(), receiver.end()]);
      }
    }
  }),
);

test(
  "C: a message that finds too little memory stays the next one",
  deadline(LIMIT, async () => {
    const name = uniqueName("small");
    const sender = peers.c?.("hurried", [name, 300], {});
    const receiver = peers.c?.("small", [name]);
    assert.equal([await receiver?.line(), await receiver?.line()], ["NO_ROOM 300", "OK 0"]);
    await Promise.all([sender?.end(), receiver?.end()]);
  }),
);

test.run();
