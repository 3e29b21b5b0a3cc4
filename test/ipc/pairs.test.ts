// runtimes: bun - it starts the writers and readers on the other runtimes itself
// timeout: 7200s
// serial
/*
 * Every writer runtime with every reader runtime, over every transport between processes. MILLRACE_PAIR_MESSAGES says how many messages
 * each pair exchanges; the full run is 1000000. Half of them goes one by one, half in batches.
 */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { close, pipe2 } from "../../src/ffi/fd.ts";
import { deadline } from "../support/deadline.ts";
import { type PeerProcess, startPeer } from "../support/peer-process.ts";
import type { RuntimeName } from "../support/runtimes.ts";
import { uniqueName } from "../support/unique-name.ts";
import { PEER } from "./contract/by-name.ts";

const RUNTIMES: readonly RuntimeName[] = ["bun", "node20", "node26", "deno"];
const MOST_BYTES = 4000;
const messages = Number(process.env.MILLRACE_PAIR_MESSAGES ?? 4000);
if (!Number.isInteger(messages) || messages < 2) {
  throw new RangeError(
    `MILLRACE_PAIR_MESSAGES is "${process.env.MILLRACE_PAIR_MESSAGES}", but must be a number from 2`,
  );
}
const half = messages >> 1;
/** A minute for the start, and longer for each message than any takes, in milliseconds. */
const limit = 60_000 + messages;

type Start = (
  writer: RuntimeName,
  reader: RuntimeName,
  sends: string[],
  receives: string[],
) => [PeerProcess, PeerProcess];

const TRANSPORTS: Record<string, Start> = {
  "ring:": named(() => `ring:${uniqueName()}`),
  "funnel:": named(() => `funnel:${uniqueName()}`),
  "pipe:": startOnPipe,
  "fifo:": named(() => `fifo:${join(tmpdir(), uniqueName())}`),
  "mq:": named(() => `mq:/${uniqueName()}`),
  "unix:/PATH": named(() => `unix:${join(tmpdir(), uniqueName())}`),
  "unix:@NAME": named(() => `unix:@${uniqueName("millrace")}`),
  "sysv:": named(() => `sysv:${0x4d50_0000 + (process.pid & 0xffff)}`),
};

for (const [transport, start] of Object.entries(TRANSPORTS)) {
  const test = suite(transport);
  for (const writer of RUNTIMES) {
    for (const reader of RUNTIMES) {
      test(
        `${writer} to ${reader}: ${messages} messages, none lost, repeated, reordered or changed`,
        deadline(limit, () => exchange(start, writer, reader)),
      );
    }
  }
  test.run();
}

async function exchange(start: Start, writer: RuntimeName, reader: RuntimeName): Promise<void> {
  const seed = (Math.random() * 2 ** 31) >>> 0;
  const rest = messages - half;
  const sends = [`send:${half}:${seed}:${MOST_BYTES}`, `send-many:${rest}:${seed + 1}:${MOST_BYTES}`, "close"];
  const receives = [
    `receive:${half}:${seed}:${MOST_BYTES}`,
    `batches:${rest}:${seed + 1}:${MOST_BYTES}`,
    "end",
    "close",
  ];
  const peers = start(writer, reader, sends, receives);
  try {
    const [sent, received] = await Promise.all(peers.map((peer) => peer.exit()));
    const done = (steps: string[]) => ({ status: 0, lines: ["open", ...steps.map((step) => `done ${step}`)] });
    assert.equal([sent, received], [done(sends), done(receives)]);
  } finally {
    for (const peer of peers) await peer.kill();
  }
}

function named(uniqueAddress: () => string): Start {
  return (writer, reader, sends, receives) => {
    const address = uniqueAddress();
    return [
      startPeer(writer, PEER, ["sender", address, "{}", ...sends]),
      startPeer(reader, PEER, ["receiver", address, "{}", ...receives]),
    ];
  };
}

function startOnPipe(
  writer: RuntimeName,
  reader: RuntimeName,
  sends: string[],
  receives: string[],
): [PeerProcess, PeerProcess] {
  const [readEnd, writeEnd] = pipe2(0);
  const peers: [PeerProcess, PeerProcess] = [
    startPeer(writer, PEER, ["sender", "pipe:3", "{}", ...sends], writeEnd),
    startPeer(reader, PEER, ["receiver", "pipe:3", "{}", ...receives], readEnd),
  ];
  close(readEnd);
  close(writeEnd);
  return peers;
}
