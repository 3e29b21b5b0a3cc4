/*
 * Calls on a funnel into which somebody writes who obeys nothing: each gives something bounded or an error that is documented, and touches
 * nothing outside of the funnel.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { IpcError } from "../../src/errors.ts";
import { headerBytesOf } from "../../src/ring/header-bytes.ts";
import {
  allocateRing,
  CONSUMER_WAITER_OFFSET,
  FUNNEL_CONTROL_OFFSET,
  FUNNEL_END_OFFSET,
  FUNNEL_GENERATION_OFFSET,
  FUNNEL_PRESENT_OFFSET,
  FUNNEL_READ_OFFSET,
  FUNNEL_SLEEPERS_OFFSET,
  FUNNEL_SLOTS_OFFSET,
  FunnelConsumer,
  FunnelProducer,
  initializeHeader,
  KIND_FUNNEL,
  type RingMemory,
  TAIL_OFFSET,
} from "../../src/ring/mod.ts";
import { deadline } from "../support/deadline.ts";
import { nextRandom } from "./hostile-ring.ts";

const test = suite("funnel in hostile memory");
const seed = Number(process.env.MILLRACE_TEST_SEED ?? Date.now() % 1_000_000);
const CASES = 10_000;
const CAPACITY = 4096;
const GUARD_BYTES = 4096;
const GUARD_WORD = 0x6b6b6b6b;
const LIVELY_WORDS = [
  FUNNEL_END_OFFSET,
  TAIL_OFFSET,
  FUNNEL_READ_OFFSET,
  FUNNEL_GENERATION_OFFSET,
  FUNNEL_SLEEPERS_OFFSET,
].concat([
  CONSUMER_WAITER_OFFSET,
  FUNNEL_PRESENT_OFFSET,
  640,
  648,
  768,
  FUNNEL_SLOTS_OFFSET + 8,
  FUNNEL_SLOTS_OFFSET + 136,
  8,
  12,
  16,
]);
const VALUES = [
  0,
  1,
  2,
  16_384,
  31,
  32,
  63,
  64,
  65,
  4095,
  4096,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32 - 64,
].concat(
  [0x8000_0000, 0xa000_0000, 0xc000_0000, 0xe000_0000].flatMap((state) =>
    [0, 1, 64, 2048, 2049, 0x80_0010, 0x7f_ffff].map((low) => state + low),
  ),
);
const ALLOWED = ["IPC_CORRUPT", "IPC_TOO_LARGE", "IPC_CLOSED"];
const NOBODY = { wake() {} };
const outcomes: Record<string, number> = {};

let random = seed;
function below(limit: number): number {
  random = nextRandom(random);
  return Math.floor((random / 2 ** 32) * limit);
}

test(
  `${CASES} cases of calls and hostile writes (seed ${seed})`,
  deadline(90_000, () => {
    const headerBytes = headerBytesOf(KIND_FUNNEL, CAPACITY, 4096);
    const { byteLength } = allocateRing(CAPACITY, KIND_FUNNEL).bytes.buffer;
    const words = new Int32Array(new SharedArrayBuffer(byteLength + 2 * GUARD_BYTES)).fill(GUARD_WORD);
    const memory = { words, bytes: new Uint8Array(words.buffer), offset: GUARD_BYTES, capacity: CAPACITY, headerBytes };
    for (let i = 0; i < CASES; i++) {
      random = seed + i;
      words.fill(0, GUARD_BYTES >> 2, (GUARD_BYTES + byteLength) >> 2);
      initializeHeader(memory, { capacity: CAPACITY, kind: KIND_FUNNEL });
      runCase(memory, i);
    }
    for (let word = 0; word < GUARD_BYTES >> 2; word++) {
      assert.is(words[word], GUARD_WORD);
      assert.is(words[words.length - 1 - word], GUARD_WORD);
    }
    for (const seen of [
      "push done",
      "pop done",
      "pop IPC_CORRUPT",
      "push IPC_CORRUPT",
      "attach IPC_CORRUPT",
      "pass IPC_CORRUPT",
    ]) {
      assert.ok((outcomes[seen] ?? 0) > 10, `${seen}: ${JSON.stringify(outcomes)}`);
    }
  }),
);

function runCase(memory: RingMemory, number: number): void {
  const producers: FunnelProducer[] = [];
  let consumer: FunnelConsumer | undefined;
  const attach = () => {
    const slot = below(2);
    producers[slot] = new FunnelProducer(memory, slot, NOBODY);
  };
  const attachConsumer = () => {
    consumer = new FunnelConsumer(memory, NOBODY, {
      maxMessageBytes: [10, 3000][below(2)] as number,
      releaseBytes: below(3) * 512,
    });
  };
  note(number, "attach", attach);
  note(number, "attach", attachConsumer);
  for (let step = 0; step < 24; step++) {
    if (below(3) === 0) {
      attack(memory);
      continue;
    }
    const producer = producers[below(2)];
    const call = below(10);
    if (call === 0) note(number, "attach", below(2) === 0 ? attach : attachConsumer);
    else if (call < 5)
      note(number, "push", () => producer?.tryPush(new Uint8Array(below(below(2) === 0 ? 100 : 2100))));
    else if (call === 5) note(number, "claim", () => useClaim(memory, producer));
    else if (call === 6) note(number, "wait", () => waits(producer, consumer));
    else if (call === 7) note(number, "pass", () => void (consumer?.claimant !== -1 && consumer?.passOver()));
    else note(number, "pop", () => came(consumer?.tryPop()));
  }
}

function useClaim(memory: RingMemory, producer: FunnelProducer | undefined): void {
  if (producer === undefined) return;
  const length = below(2049);
  const at = producer.tryClaim(length);
  if (at === -1) return;
  const end = memory.words.length * 4 - GUARD_BYTES;
  if (at < GUARD_BYTES + FUNNEL_CONTROL_OFFSET || at + length > end)
    throw new Error(`${length} bytes at ${at} lie outside`);
  producer.bytes.fill(7, at, at + length);
  if (below(3) === 0) producer.abort();
  else if (below(3) > 0) producer.commit(below(length + 1));
}

function waits(producer: FunnelProducer | undefined, consumer: FunnelConsumer | undefined): void {
  producer?.poll();
  if (producer?.prepareWait()) producer.cancelWait();
  consumer?.poll();
  if (consumer?.prepareWait()) consumer.cancelWait();
  if ((producer?.free ?? 0) > CAPACITY || (consumer?.available ?? 0) > CAPACITY) throw new Error("More than there is");
  void consumer?.ended;
  void producer?.peerState;
}

function came(message: Uint8Array | undefined): void {
  if (message === undefined) return;
  if (message.length > 3000) throw new Error(`${message.length} bytes came`);
  if (message.some((byte, i) => byte === 0x6b && message[i + 1] === 0x6b && message[i + 2] === 0x6b)) {
    throw new Error("Bytes from outside came");
  }
}

function attack({ words, offset }: RingMemory): void {
  const kind = below(4);
  const at =
    kind === 0
      ? FUNNEL_CONTROL_OFFSET + 4 * below(64)
      : kind === 1
        ? // the word that is looked at next
          FUNNEL_CONTROL_OFFSET +
          4 * ((words[(offset + (below(2) === 0 ? TAIL_OFFSET : FUNNEL_END_OFFSET)) >> 2] as number) & 63)
        : (LIVELY_WORDS[below(LIVELY_WORDS.length)] as number);
  const value = below(2) === 0 ? (VALUES[below(VALUES.length)] as number) : below(2 ** 32);
  if ((value | 0) !== GUARD_WORD) Atomics.store(words, (offset + at) >> 2, value | 0);
}

/** Calls, and makes sure that an error is one that may come. */
function note(number: number, name: string, call: () => unknown): void {
  let outcome = "done";
  try {
    call();
  } catch (error) {
    if (error instanceof IpcError && ALLOWED.includes(error.code)) outcome = error.code;
    else if (error instanceof TypeError && error.message.startsWith("Cannot ")) outcome = "misuse";
    else throw new Error(`Case ${seed + number}: ${(error as Error).stack}`, { cause: error });
  }
  outcomes[`${name} ${outcome}`] = (outcomes[`${name} ${outcome}`] ?? 0) + 1;
}

test.run();
