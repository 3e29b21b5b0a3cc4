/*
 * The end of a process at every single access to memory, plain or atomic, of every way to send and to receive. The other side, which was there
 * before, and a successor find all that was published, in order, once.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  HEAD_OFFSET,
  initializeHeader,
  type Keeping,
  KIND_KEPT,
  KIND_SPSC,
  OLDEST_OFFSET,
  RingConsumer,
  type RingConsumerOptions,
  type RingMemory,
  RingProducer,
  type RingProducerOptions,
  TAIL_OFFSET,
} from "../../src/ring/mod.ts";
import { modelMemory, withModelAtomics } from "../model/model-memory.ts";
import { Killed } from "./at-each-atomic.ts";
import { pattern, sameBytes } from "./make-ring.ts";

const test = suite("death at every access");
const CAPACITY = 4096;
const HEADER = 4096;
const waiter = { wake() {} };
const keeping: Keeping = { exclusively: (body) => body() };
/** Near the end of the data, and of the numbers. */
const STARTS = [0, 2 ** 32 - 48, 2 ** 31 - 2064];

/** A ring whose memory ends whoever uses it, at the access that is asked for. */
class MortalRing {
  readonly memory: RingMemory;
  readonly kept: boolean;
  /** Accesses that are left to the one that dies; infinite for those that live. */
  #left = Number.POSITIVE_INFINITY;

  constructor(start: number, kept: boolean) {
    const buffer = new SharedArrayBuffer(HEADER + 2 * CAPACITY);
    const views = modelMemory(buffer, { at: HEADER, length: CAPACITY }, (_what, _byte, perform) => {
      if (this.#left-- <= 0) throw new Killed();
      return perform();
    });
    this.kept = kept;
    this.memory = { ...views, offset: 0, capacity: CAPACITY, name: "mortal" };
    initializeHeader(this.memory, { capacity: CAPACITY, kind: kept ? KIND_KEPT : KIND_SPSC });
    for (const offset of [HEAD_OFFSET, TAIL_OFFSET, ...(kept ? [OLDEST_OFFSET] : [])]) {
      this.memory.words[offset >> 2] = start | 0;
    }
  }

  produce(options: RingProducerOptions = {}): RingProducer {
    return new RingProducer(this.memory, waiter, this.kept ? { keeping, ...options } : options);
  }

  consume(options: RingConsumerOptions = {}): RingConsumer {
    return new RingConsumer(this.memory, waiter, this.kept ? { from: "tail", ...options } : options);
  }

  /** @returns whether it was killed before its last access */
  dies(after: number, life: () => void): boolean {
    this.#left = after;
    try {
      life();
      return false;
    } catch (error) {
      if (error instanceof Killed) return true;
      throw error;
    } finally {
      this.#left = Number.POSITIVE_INFINITY;
    }
  }

  index(offset: number): number {
    return this.memory.words[offset >> 2] as number;
  }
}

function drain(consumer: RingConsumer): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let next = consumer.tryPop(); next !== undefined; next = consumer.tryPop()) messages.push(next);
  return messages;
}

function same(messages: readonly Uint8Array[], expected: readonly Uint8Array[], where: string): void {
  assert.is(messages.length, expected.length, where);
  messages.forEach((message, i) => {
    sameBytes(message, expected[i] as Uint8Array, `${where}, message ${i}`);
  });
}

/** Bytes of all records of a message. */
function bytesOf({ length }: Uint8Array): number {
  if (length <= CAPACITY / 2 - 8) return (length + 23) & ~15;
  const part = CAPACITY / 4 - 8;
  const full = Math.ceil(length / part) - 1;
  return full * (CAPACITY / 4) + ((length - full * part + 23) & ~15);
}

interface Sending {
  readonly sizes: readonly number[];
  readonly send: (producer: RingProducer, messages: readonly Uint8Array[]) => void;
}

function push(producer: RingProducer, messages: readonly Uint8Array[]): void {
  for (const message of messages) if (!producer.tryPush(message)) throw new Error("There is no room");
}

const SENDING: Record<string, Sending> = {
  "tryPush()": { sizes: [0, 8, 40, 300], send: push },
  "tryPush() in fragments": { sizes: [8, 2500, 8], send: push },
  "tryClaim() and commit()": {
    sizes: [24, 7],
    send(producer, messages) {
      for (const message of messages) {
        const at = producer.tryClaim(message.length);
        for (let i = 0; i < message.length; i++) producer.bytes[at + i] = message[i] as number;
        producer.commit();
      }
    },
  },
  "beginMessage() and continueMessage()": {
    sizes: [2100],
    send(producer, [message]) {
      producer.beginMessage(message as Uint8Array);
      while (!producer.continueMessage());
    },
  },
  "a batch and flush()": {
    sizes: [16, 16, 16],
    send(producer, messages) {
      producer.batchBytes = 1024;
      push(producer, messages);
      producer.flush();
    },
  },
  "close()": {
    sizes: [16],
    send(producer, messages) {
      producer.batchBytes = 1024;
      push(producer, messages);
      producer.close();
    },
  },
};

