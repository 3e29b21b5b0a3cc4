// runtimes: bun - it takes the source and memory apart, which no runtime does differently, and takes a minute
// timeout: 600s
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { expectFound } from "./expect-found.ts";
import { explore } from "./explore.ts";
import { type Change, openedRing } from "./opened-ring.ts";
import { type RingScenario, ringScenario } from "./ring-scenario.ts";

const test = suite("ring model");
const ring = await openedRing();

const SCENARIOS: Record<string, RingScenario> = {
  "two messages": { messages: [8, 20] },
  "messages that are looked at in place": { messages: [8, 20], peeks: true },
  "messages that are kept together": { messages: [1500, 1500, 8, 1500], peeks: "together" },
  "a ring that is full": { messages: [1500, 1500, 1500] },
  "indices that wrap": { messages: [1000, 2000, 1000], start: 2 ** 32 - 2048 },
  "a message in fragments": { messages: [2100] },
  "small ones around a message in fragments": { messages: [8, 2100, 8] },
  batches: { messages: [8, 8, 8, 8], batchBytes: 64 },
  "batches released together": { messages: [900, 900, 900, 900, 900], batchBytes: 2048, releaseBytes: 2048 },
  "a ring that was nearly full": { messages: [8, 1000], filled: 900 },
  "an open end": { messages: [8, 20], takes: 2 },
  "a full ring of which one is taken": { messages: [2000, 2000, 2000], takes: 1 },
  "a full ring of which one is taken and given back in order": {
    messages: [2000, 2000, 2000],
    takes: 1,
    releaseBytes: 16,
    sleepsAtOnce: true,
  },
  "nothing but an end": { messages: [] },
  "a producer killed at any access": { messages: [8, 20], mortal: "producer" },
  "a producer killed on a full ring": { messages: [2000, 2000, 8], mortal: "producer" },
  "a producer killed in fragments, with a successor": { messages: [2100], successor: [8], mortal: "producer" },
  "a producer killed, with a successor": { messages: [8], successor: [20], mortal: "producer" },
  "a consumer killed at any access": { messages: [8, 20], mortal: "consumer" },
  "a consumer killed with what it keeps": { messages: [8, 8, 8], peeks: "together", mortal: "consumer" },
  "a consumer killed on a full ring": { messages: [2000, 2000, 8], mortal: "consumer" },
};

for (const [name, options] of Object.entries(SCENARIOS)) {
  test(`every interleaving of ${name}`, () => {
    const start = performance.now();
    const { states, endings } = explore(ringScenario(ring, options));
    console.log(`${name}: ${states} states, ${endings} endings, ${Math.round(performance.now() - start)} ms`);
    assert.ok(states > 50, `${states} states`);
    assert.ok(endings > 0);
  });
}

interface Mistake extends Change {
  readonly finds: RegExp;
  readonly scenario: RingScenario;
}

const MISTAKES: Record<string, Mistake> = {
  "the producer looks for a sleeper before it publishes": {
    file: "producer.ts",
    from: `    Atomics.store(words, this.#headWord, this.#head);
    // Pairs with the store in consumer.ts prepareWait
    if (loadAfterStore(words, this.#peerWaiterWord) !== AWAKE) this.#wakeConsumer();`,
    to: `    const asleep = loadAfterStore(words, this.#peerWaiterWord) !== AWAKE;
    Atomics.store(words, this.#headWord, this.#head);
    if (asleep) this.#wakeConsumer();`,
    finds: /consumer sleeps for ever/,
    scenario: { messages: [8, 20], takes: 2 },
  },
  "the consumer looks for a sleeper before it gives back": {
    file: "consumer.ts",
    from: `    Atomics.store(words, this.#tailWord, tail);
    // Pairs with the store in producer.ts prepareWait
    if (loadAfterStore(words, this.#peerWaiterWord) !== AWAKE) this.#wakeProducer();`,
    to: `    const asleep = loadAfterStore(words, this.#peerWaiterWord) !== AWAKE;
    Atomics.store(words, this.#tailWord, tail);
    if (asleep) this.#wakeProducer();`,
    finds: /producer sleeps for ever/,
    scenario: { messages: [2000, 2000, 2000], takes: 1, releaseBytes: 16, sleepsAtOnce: true },
  },
  "the producer does not look once more while it sleeps": {
    file: "producer.ts",
    from: `  lookAgain(): boolean {
`,
    to: `  lookAgain(): boolean {
    if (this.#capacity > 0) return false;
`,
    finds: /producer sleeps for ever/,
    scenario: { messages: [2000, 2000, 2000], takes: 1 },
  },
  "the consumer does not look for a sleeper when it gives one record back": {
    file: "consumer.ts",
    from: "if (last || words[this.#peerWaiterWord] !== AWAKE) this.flush();",
    to: "if (last) this.flush();",
    finds: /producer sleeps for ever/,
    scenario: { messages: [2000, 2000, 2000], takes: 1 },
  },
  "the consumer looks once more before it says that it sleeps": {
    file: "consumer.ts",
    from: `    Atomics.store(words, this.#waiterWord, mode);
    // Pair with the stores in producer.ts flush and close
    if (
      Atomics.load(words, this.#headWord) === this.#tail &&
      Atomics.load(words, this.#peerStateWord) !== STATE_CLOSED
    ) {
      return true;
    }`,
    to: `    if (
      Atomics.load(words, this.#headWord) === this.#tail &&
      Atomics.load(words, this.#peerStateWord) !== STATE_CLOSED
    ) {
      Atomics.store(words, this.#waiterWord, mode);
      return true;
    }`,
    finds: /consumer sleeps for ever/,
    scenario: { messages: [8, 20], takes: 2 },
  },
  "the producer publishes before it writes": {
    file: "producer.ts",
    from: `    this.copier.copyIn(at + RECORD_HEADER_BYTES, message, length);
    this.#append(at, length, size, 0);`,
    to: `    this.#append(at, length, size, 0);
    this.copier.copyIn(at + RECORD_HEADER_BYTES, message, length);`,
    finds: /received|came that nobody sent/,
    scenario: { messages: [8, 20] },
  },
  "the consumer gives back before it reads": {
    file: "consumer.ts",
    from: `    const message = this.copier.copyOut(this.#payload, this.#length);
    this.#advance(CHAIN_POPPED);`,
    to: `    const [at, length] = [this.#payload, this.#length];
    this.#advance(CHAIN_POPPED);
    const message = this.copier.copyOut(at, length);`,
    finds: /received|came that nobody sent/,
    scenario: { messages: [1500, 1500, 1500] },
  },
  "what is kept is given back at once": {
    file: "consumer.ts",
    from: `    this.#tail = tail;
    if (this.#keeping) return;`,
    to: "    this.#tail = tail;",
    finds: /received|came that nobody sent/,
    scenario: { messages: [1500, 1500, 8, 1500], peeks: "together" },
  },
  "the end is looked at after the index": {
    file: "consumer.ts",
    from: "return this.peerState === STATE_CLOSED && this.available === 0 && this.#held === undefined;",
    to: "return this.available === 0 && this.peerState === STATE_CLOSED && this.#held === undefined;",
    finds: /received/,
    scenario: { messages: [8] },
  },
};

for (const [name, { finds, scenario, ...change }] of Object.entries(MISTAKES)) {
  test(`finds it when ${name}`, () => expectFound(change, finds, (changed) => ringScenario(changed, scenario)));
}

test.run();
