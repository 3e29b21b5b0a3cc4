import type { RingMemory } from "../../src/ring/mod.ts";
import type { Actor, Scenario, World } from "./explore.ts";
import { type RingModule, stateOf } from "./ring-scenario.ts";

const CAPACITY = 4096;
const HEADER = 4096;
/** Bytes of each message; four of them fill the ring. */
const SIZE = 1000;

/** What goes through a kept ring in a scenario. */
export interface KeptScenario {
  /** Messages that were sent and received before. */
  readonly before: number;
  /** Messages that the producer sends meanwhile. */
  readonly sends: number;
  /** Messages that the first consumer receives before it goes, without a word. */
  readonly takes: number;
  /** Where the second consumer begins. */
  readonly from: "tail" | "oldest";
  /** Who may be killed. Nobody sleeps then, and who finds nothing to do is done: sleeping and waking are in the other model. */
  readonly mortal?: "producer" | "second";
}

/**
 * A producer that needs the room of what was received, while one consumer after the other comes, of which the last begins with the oldest. What
 * that gets must be a run of what was sent, up to the last, without a gap; and all that nobody has received.
 */
export function keptScenario(ring: RingModule, options: KeptScenario): Scenario {
  const { before, sends, takes, from, mortal } = options;
  const last = before + sends;
  const actors: Actor[] = [
    { name: "producer", mortal: mortal === "producer", program: (world) => produce(ring, world, before, last, mortal) },
    // one behind the other, as the role lock has it
    { name: "consumer", mortal: mortal === "second", program: (world) => consumeTwice(ring, world, options) },
  ];
  if (mortal === "producer") {
    actors.push({
      name: "heir",
      succeeds: "producer",
      program: (world) => produce(ring, world, last, last + 1, mortal),
    });
  }
  if (mortal === "second") {
    actors.push({ name: "heir", succeeds: "consumer", program: (world) => consume(ring, world, "tail", mortal) });
  }
  return {
    actors,
    buffer: () => makeBuffer(ring, before),
    mirror: { at: HEADER, length: CAPACITY },
    isShared: (byte) => (byte >= HEADER && byte < HEADER + CAPACITY) || SHARED.has(byte),
    wokenByDeath: (name) => (name === "producer" ? ["consumer"] : ["producer"]),
    check(results, killed) {
      const received = results.get(killed === "consumer" ? "heir" : "consumer") as number[] | undefined;
      if (received === undefined) throw new Error("The consumer did not come to its end");
      const text = `received ${JSON.stringify(received)}`;
      const end = received.at(-1) ?? 0;
      if (received.some((number, i) => i > 0 && number !== (received[i - 1] as number) + 1)) {
        // of a killed producer's messages the later ones are missing, and then its heir's comes
        const gap = received.findIndex((number, i) => i > 0 && number !== (received[i - 1] as number) + 1);
        if (killed !== "producer" || gap !== received.length - 1) throw new Error(`${text}: a gap`);
      }
      if (mortal !== undefined && received.length === 0) return;
      if (mortal === undefined && end !== last) throw new Error(`${text}: not up to ${last}`);
      const unread = killed === "consumer" ? last + 1 : before + takes + 1;
      if (from === "oldest" && killed !== "consumer" && (received[0] ?? unread) > unread)
        throw new Error(`${text}: ${unread} was not received by anybody`);
    },
  };
}

/** Indices, the oldest, waiter words and state words. */
const SHARED = new Set([128, 160, 256, 384, 512, 640, 768]);

function makeBuffer(ring: RingModule, before: number): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(HEADER + 2 * CAPACITY);
  const memory = memoryOf({ words: new Int32Array(buffer), bytes: new Uint8Array(buffer) });
  ring.initializeHeader(memory, { capacity: CAPACITY, kind: ring.KIND_KEPT });
  const producer = new ring.RingProducer(memory, { wake() {} }, { keeping: { exclusively: (body) => body() } });
  const consumer = new ring.RingConsumer(memory, { wake() {} }, { from: "tail" });
  for (let i = 1; i <= before; i++) {
    producer.tryPush(new Uint8Array(SIZE).fill(i));
    // the two images of the data are one only in the model
    memory.bytes.copyWithin(HEADER + CAPACITY, HEADER, HEADER + CAPACITY);
    consumer.tryPop();
  }
  for (const state of [640, 768]) memory.words[state >> 2] = 0;
  return buffer;
}

function memoryOf({ words, bytes }: Pick<World, "words" | "bytes">): RingMemory {
  return { words, bytes, offset: 0, capacity: CAPACITY, name: "model" };
}

function produce(ring: RingModule, world: World, from: number, to: number, mortal?: string): number {
  const keeping = { exclusively: <Result>(body: () => Result) => world.exclusively(body) };
  const producer = world.exclusively(
    () => new ring.RingProducer(memoryOf(world), { wake: () => world.ring("consumer", "heir") }, { keeping }),
  );
  for (let number = from + 1; number <= to; number++) {
    world.mark(`push ${number} ${stateOf(producer)}`);
    while (!producer.tryPush(new Uint8Array(SIZE).fill(number))) {
      if (mortal !== undefined) return to;
      if (producer.prepareWait(2)) {
        world.sleep();
        producer.cancelWait();
      }
      world.mark(`again ${number} ${stateOf(producer)}`);
    }
  }
  if (mortal !== undefined) return to;
  world.mark(`end ${stateOf(producer)}`);
  producer.close();
  return to;
}

function consumeTwice(ring: RingModule, world: World, options: KeptScenario): number[] {
  if (options.takes > 0) consume(ring, world, "tail", options.mortal, options.takes);
  world.mark("second");
  return consume(ring, world, options.from, options.mortal);
}

function consume(
  ring: RingModule,
  world: World,
  from: "tail" | "oldest",
  mortal?: string,
  takes = Number.POSITIVE_INFINITY,
): number[] {
  const numbers: number[] = [];
  const consumer = world.exclusively(
    () => new ring.RingConsumer(memoryOf(world), { wake: () => world.ring("producer", "heir") }, { from }),
  );
  while (numbers.length < takes) {
    world.mark(`pop ${from} ${numbers.join()} ${stateOf(consumer)}`);
    const message = consumer.tryPop();
    if (message !== undefined) {
      const first = message[0] ?? 0;
      if (message.length !== SIZE || message.some((byte) => byte !== first)) {
        throw new Error("A message came that nobody sent");
      }
      numbers.push(first);
      continue;
    }
    if (mortal !== undefined) return numbers;
    if (consumer.ended) break;
    if (consumer.prepareWait(2)) {
      world.sleep();
      consumer.cancelWait();
    }
  }
  if (takes === Number.POSITIVE_INFINITY) consumer.close();
  return numbers;
}
