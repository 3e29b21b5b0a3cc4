import { IpcError } from "../../src/errors.ts";
import {
  initializeHeader,
  KIND_KEPT,
  KIND_SPSC,
  observeRing,
  RingConsumer,
  type RingConsumerOptions,
  type RingMemory,
  RingProducer,
} from "../../src/ring/mod.ts";

const CAPACITY = 4096;
const HEADER_BYTES = 4096;
const RING_BYTES = HEADER_BYTES + 2 * CAPACITY;
const GUARD_BYTES = 4096;
/** Nobody writes this word; so where it is missing, or comes out of the ring, somebody left the ring's memory. */
const GUARD_WORD = 0x6b6b6b6b;
const GUARD_BYTE = 0x6b;

/** What a peer that obeys nothing writes: what is special, and what is nearly right. */
const VALUES = [
  0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 24, 1016, 1024, 2040, 2041, 2048, 4080, 4088, 4096, 4112, 65_536,
].concat([2 ** 28, 0x7ffffff0, 0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffff8, 0xffffffff]);
const STEPS = [1, -1, 8, 16, -16, CAPACITY, -CAPACITY];
/** Words that are in use: magic to creator pid, and the first words of each line; and one of the reserved ones. */
const HEADER_WORDS = Array.from({ length: 10 * 9 }, (_, i) => Math.floor(i / 9) * 128 + (i % 9) * 4).concat(1280);
/** head, the oldest of a kept ring, tail, both waiter words, both states. */
const LIVELY_WORDS = [128, 160, 256, 384, 512, 640, 768];
const ALLOWED = ["IPC_CORRUPT", "IPC_TOO_LARGE", "IPC_CLOSED"];

/** What became of the calls of many cases. */
export type Outcomes = Record<string, number>;

/**
 * A ring between two guards, whose ends are used while somebody writes into it who obeys nothing. Each call must give something bounded or
 * an error that is documented, and touch nothing outside of the ring.
 */
export class HostileRing {
  readonly memory: RingMemory;
  readonly outcomes: Outcomes = {};
  readonly #guards: Int32Array[];
  #random = 1;
  #maxMessageBytes = 0;
  /** Whether the ring of the case keeps what was released. */
  #kept = false;
  #producer: RingProducer | undefined;
  #consumer: RingConsumer | undefined;
  /** What was sent and not received yet, as long as nobody has written into the ring. */
  #expected: Uint8Array[] | undefined;
  #sent: Uint8Array = EMPTY;

  /** @param words the memory of a ring that another thread has made; by default, a new one */
  constructor(words = guardedWords()) {
    this.memory = { words, bytes: new Uint8Array(words.buffer), offset: GUARD_BYTES, capacity: CAPACITY };
    this.#guards = [words.subarray(0, GUARD_BYTES >> 2), words.subarray((GUARD_BYTES + RING_BYTES) >> 2)];
  }

