import type { RingConsumer, RingMemory, RingProducer } from "../../src/ring/mod.ts";
import type { Actor, Scenario, World } from "./explore.ts";
import { OPENED } from "./opened-ring.ts";

/** `src/ring/mod.ts`, or a changed copy of it. */
export type RingModule = typeof import("../../src/ring/mod.ts");

/** Bytes of the ring; the smallest. */
const CAPACITY = 4096;
const HEADER = 4096;

/** What goes through the ring in a scenario. */
export interface RingScenario {
  /** Bytes of each message, in order. */
  readonly messages: readonly number[];
  /** Messages of the producer that comes when the first was killed. */
  readonly successor?: readonly number[];
  /** Where the indices stand at the beginning, so that they wrap. */
  readonly start?: number;
  /** Records of this size are in the ring already, so that it is nearly full. */
  readonly filled?: number;
  readonly batchBytes?: number;
  readonly releaseBytes?: number;
  /** Who may be killed. */
  readonly mortal?: "producer" | "consumer";
  /** Nobody closes, and the consumer stops when it has so many: a wake-up that is lost is not made good by a later one. */
  readonly takes?: number;
  /** The producer does not look once more while it sleeps, which it need not where the consumer gives back in order. */
  readonly sleepsAtOnce?: boolean;
  /** The consumer peeks and releases instead of popping; "together": it keeps what is there, two at most, and releases that together. */
  readonly peeks?: true | "together";
}

/**
 * A producer that sends all its messages and closes, and a consumer that receives up to the end. Both sleep when there is nothing to do, as
 * the channel's ends do. What the consumer gets must be what was sent, in order, once.
 */
export function ringScenario(ring: RingModule, options: RingScenario): Scenario {
  const { messages, successor, mortal } = options;
  const actors: Actor[] = [
    {
      name: "producer",
      mortal: mortal === "producer",
      program: (world) => produce(ring, options, world, messages, 0),
    },
    { name: "consumer", mortal: mortal === "consumer", program: (world) => consume(ring, options, world) },
  ];
  if (mortal === "producer") {
    const program = (world: World) => produce(ring, options, world, successor ?? [], SUCCESSOR);
    actors.push({ name: "successor", succeeds: "producer", program });
  }
  if (mortal === "consumer") {
    actors.push({ name: "successor", succeeds: "consumer", program: (world) => consume(ring, options, world) });
  }
  return {
    actors,
    buffer: () => makeBuffer(ring, options),
    mirror: { at: HEADER, length: CAPACITY },
    isBuffered: (byte) => byte === ring.TAIL_OFFSET,
    isShared: (byte) => (byte >= HEADER && byte < HEADER + CAPACITY) || SHARED.has(byte),
    wokenByDeath: (name) => (name === "producer" ? ["consumer"] : ["producer"]),
    check: (results, killed) => check(options, results, killed),
  };
}

/** The first message of a successor has this number. */
const SUCCESSOR = 100;
/** Indices, waiter words and state words. The counters and what never changes are nobody's business but their owner's. */
const SHARED = new Set([128, 256, 384, 512, 640, 768]);

function makeBuffer(ring: RingModule, { start = 0, filled }: RingScenario): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(HEADER + 2 * CAPACITY);
  const memory = { words: new Int32Array(buffer), bytes: new Uint8Array(buffer), offset: 0, capacity: CAPACITY };
  ring.initializeHeader(memory, { capacity: CAPACITY });
  memory.words[ring.HEAD_OFFSET >> 2] = start | 0;
  memory.words[ring.TAIL_OFFSET >> 2] = start | 0;
  if (filled !== undefined) {
    const producer = new ring.RingProducer(memory, { wake() {} });
    while (producer.tryPush(new Uint8Array(filled)));
    memory.words[640 >> 2] = 0;
    memory.words[648 >> 2] = 0;
  }
  return buffer;
}

function memoryOf(world: World): RingMemory {
  return { words: world.words, bytes: world.bytes, offset: 0, capacity: CAPACITY, name: "model" };
}

/** @returns how many messages were sent whole */
function produce(
  ring: RingModule,
  { batchBytes = 0, takes, sleepsAtOnce = false }: RingScenario,
  world: World,
  sizes: readonly number[],
  first: number,
): number {
  const producer: RingProducer = new ring.RingProducer(
    memoryOf(world),
    { wake: () => world.ring("consumer", "successor") },
    { batchBytes },
  );
  for (const [i, size] of sizes.entries()) {
    world.mark(`push ${i} ${stateOf(producer)}`);
    const message = numbered(first + i, size);
    if (size > producer.largestPayload) {
      producer.beginMessage(message);
      while (!producer.continueMessage()) wait(world, producer, sleepsAtOnce);
    } else {
      while (!producer.tryPush(message)) wait(world, producer, sleepsAtOnce);
    }
  }
  world.mark(`end ${stateOf(producer)}`);
  if (takes === undefined) producer.close();
  else producer.flush();
  return sizes.length;
}

