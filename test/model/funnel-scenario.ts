import type { FunnelConsumer, FunnelProducer, RingMemory } from "../../src/ring/mod.ts";
import type { Actor, Scenario, World } from "./explore.ts";
import { OPENED } from "./opened-ring.ts";
import type { RingModule } from "./ring-scenario.ts";

const CAPACITY = 4096;
const UNITS = CAPACITY / 64;

/** What goes through the funnel in a scenario. */
export interface FunnelScenario {
  /** Bytes of each message of the first producer, in order. */
  readonly a: readonly number[];
  /** The same for the second. */
  readonly b: readonly number[];
  /** Messages of a producer that takes the first one's slot when that was killed. */
  readonly successor?: readonly number[];
  /** Where the indices stand at the beginning, so that they wrap. */
  readonly start?: number;
  readonly releaseBytes?: number;
  /** Who may be killed. */
  readonly mortal?: "a" | "consumer";
  /** Nobody closes, and the consumer stops when it has so many: a wake-up that is lost is not made good by a later one. */
  readonly takes?: number;
  /** The first producer gives its first claim up, and uses the others in part. */
  readonly aborts?: boolean;
  /** The consumer does not sleep, and goes on to the end. With two producers, how it sleeps makes too many states. */
  readonly spins?: boolean;
  /** The producers push instead of claiming and committing. With two of them that makes too many states. */
  readonly pushes?: boolean;
}

/**
 * Two producers that send all their messages and close, and a consumer that receives up to the end and passes over what a dead one had
 * claimed. All sleep when there is nothing to do. The messages of each producer must come in order, each once.
 */
export function funnelScenario(ring: RingModule, options: FunnelScenario): Scenario {
  const { a, b, successor, mortal } = options;
  const actors: Actor[] = [
    { name: "a", mortal: mortal === "a", program: (world) => produce(ring, options, world, "a", 0, a) },
    { name: "consumer", mortal: mortal === "consumer", program: (world) => consume(ring, options, world) },
  ];
  if (b.length > 0) actors.push({ name: "b", program: (world) => produce(ring, options, world, "b", 1, b) });
  if (successor !== undefined) {
    const program = (world: World) => {
      // from here on the kernel says that the slot is held
      Atomics.store(world.words, LOCK >> 2, 1);
      const sent = produce(ring, options, world, "successor", 0, successor);
      if (options.takes === undefined) Atomics.store(world.words, LOCK >> 2, 0);
      return sent;
    };
    actors.push({ name: "successor", succeeds: "a", program });
  }
  if (mortal === "consumer") {
    actors.push({ name: "heir", succeeds: "consumer", program: (world) => consume(ring, options, world, true) });
  }
  const { data } = layoutOf(ring);
  const shared = sharedBytes(ring, options);
  return {
    actors,
    buffer: () => makeBuffer(ring, options),
    mirror: { at: data, length: CAPACITY },
    isShared: (byte) => (byte >= data && byte < data + CAPACITY) || shared.has(byte),
    // a producer's descriptors are watched by the consumer, and the other way round
    wokenByDeath: (name) => (name === "a" ? ["consumer"] : ["a", "b"]),
    check: (results, killed) => check(options, results, killed),
  };
}

/** Stands for the lock on the first slot; in the line of the last slot, which nobody has here. */
const LOCK = 1280 + 63 * 128;
/** The first message of each has this number and one more. */
const FIRST: Readonly<Record<string, number>> = { a: 0, b: 50, successor: 100 };

function layoutOf(ring: RingModule): { data: number; bytes: number } {
  const bytes = ring.allocateRing(CAPACITY, ring.KIND_FUNNEL).bytes.length;
  return { data: bytes - 2 * CAPACITY, bytes };
}

