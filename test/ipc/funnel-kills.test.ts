// runtimes: bun - it starts senders on the other runtimes itself, and takes a while
// timeout: 180s
/*
 * Senders on all runtimes that are killed at any moment, and others that are not: nothing that was published is lost, repeated or changed, and
 * nobody is held up. MILLRACE_FUNNEL_KILLS says how many are killed.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Channel } from "../../src/ipc/channel.ts";
import { objectDirectory } from "../../src/objects/object-directory.ts";
import { readCounter } from "../../src/ring/counter.ts";
import {
  FROM_SLOT_TO_CARRY,
  FROM_SLOT_TO_MESSAGES,
  FUNNEL_SLOT_BYTES,
  FUNNEL_SLOTS,
  FUNNEL_SLOTS_OFFSET,
} from "../../src/ring/mod.ts";
import { deadline } from "../support/deadline.ts";
import { failsWith } from "../support/fails-with.ts";
import { type PeerProcess, startPeer } from "../support/peer-process.ts";
import type { RuntimeName } from "../support/runtimes.ts";
import { SeededMessages } from "../support/seeded-messages.ts";
import { uniqueName } from "../support/unique-name.ts";

const test = suite("killed senders of a funnel");
const KILLS = Number(process.env.MILLRACE_FUNNEL_KILLS ?? 10);
const seed = Number(process.env.MILLRACE_TEST_SEED ?? Date.now() % 1_000_000);
const VICTIMS: readonly RuntimeName[] = ["bun", "node26", "deno"];
const STEADY: readonly RuntimeName[] = ["node20", "bun"];
/** Messages of one that is not killed. */
const COUNT = 2000;

/** A sender as the receiver sees it. */
interface Sender {
  readonly peer: PeerProcess;
  readonly runtime: RuntimeName;
  readonly messages: SeededMessages;
  received: number;
  /** It is killed when so many of its messages have come. */
  readonly dies: number;
}

let random = seed;
function below(limit: number): number {
  random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((random / 2 ** 32) * limit);
}

test(
  `${KILLS} killed, ${STEADY.length} not (seed ${seed})`,
  deadline(150_000, async () => {
    const address = `funnel:${uniqueName()}`;
    const receiver = await Channel.receiver(address, { capacity: 16_384 });
    // so that the stream does not end while all others are dead
    const anchor = await Channel.sender(address);
    const senders: Sender[] = [];
    let started = 0;
    const start = (runtime: RuntimeName, dies: number, count: number) => {
      const number = seed + 1000 * ++started;
      const peer = startPeer(runtime, "test/ipc/peers/funnel-peer.ts", ["stream", address, `${number}`, `${count}`]);
      senders.push({ peer, runtime, messages: new SeededMessages(number, 2000, 16), received: 0, dies });
    };
    for (const runtime of STEADY) start(runtime, Number.POSITIVE_INFINITY, COUNT);
    for (const runtime of VICTIMS) start(runtime, 1 + below(500), 2 ** 30);
    const steady = senders.slice(0, STEADY.length);
    const killed: Promise<void>[] = [];
    let total = 0;
    const take = (message: Uint8Array) => {
      const sender = senderOf(message, senders);
      sender.received++;
      total++;
      if (sender.received !== sender.dies) return;
      killed.push(sender.peer.kill());
      if (killed.length + VICTIMS.length <= KILLS) start(sender.runtime, 1 + below(500), 2 ** 30);
    };
    try {
      while (killed.length < KILLS || steady.some(({ received }) => received < COUNT)) {
        take((await receiver.receive()) as Uint8Array);
      }
      await Promise.all(killed);
      await anchor.close();
      await failsWith("IPC_PEER_GONE", async () => {
        for await (const message of receiver) take(message);
      });
      assert.is(await receiver.receive(), undefined);
      for (const { peer } of steady) assert.is((await peer.exit()).status, 0);
      // each counts a message right before it publishes it
      const counted = countedBy(address);
      assert.ok(counted >= total && counted <= total + KILLS, `${counted} were counted, ${total} came`);
      await receiver.close();
    } finally {
      for (const { peer } of senders) await peer.kill();
    }
  }),
);

/** The sender whose next message this is. */
function senderOf(message: Uint8Array, senders: readonly Sender[]): Sender {
  for (const sender of senders) {
    const { received, messages } = sender;
    if (message[0] !== (received & 255) || message[1] !== ((received >> 8) & 255)) continue;
    if (Buffer.compare(messages.at(received), message) === 0) return sender;
  }
  throw new Error(`A message of ${message.length} bytes came that is nobody's next`);
}

/** How many messages all senders have counted, by the words in the segment. */
function countedBy(address: string): number {
  const file = readFileSync(join(objectDirectory(), `${address.slice(7)}.funnel`, "segment"));
  const words = new Int32Array(new Uint8Array(file).buffer);
  let sum = 0;
  for (let slot = 0; slot < FUNNEL_SLOTS; slot++) {
    const at = FUNNEL_SLOTS_OFFSET + slot * FUNNEL_SLOT_BYTES;
    sum += readCounter(words, (at + FROM_SLOT_TO_MESSAGES) >> 2, (at + FROM_SLOT_TO_CARRY) >> 2);
  }
  return sum;
}

test.run();
