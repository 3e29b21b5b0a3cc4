import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Channel } from "../../src/ipc/channel.ts";
import { objectDirectory } from "../../src/objects/object-directory.ts";
import { deadline } from "../support/deadline.ts";
import { failsWith } from "../support/fails-with.ts";
import { leakCheck } from "../support/leak-check.ts";

const KEY = 0x4d4c_0000 + (process.pid & 0xffff);
const FIFO = join(tmpdir(), "abandoned");
const LIMIT = 20_000;

const queueExists = () => new RegExp(`^ *${KEY} `, "m").test(readFileSync("/proc/sysvipc/msg", "utf8"));

/** How to open both ends, and whether the object behind them is there. */
const KINDS = [
  {
    name: "ring",
    pair: () => namedPair("ring:abandoned"),
    exists: () => existsSync(join(objectDirectory(), "abandoned.ring")),
  },
  { name: "fifo", pair: () => namedPair(`fifo:${FIFO}`), exists: () => existsSync(FIFO) },
  { name: "sysv", pair: () => namedPair(`sysv:${KEY}`), exists: queueExists },
  { name: "pipe", pair: () => Channel.pipe(), exists: () => false },
];

async function namedPair(address: string) {
  const [receiver, sender] = await Promise.all([Channel.receiver(address), Channel.sender(address)]);
  return { sender, receiver };
}

async function abandonFull(sender: Channel) {
  while (sender.trySend(new Uint8Array(4000)));
  const sent = sender.send(new Uint8Array(4000));
  sender.abandon();
  await failsWith("IPC_CLOSED", sent);
}

for (const { name, pair, exists } of KINDS) {
  test(
    `${name}: the receiver of an abandoned sender gets what was sent, IPC_PEER_GONE once, and the end`,
    deadline(LIMIT, async () => {
      const { sender, receiver } = await pair();
      await sender.send(new Uint8Array([1, 2, 3]));
      sender.abandon();
      assert.equal([...((await receiver.receive()) ?? [])], [1, 2, 3]);
      await failsWith("IPC_PEER_GONE", receiver.receive());
      assert.is(await receiver.receive(), undefined);
      await receiver.close();
      assert.is(exists(), false);
    }),
  );

  test(
    `${name}: a receiver that waits hears of it, and so do sends that wait`,
    deadline(LIMIT, async () => {
      const waiting = await pair();
      const received = waiting.receiver.receive();
      waiting.sender.abandon();
      await failsWith("IPC_PEER_GONE", received);
      await waiting.receiver.close();

      const full = await pair();
      await abandonFull(full.sender);
      assert.ok(full.sender.closed);
      await full.sender.close();
      await failsWith("IPC_CLOSED", full.sender.send(new Uint8Array(1)));
      await full.receiver.close();
      assert.is(exists(), false);
    }),
  );
}

for (const { name, address, exists } of [
  { name: "ring", address: "ring:abandoned", exists: () => existsSync(join(objectDirectory(), "abandoned.ring")) },
  { name: "sysv", address: `sysv:${KEY}`, exists: queueExists },
]) {
  test(
    `${name}: what an abandoned sender made and nobody came to is gone; what an earlier one left is not`,
    deadline(LIMIT, async () => {
      const alone = await Channel.sender(address);
      await alone.send(new Uint8Array(10));
      assert.is(exists(), true);
      alone.abandon();
      assert.is(exists(), false);

      const first = await Channel.sender(address);
      await first.send(new Uint8Array([1]));
      await first.close();
      const second = await Channel.sender(address);
      await second.send(new Uint8Array([2]));
      second.abandon();
      const receiver = await Channel.receiver(address);
      assert.equal([...((await receiver.receive()) ?? [])], [1]);
      assert.equal([...((await receiver.receive()) ?? [])], [2]);
      await failsWith("IPC_PEER_GONE", receiver.receive());
      await receiver.close();
      assert.is(exists(), false);
    }),
  );
}

test(
  "abandon() of a receiver is close()",
  deadline(LIMIT, async () => {
    const { sender, receiver } = await Channel.pipe();
    receiver.abandon();
    assert.ok(receiver.closed);
    await failsWith("IPC_CLOSED", sender.send(new Uint8Array(1)));
    await sender.close();
  }),
);

test(
  "a stream that is aborted abandons its channel",
  deadline(LIMIT, async () => {
    const { sender, receiver } = await Channel.pipe();
    const writer = sender.writable.getWriter();
    await writer.write(new Uint8Array([1]));
    await writer.abort(new Error("the source failed"));
    assert.equal([...((await receiver.receive()) ?? [])], [1]);
    await failsWith("IPC_PEER_GONE", receiver.receive());
    await receiver.close();
  }),
);

// the threads that wait keep descriptors of their own
leakCheck(test, async () => {
  for (const { pair } of KINDS) {
    const { sender, receiver } = await pair();
    const received = receiver.receive();
    await abandonFull(sender);
    await received;
    await receiver.close();
  }
});
test.run();