/** The words that others look at: of the control words those where a record can begin. */
function sharedBytes(
  ring: RingModule,
  { a, b, successor = [], start = 0, mortal, takes }: FunnelScenario,
): Set<number> {
  const words = [ring.FUNNEL_END_OFFSET, ring.TAIL_OFFSET, ring.FUNNEL_SLEEPERS_OFFSET, ring.CONSUMER_WAITER_OFFSET];
  if (takes === undefined) words.push(ring.FUNNEL_PRESENT_OFFSET, ring.CONSUMER_STATE_OFFSET);
  if (successor.length > 0) words.push(LOCK);
  if (successor.length > 0) words.push(ring.PRODUCER_STATE_OFFSET + ring.FROM_STATE_TO_SESSIONS);
  if (mortal === "a") words.push(ring.FUNNEL_READ_OFFSET, ring.FUNNEL_SLOTS_OFFSET + ring.FROM_SLOT_TO_CLAIM);
  if (mortal === "consumer") words.push(ring.FUNNEL_READ_OFFSET, ring.FUNNEL_GENERATION_OFFSET);
  const sizes = [...a, ...b, ...successor].map((length) => ring.unitsOf(length));
  const all = sizes.reduce((sum, size) => sum + size, 0);
  const step = Math.min(...sizes);
  for (let index = 0; index <= all; index += step) {
    words.push(ring.FUNNEL_CONTROL_OFFSET + 4 * ((start + index) & (UNITS - 1)));
  }
  return new Set(words);
}

function makeBuffer(ring: RingModule, { b, start = 0 }: FunnelScenario): SharedArrayBuffer {
  const memory = ring.allocateRing(CAPACITY, ring.KIND_FUNNEL);
  for (const offset of [ring.FUNNEL_END_OFFSET, ring.TAIL_OFFSET, ring.FUNNEL_READ_OFFSET]) {
    memory.words[offset >> 2] = start | 0;
  }
  // all have come already: that happens under a lock, one at a time
  new ring.FunnelConsumer(memory, { wake() {} });
  for (const slot of b.length > 0 ? [0, 1] : [0]) new ring.FunnelProducer(memory, slot, { wake() {} });
  return memory.bytes.buffer as SharedArrayBuffer;
}

function memoryOf(world: World): RingMemory {
  return { words: world.words, bytes: world.bytes, offset: 0, capacity: CAPACITY, name: "model" };
}

/** @returns how many messages were sent */
function produce(
  ring: RingModule,
  { takes, aborts = false, pushes = false }: FunnelScenario,
  world: World,
  name: string,
  slot: number,
  sizes: readonly number[],
): number {
  const wake = () => world.ring("consumer", "heir");
  const attach = () => new ring.FunnelProducer(memoryOf(world), slot, { wake });
  const producer: FunnelProducer = name === "successor" ? attach() : world.alone(attach);
  for (const [i, size] of sizes.entries()) {
    world.mark(() => `push ${i} ${stateOf(producer)}`);
    const message = new Uint8Array(size).fill((FIRST[name] as number) + i + 1);
    const spare = aborts && name === "a" ? 64 : 0;
    const claim = () => claims(producer, world, message, spare, spare > 0 && i === 0);
    while (!(pushes ? producer.tryPush(message) : claim())) {
      if (producer.prepareWait()) {
        world.sleep();
        producer.cancelWait();
      }
      world.mark(() => `try again ${stateOf(producer)}`);
    }
  }
  world.mark(() => `end ${stateOf(producer)}`);
  if (takes === undefined) producer.close();
  return sizes.length;
}

/** Claims `spare` bytes more than it uses. How it came to the claim is of no matter afterwards. */
function claims(
  producer: FunnelProducer,
  world: World,
  message: Uint8Array,
  spare: number,
  isAborted: boolean,
): boolean {
  const at = producer.tryClaim(message.length + spare);
  if (at === -1) return false;
  world.mark(() => `claimed ${stateOf(producer, true)}`);
  if (isAborted) {
    producer.abort();
  } else {
    world.bytes.set(message, at);
    producer.commit(message.length);
  }
  return true;
}