let accesses = 0;

function deathTest(name: string, body: () => void): void {
  test(name, () => withModelAtomics(body));
}

for (const [name, { sizes, send }] of Object.entries(SENDING)) {
  for (const kept of [false, true]) {
    deathTest(`a producer in ${name}${kept ? ", of a kept ring that is full of what was received" : ""}`, () => {
      const messages = sizes.map((size, i) => pattern(size, i));
      for (const start of STARTS) {
        for (let k = 0; ; k++) {
          const ring = new MortalRing(start, kept);
          const first = ring.produce();
          const consumer = ring.consume();
          for (let i = 0; i < (kept ? 40 : 0); i++) {
            first.tryPush(pattern(100, i));
            consumer.tryPop();
          }
          first.tryPush(pattern(30));
          const before = ring.index(HEAD_OFFSET);
          const killed = ring.dies(k, () => send(ring.produce(), messages));
          // what the head says is what there is
          let published = (ring.index(HEAD_OFFSET) - before) >>> 0;
          const whole = messages.filter((message) => {
            published -= bytesOf(message);
            return published >= 0;
          });
          const where = `killed at access ${k} from ${start}, with ${whole.length} published`;
          if (!killed) assert.is(whole.length, messages.length, where);
          same(drain(consumer), [pattern(30), ...whole], where);
          const successor = ring.produce();
          push(successor, [pattern(50, 1), pattern(60, 2)]);
          same(drain(consumer), [pattern(50, 1), pattern(60, 2)], where);
          if (kept) {
            const held = drain(ring.consume({ from: "oldest" }));
            const sent = [...Array.from({ length: 40 }, (_, i) => pattern(100, i)), pattern(30), ...whole];
            sent.push(pattern(50, 1), pattern(60, 2));
            same(held, sent.slice(-held.length), where);
            assert.ok(held.length > 5, where);
          }
          accesses++;
          if (!killed) break;
        }
      }
    });
  }
}

const RECEIVING: Record<string, (consumer: RingConsumer) => void> = {
  "tryPop()": (consumer) => void drain(consumer),
  "popInto()": (consumer) => {
    const target = new Uint8Array(4096);
    while (consumer.popInto(target) !== -1);
  },
  "tryPeek() and release()": (consumer) => {
    while (consumer.tryPeek() !== -1) consumer.release();
  },
  "a batch and flush()": (consumer) => {
    consumer.releaseBytes = 1024;
    drain(consumer);
    consumer.flush();
  },
  "close()": (consumer) => {
    consumer.tryPop();
    consumer.tryPeek();
    consumer.close();
  },
};

for (const [name, receive] of Object.entries(RECEIVING)) {
  for (const kept of [false, true]) {
    deathTest(`a consumer in ${name}${kept ? ", of a kept ring, from the oldest" : ""}`, () => {
      const messages = [0, 8, 40, 300, 2500, 8].map((size, i) => pattern(size, i));
      for (const start of STARTS) {
        for (let k = 0; ; k++) {
          const ring = new MortalRing(start, kept);
          const producer = ring.produce();
          push(producer, messages);
          const killed = ring.dies(k, () => receive(ring.consume(kept ? { from: "oldest" } : {})));
          let released = (ring.index(TAIL_OFFSET) - start) >>> 0;
          const left: Uint8Array[] = [];
          for (const message of messages) {
            if (released <= 0) left.push(message);
            // of a message in parts, some of which were released, the rest is dropped
            released -= bytesOf(message);
          }
          const where = `killed at access ${k} from ${start}, with ${left.length} not released`;
          const successor = ring.consume();
          same(drain(successor), left, where);
          push(producer, [pattern(50, 1)]);
          same(drain(successor), [pattern(50, 1)], where);
          if (kept) {
            same(drain(ring.consume({ from: "oldest" })), [...messages, pattern(50, 1)], where);
          }
          accesses++;
          if (!killed) break;
        }
      }
    });
  }
}

test("that were many", () => {
  console.log(`${accesses} deaths`);
  assert.ok(accesses > 3000, `${accesses}`);
});

test.run();
