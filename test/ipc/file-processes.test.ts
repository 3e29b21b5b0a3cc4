// runtimes: bun - it starts the other runtimes itself
// timeout: 180s
/* Rings in files between processes that do not live at the same time, or that are killed. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Channel } from "../../src/ipc/channel.ts";
import { deadline } from "../support/deadline.ts";
import { failsWith } from "../support/fails-with.ts";
import { compileNative } from "../support/native-program.ts";
import { type PeerProcess, startPeer } from "../support/peer-process.ts";
import type { RuntimeName } from "../support/runtimes.ts";
import { PEER } from "./contract/by-name.ts";
import { FileJournal, numbersOf } from "./peers/file-journal.ts";

const test = suite("rings in files between processes");
/** How often both ends are killed. */
const SESSIONS = 16;
const RUNTIMES: readonly RuntimeName[] = ["bun", "node20", "node26", "deno"];
const folder = mkdtempSync(join(tmpdir(), "file-processes-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

async function runs(peer: PeerProcess, steps: readonly string[]): Promise<void> {
  const { status, lines } = await peer.exit();
  assert.equal({ status, lines }, { status: 0, lines: ["open", ...steps.map((step) => `done ${step}`)] });
}

for (const writer of RUNTIMES) {
  test(
    `what ${writer} has written every runtime reads later, again and again`,
    deadline(60_000, async () => {
      const address = `file:${join(folder, writer)}`;
      const sends = ["send:300:7:2000", "send-many:300:8:2000", "close"];
      await runs(startPeer(writer, PEER, ["sender", address, '{"capacity":2097152}', ...sends]), sends);
      const receives = ["receive:300:7:2000", "batches:300:8:2000", "end", "close"];
      for (const reader of RUNTIMES) {
        await runs(startPeer(reader, PEER, ["receiver", address, '{"from":"oldest"}', ...receives]), receives);
      }
    }),
  );
}

for (const [what, said] of [
  ["exchange", [/^IPC_EXISTS Cannot make file:.* larger for its sender: .*EINVAL.* Open the sender before/, /^done$/]],
  ["fifo", [/^IPC_PERMISSION .*on a file system that has FIFOs: .*EPERM/]],
  ["disk", [/^EIO EIO: .*msync/, /^done$/]],
] as const) {
  test(
    `what a file system cannot do is an error that says so, and harms nobody: ${what}`,
    deadline(30_000, async () => {
      const own = join(folder, `refused-${what}`);
      mkdirSync(own);
      const peer = startPeer("bun", "test/ipc/peers/file-refused.ts", [what, own, compileNative("system-calls")]);
      const { lines } = await peer.exit();
      assert.is(lines.length, said.length, lines.join("\n"));
      lines.forEach((line, i) => {
        assert.match(line, said[i] as RegExp);
      });
      // and nothing is left that was begun
      assert.equal(readdirSync(own), what === "fifo" ? [] : [what]);
    }),
  );
}

test(
  "both ends killed at random times: nothing is lost, nothing changes, and what was not released comes again",
  deadline(150_000, async () => {
    const address = `file:${join(folder, "killed")}`;
    const path = join(folder, "journal");
    const journal = new FileJournal(path);
    let received = 0;
    for (let session = 1; session <= SESSIONS; session++) {
      const writer = RUNTIMES[session % 4] as RuntimeName;
      const reader = RUNTIMES[(session >> 2) % 4] as RuntimeName;
      journal.begin(session);
      const peers = [
        startPeer(writer, "test/ipc/peers/file-end.ts", ["sender", address, path, String(session)]),
        startPeer(reader, "test/ipc/peers/file-end.ts", ["receiver", address, path]),
      ];
      try {
        await Promise.all(peers.map((peer) => peer.line("ready")));
        // a sender that died before it sent anything is told of once, and who looks next waits for another one
        while (session === 1 && journal.read().sent === 0) await sleep(1);
        // now and then before they have done anything
        if (session % 5 !== 0) await sleep(Math.random() * 120);
      } finally {
        await Promise.all(peers.map((peer) => peer.kill()));
      }
      received += journal.received;
      await examine(address, journal, session);
    }
    console.log(`${2 * SESSIONS} kills, ${received} messages received before`);
    assert.ok(received > 0);
  }),
);

/** What is in the ring that two killed processes left. */
async function examine(address: string, journal: FileJournal, session: number): Promise<void> {
  const unread = await contents(address, undefined, 1);
  const all = await contents(address, "oldest", Number.POSITIVE_INFINITY);
  const seen = `session ${session}: ${JSON.stringify({ first: unread[0], ...journal.read() })}`;
  // each session's messages are numbered, and none is missing between the oldest and the last
  all.forEach((message, i) => {
    const before = all[i - 1];
    if (before === undefined) return;
    const next = message.session === before.session && message.index === before.index + 1;
    const begins = message.session > before.session && message.index === 0;
    assert.ok(next || begins, `${JSON.stringify([before, message])} ${seen}`);
  });
  const { sent, looked } = journal.read();
  const last = all.filter((message) => message.session === session).at(-1);
  assert.ok((last?.index ?? -1) >= sent - 1, `all that the sender had sent is there: ${JSON.stringify(last)} ${seen}`);
  if (looked.session !== 0) {
    // the message that it wrote down last was released or not, and the one behind it certainly was not
    const isOne = (wanted: typeof looked | undefined) => (one: typeof looked) =>
      one.session === wanted?.session && one.index === wanted.index;
    const at = all.findIndex(isOne(looked));
    const place = unread.length === 0 ? all.length : all.findIndex(isOne(unread[0]));
    // where it is not held any more, all that was released has been given up
    assert.ok(at < 0 ? place === 0 : place === at || place === at + 1, `it goes on at ${place} behind ${at} ${seen}`);
  }
  // and the position is where it was again
  await skipTo(address, unread[0]);
}

async function contents(address: string, from: "oldest" | undefined, most: number) {
  await using receiver = await Channel.receiver(address, from === undefined ? {} : { from });
  const found: { session: number; index: number }[] = [];
  if (most === 1) {
    const look = receiver.tryPeek();
    if (look !== undefined) found.push(numbersOf(look.slice()));
    return found;
  }
  await failsWith("IPC_PEER_GONE", async () => {
    for await (const message of receiver) found.push(numbersOf(message));
  });
  return found;
}

/** Receives again what was received before, up to this message. */
async function skipTo(address: string, first: { session: number; index: number } | undefined): Promise<void> {
  await using receiver = await Channel.receiver(address, { from: "oldest" });
  for (;;) {
    const look = receiver.tryPeek();
    if (look === undefined) return;
    const { session, index } = numbersOf(look.slice());
    if (first !== undefined && session === first.session && index === first.index) return;
    receiver.release();
  }
}

test.run();