  /**
   * Runs one case: a new ring, and then calls and hostile writes as the seed has it.
   *
   * @param writes whether to write here; false where another thread does
   * @throws when something happened that may not, with what led to it
   */
  run(seed: number, writes: boolean): void {
    this.#random = seed;
    const trace: string[] = [];
    try {
      this.#begin(writes);
      for (let step = 0; step < 24; step++) {
        if (writes && this.#below(3) === 0) trace.push(this.#write());
        else trace.push(this.#call());
      }
      for (const guard of this.#guards) {
        for (let i = 0; i < guard.length; i++)
          if (guard[i] !== GUARD_WORD) throw new Error(`Guard word ${i} was changed`);
      }
    } catch (error) {
      throw new Error(`Case ${seed}: ${(error as Error).stack}\nafter ${trace.join(", ")}`, { cause: error });
    }
  }

  /** Writes one hostile word and says which; also what the writer in another thread does. */
  attack(random: (below: number) => number): string {
    const { words, offset } = this.memory;
    const at = this.#target(random);
    const word = (offset + at) >> 2;
    const old = words[word] as number;
    const kind = random(4);
    const value =
      kind === 0
        ? (VALUES[random(VALUES.length)] as number)
        : kind === 1
          ? old ^ (1 << random(32))
          : kind === 2
            ? old + (STEPS[random(STEPS.length)] as number)
            : random(2 ** 32);
    // the guard's word would be taken for a read outside
    if ((value | 0) !== GUARD_WORD) Atomics.store(words, word, value | 0);
    return `${at} = ${value >>> 0}`;
  }

  #target(random: (below: number) => number): number {
    const { words, offset } = this.memory;
    const kind = random(8);
    if (kind < 3) return LIVELY_WORDS[random(LIVELY_WORDS.length)] as number;
    if (kind < 4) return HEADER_WORDS[random(HEADER_WORDS.length)] as number;
    // length or flags of the record at the tail, or behind the head, or anywhere
    const index = kind < 6 ? words[(offset + 256) >> 2] : kind < 7 ? words[(offset + 128) >> 2] : random(CAPACITY);
    return HEADER_BYTES + ((index as number) & (CAPACITY - 16)) + 4 * random(2);
  }

  #begin(writes: boolean): void {
    const { words, offset } = this.memory;
    words.fill(0, offset >> 2, (offset + 1024) >> 2);
    this.#kept = this.#below(4) === 0;
    initializeHeader(this.memory, { capacity: CAPACITY, kind: this.#kept ? KIND_KEPT : KIND_SPSC });
    const start = this.#below(2) === 0 ? 0 : -16 * this.#below(300);
    if (this.#kept) Atomics.store(words, (offset + 160) >> 2, start);
    Atomics.store(words, (offset + 128) >> 2, start);
    Atomics.store(words, (offset + 256) >> 2, start);
    this.#maxMessageBytes = [0, 100, 5000, 100_000][this.#below(4)] as number;
    this.#expected = writes ? [] : undefined;
    this.#producer = undefined;
    this.#consumer = undefined;
    this.#note("attach", () => this.#attachProducer());
    this.#note("attach", () => this.#attachConsumer());
  }

  #attachProducer(): void {
    this.#producer = undefined;
    const keeping = this.#kept ? { keeping: { exclusively: <Result>(body: () => Result) => body() } } : {};
    this.#producer = new RingProducer(this.memory, WAITER, { batchBytes: this.#below(3) * 512, ...keeping });
  }

  #attachConsumer(): void {
    this.#consumer = undefined;
    const from = this.#kept ? { from: (["tail", "oldest", "head"] as const)[this.#below(3)] as "tail" } : {};
    const options: RingConsumerOptions = {
      releaseBytes: this.#below(3) * 512,
      maxMessageBytes: this.#maxMessageBytes,
      ...from,
    };
    this.#consumer = new RingConsumer(this.memory, WAITER, options);
  }

  #write(): string {
    this.#expected = undefined;
    return this.attack((below) => this.#below(below));
  }

  #call(): string {
    const calls = this.#below(2) === 0 ? PRODUCER_CALLS : CONSUMER_CALLS;
    const name = calls[this.#below(calls.length)] as string;
    return `${name} ${this.#note(name, () => this.#do(name))}`;
  }

  /** Calls, and makes sure that an error is one that may come. */
  #note(name: string, call: () => void): string {
    let outcome = "done";
    try {
      call();
    } catch (error) {
      const { message } = error as Error;
      if (error instanceof IpcError && ALLOWED.includes(error.code)) outcome = error.code;
      // a case calls in any order
      else if (error instanceof TypeError && message.startsWith("Cannot ")) outcome = "misuse";
      else throw error;
      if (outcome === "IPC_CORRUPT" && this.#expected !== undefined) throw error;
    }
    const key = `${name} ${outcome}`;
    this.outcomes[key] = (this.outcomes[key] ?? 0) + 1;
    return outcome;
  }

  #do(name: string): void {
    if (name === "observe") this.#observe();
    if (name === "producer again") this.#again(() => this.#attachProducer());
    if (name === "consumer again") this.#again(() => this.#attachConsumer());
    const producer = this.#producer;
    const consumer = this.#consumer;
    if (producer === undefined || consumer === undefined) return;
    switch (name) {
      case "push":
        this.#sent = this.#message();
        if (producer.tryPush(this.#sent)) this.#expected?.push(this.#sent);
        break;
      case "claim": {
        const length = this.#below(2041);
        const at = producer.tryClaim(length);
        if (at === -1) break;
        this.#inside(at, length);
        producer.bytes.fill(7, at, at + length);
        if (this.#below(4) === 0) producer.abort();
        else {
          const used = this.#below(length + 1);
          this.#expected?.push(new Uint8Array(used).fill(7));
          producer.commit(used);
        }
        break;
      }
      case "begin":
        // what is abandoned in the middle makes it hard to say what comes
        this.#expected = undefined;
        producer.beginMessage(new Uint8Array(this.#below(12_000)).fill(3));
        break;
      case "continue":
        producer.continueMessage();
        break;
      case "abandon":
        producer.abandonMessage();
        break;
      case "producer flush":
        producer.flush();
        break;
      case "producer wait":
        producer.poll();
        if (producer.prepareWait(2)) producer.cancelWait();
        break;
      case "producer looks":
        if (producer.free < 0 || producer.free > CAPACITY) throw new Error(`free is ${producer.free}`);
        void producer.peerState;
        break;
      case "pop":
        this.#came(consumer.tryPop());
        break;
      case "popInto": {
        const target = new Uint8Array(this.#maxMessageBytes);
        const length = consumer.popInto(target);
        this.#came(length === -1 ? undefined : target.subarray(0, length));
        break;
      }
      case "peek": {
        const at = consumer.tryPeek();
        if (at === -1) break;
        this.#inside(at, consumer.peekLength);
        if (this.#below(4) === 0) break;
        if (!consumer.peekMore && consumer.peekFirst) this.#compare(consumer.bytes.slice(at, at + consumer.peekLength));
        else this.#expected = undefined;
        consumer.release();
        break;
      }
      case "keep": {
        const at = consumer.tryPeek();
        if (at === -1) break;
        this.#inside(at, consumer.peekLength);
        if (!consumer.peekMore && consumer.peekFirst) this.#compare(consumer.bytes.slice(at, at + consumer.peekLength));
        else this.#expected = undefined;
        consumer.keep();
        if (consumer.pending > CAPACITY) throw new Error(`pending is ${consumer.pending}`);
        break;
      }
      case "release kept":
        consumer.releaseKept();
        break;
      case "consumer flush":
        consumer.flush();
        break;
      case "consumer wait":
        consumer.poll();
        if (consumer.prepareWait(1)) consumer.cancelWait();
        break;
      case "consumer looks":
        if (consumer.available > CAPACITY) throw new Error(`available is ${consumer.available}`);
        void consumer.ended;
        break;
      case "discard":
        // it is for a message whose producer is dead; of one that goes on it makes a message without a beginning
        this.#expected = undefined;
        consumer.discardPartial();
        break;
    }
  }

  #again(attach: () => void): void {
    // what was not published or not released is gone or comes again
    this.#expected = undefined;
    attach();
  }

  #observe(): void {
    const { used, capacity } = observeRing(this.memory, RING_BYTES - CAPACITY, this.#kept ? KIND_KEPT : KIND_SPSC);
    if (used > capacity) throw new Error(`used is ${used}`);
  }

  #message(): Uint8Array {
    const length = [this.#below(100), this.#below(2041), this.#below(4100)][this.#below(3)] as number;
    return new Uint8Array(length).fill(this.#below(100));
  }

  #came(message: Uint8Array | undefined): void {
    if (message === undefined) return;
    if (message.length > this.#maxMessageBytes) throw new Error(`${message.length} bytes came`);
    this.#compare(message);
  }

  #compare(message: Uint8Array): void {
    let run = 0;
    for (const byte of message) {
      run = byte === GUARD_BYTE ? run + 1 : 0;
      if (run === 8) throw new Error("Bytes from outside of the ring came");
    }
    if (this.#expected === undefined) return;
    let expected = this.#expected.shift();
    const differs = () => expected === undefined || Buffer.compare(expected, message) !== 0;
    // those that are too large were refused and dropped
    while (expected !== undefined && expected.length > this.#maxMessageBytes && differs()) {
      expected = this.#expected.shift();
    }
    if (differs()) {
      throw new Error(`${message.length} bytes came instead of ${expected?.length}`);
    }
  }

  #inside(at: number, length: number): void {
    const data = GUARD_BYTES + HEADER_BYTES;
    if (at % 8 === 0 && at >= data + 8 && at < data + CAPACITY + 8 && at + length <= data + 2 * CAPACITY) return;
    throw new Error(`${length} bytes at ${at - GUARD_BYTES} lie outside of the ring`);
  }

  #below(limit: number): number {
    this.#random = nextRandom(this.#random);
    return Math.floor((this.#random / 2 ** 32) * limit);
  }
}

function guardedWords(): Int32Array<SharedArrayBuffer> {
  const words = new Int32Array(new SharedArrayBuffer(GUARD_BYTES + RING_BYTES + GUARD_BYTES)).fill(GUARD_WORD);
  // records may lie, if a hostile word says so, where nobody has written yet
  return words.fill(0, GUARD_BYTES >> 2, (GUARD_BYTES + RING_BYTES) >> 2);
}

/** A step of a generator whose high bits are good. */
export function nextRandom(state: number): number {
  let value = (state + 0x9e3779b9) | 0;
  value = Math.imul(value ^ (value >>> 16), 0x21f0aaad);
  value = Math.imul(value ^ (value >>> 15), 0x735a2d97);
  return (value ^ (value >>> 15)) >>> 0;
}

const WAITER = { wake() {} };
const EMPTY = new Uint8Array(0);
const PRODUCER_CALLS = [
  "push",
  "push",
  "push",
  "claim",
  "claim",
  "begin",
  "continue",
  "abandon",
  "producer flush",
].concat(["producer wait", "producer looks", "producer again"]);
const CONSUMER_CALLS = [
  "pop",
  "pop",
  "pop",
  "popInto",
  "popInto",
  "peek",
  "peek",
  "keep",
  "release kept",
  "consumer flush",
  "consumer wait",
].concat(["consumer looks", "discard", "consumer again", "observe"]);