/** @returns the numbers of the messages received */
function consume(ring: RingModule, options: FunnelScenario, world: World, isHeir = false): number[] {
  const { releaseBytes = 0, takes = Number.POSITIVE_INFINITY } = options;
  const numbers: number[] = [];
  const wake = (slot: number) => world.ring(...(slot === 0 ? ["a", "successor"] : ["b"]));
  const attach = () => new ring.FunnelConsumer(memoryOf(world), { wake }, { releaseBytes });
  const consumer: FunnelConsumer = isHeir ? attach() : world.alone(attach);
  while (numbers.length < takes) {
    world.mark(() => `pop ${numbers.join()} ${stateOf(consumer)}`);
    const message = consumer.tryPop();
    if (message !== undefined) {
      numbers.push(numberOf(message));
      continue;
    }
    world.mark(() => `nothing ${numbers.join()} ${stateOf(consumer)}`);
    if (options.mortal === "a" && passesDead(ring, options, world, consumer)) continue;
    world.mark(() => `no death ${numbers.join()} ${stateOf(consumer)}`);
    if (takes === Number.POSITIVE_INFINITY && consumer.ended) break;
    world.mark(() => `no end ${numbers.join()} ${stateOf(consumer)}`);
    if (!options.spins && consumer.prepareWait()) {
      world.sleep();
      consumer.cancelWait();
    }
  }
  if (takes === Number.POSITIVE_INFINITY) consumer.close();
  return numbers;
}

/** As the link does: asks the kernel about who holds up the rest, and buries who died. */
function passesDead(ring: RingModule, options: FunnelScenario, world: World, consumer: FunnelConsumer): boolean {
  const slot = consumer.claimant;
  if (slot === 0 && isFree(world)) return consumer.passOver();
  // where a successor comes, the slot is never free for long enough to be buried
  if (options.successor === undefined && isFree(world)) {
    const present = ring.FUNNEL_PRESENT_OFFSET >> 2;
    return (Atomics.and(world.words, present, ~1) & 1) !== 0;
  }
  return false;
}

/** Whether nobody holds the first slot any more. */
function isFree(world: World): boolean {
  return world.isDead("a") && Atomics.load(world.words, LOCK >> 2) === 0;
}

/** What an end knows, without how often it has looked: on this memory all looks are alike. Without a claim, nor where the last one was. */
function stateOf(end: FunnelProducer | FunnelConsumer, claimed = false): string {
  const without = claimed ? SAME_FOR_ALL : SAME_WITHOUT_CLAIM;
  const fields = Object.entries(end).filter(([name]) => name.startsWith(OPENED) && !without.test(name));
  return JSON.stringify(fields, (_, value: unknown) =>
    ArrayBuffer.isView(value) || typeof value === "function" ? undefined : value,
  );
}

const SAME_FOR_ALL = /_(looks|words|waker|name)$/;
const SAME_WITHOUT_CLAIM = /_(looks|words|waker|name|at)$/;

function numberOf(message: Uint8Array): number {
  const first = message[0] ?? 0;
  if (first === 0 || message.some((byte) => byte !== first)) throw new Error("A message came that nobody sent");
  return first;
}

function check(options: FunnelScenario, results: ReadonlyMap<string, unknown>, killed: string | undefined): void {
  const received = results.get(killed === "consumer" ? "heir" : "consumer") as number[] | undefined;
  if (received === undefined) throw new Error("The consumer did not come to its end");
  const text = `received ${JSON.stringify(received)}`;
  for (const name of ["a", "b", "successor"] as const) {
    const first = FIRST[name] as number;
    const skipped = name === "a" && options.aborts ? 1 : 0;
    const all = (options[name] ?? []).map((_, i) => first + i + 1).slice(skipped);
    const came = received.filter((number) => number > first && number <= first + 50);
    if (killed === "consumer") {
      // what the dead one had released is gone, the rest comes in order up to the last
      if (came.join() !== all.slice(all.length - came.length).join())
        throw new Error(`${text}: not an end of ${name}'s`);
    } else if (options.takes !== undefined || (name === "a" && killed === "a")) {
      if (came.join() !== all.slice(0, came.length).join()) throw new Error(`${text}: not a beginning of ${name}'s`);
    } else if (name === "successor" && came.length === 0 && all.length > 0) {
      // it never came, or behind the end: the one before it had closed
      if (killed === "a" && received.filter((number) => number <= 50).length < options.a.length) {
        throw new Error(`${text}: the successor's are missing`);
      }
    } else if (came.join() !== all.join()) {
      throw new Error(`${text}: not all of ${name}'s`);
    }
  }
}