/** @returns the numbers of the messages received */
function consume(ring: RingModule, options: RingScenario, world: World): number[] {
  const { releaseBytes = 0, mortal, peeks, takes = Number.POSITIVE_INFINITY } = options;
  const numbers: number[] = [];
  const consumer: RingConsumer = new ring.RingConsumer(
    memoryOf(world),
    { wake: () => world.ring("producer", "successor") },
    { releaseBytes },
  );
  while (numbers.length < takes) {
    world.mark(`pop ${numbers.join()} ${stateOf(consumer)}`);
    const taken =
      peeks === "together" ? peekTogether(consumer, world) : peeks ? peekNumber(consumer, world) : popNumber(consumer);
    if (taken.length > 0) {
      numbers.push(...taken.filter((number) => number !== FILLER));
      continue;
    }
    if (consumer.ended) break;
    if (mortal === "producer" && world.isDead("producer") && options.successor === undefined) {
      // the last look comes after it is known that nobody publishes any more
      if (consumer.available > 0) continue;
      break;
    }
    if (consumer.prepareWait(2)) {
      world.sleep();
      consumer.cancelWait();
    }
  }
  if (takes === Number.POSITIVE_INFINITY) consumer.close();
  return numbers;
}

function wait(world: World, producer: RingProducer, sleepsAtOnce: boolean): void {
  if (producer.prepareWait(2)) {
    if (sleepsAtOnce || (!world.nap() && !producer.lookAgain())) world.sleep();
    producer.cancelWait();
  }
  world.mark(`try again ${stateOf(producer)}`);
}

/** What an end knows, without how often it has looked: on this memory all looks are alike. */
export function stateOf(end: RingProducer | RingConsumer): string {
  const fields = Object.entries(end).filter(([name]) => name.startsWith(OPENED) && !SAME_FOR_ALL.test(name));
  return JSON.stringify(fields, (_, value: unknown) => {
    if (value instanceof Uint8Array) return [value.length, value[0]];
    return ArrayBuffer.isView(value) || typeof value === "function" ? undefined : value;
  });
}

const SAME_FOR_ALL = /_(looks|words|waiter|name|kept)$/;

function popNumber(consumer: RingConsumer): number[] {
  const message = consumer.tryPop();
  return message === undefined ? [] : [numberOf(message)];
}

function peekNumber(consumer: RingConsumer, world: World): number[] {
  const at = consumer.tryPeek();
  if (at === -1) return [];
  const number = numberOf(world.bytes.slice(at, at + consumer.peekLength));
  consumer.release();
  return [number];
}

/** Reads the messages when all of them are kept. */
function peekTogether(consumer: RingConsumer, world: World): number[] {
  const places: [at: number, end: number][] = [];
  for (let at = consumer.tryPeek(); at !== -1; at = consumer.tryPeek()) {
    places.push([at, at + consumer.peekLength]);
    consumer.keep();
    if (places.length === 2) break;
  }
  const numbers = places.map((place) => numberOf(world.bytes.slice(...place)));
  if (places.length > 0) consumer.releaseKept();
  return numbers;
}

/** What lay in the ring before. */
const FILLER = 0;

/** A message that tells whether it came whole. */
function numbered(index: number, size: number): Uint8Array {
  return new Uint8Array(size).fill(index + 1);
}

function numberOf(message: Uint8Array): number {
  const first = message[0] ?? FILLER;
  if (message.some((byte) => byte !== first)) throw new Error("A message came that nobody sent");
  return first;
}

function check(options: RingScenario, results: ReadonlyMap<string, unknown>, killed: string | undefined): void {
  const { messages, successor = [], mortal } = options;
  const all = messages.slice(0, options.takes).map((_, i) => i + 1);
  const received = results.get(killed === "consumer" ? "successor" : "consumer") as number[] | undefined;
  if (received === undefined) throw new Error("The consumer did not come to its end");
  const text = `received ${JSON.stringify(received)}`;
  if (killed === undefined) {
    if (JSON.stringify(received) !== JSON.stringify(all)) throw new Error(`${text} of ${JSON.stringify(all)}`);
  } else if (mortal === "producer") {
    const later = successor.map((_, i) => SUCCESSOR + i + 1);
    const before = received.filter((number) => number <= SUCCESSOR);
    if (JSON.stringify(before) !== JSON.stringify(all.slice(0, before.length)))
      throw new Error(`${text}: not a beginning`);
    // a producer that was killed behind its close has ended the stream
    const ended = before.length === all.length && received.length === before.length;
    if (!ended && JSON.stringify(received.slice(before.length)) !== JSON.stringify(later))
      throw new Error(`${text}: the successor's are missing`);
  } else {
    // what the dead one had released is gone, the rest comes in order up to the last
    const expected = all.slice(all.length - received.length);
    if (JSON.stringify(received) !== JSON.stringify(expected))
      throw new Error(`${text}: not an end of ${JSON.stringify(all)}`);
  }
}
