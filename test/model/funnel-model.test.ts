// runtimes: bun - it takes the source and memory apart, which no runtime does differently, and takes a minute; MILLRACE_MODEL=all makes it two
// timeout: 400s
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { explore, Violation } from "./explore.ts";
import { type FunnelScenario, funnelScenario } from "./funnel-scenario.ts";
import { type Change, openedRing } from "./opened-ring.ts";

const test = suite("funnel model");
const ring = await openedRing();

const SCENARIOS: Record<string, FunnelScenario> = {
  "two producers": { a: [4], b: [4], spins: true },
  "an open end": { a: [4, 4], b: [], takes: 2 },
  "two messages of one, pushed": { a: [4, 4], b: [], pushes: true },
  "indices that wrap": { a: [4, 4], b: [], start: 2 ** 32 - 1 },
  "a funnel that is full": { a: [2048, 2048, 2048], b: [], takes: 1 },
  "claims that are given up, or used in part": { a: [4, 4], b: [], aborts: true },
  "releases that are collected": { a: [4, 4, 4], b: [], releaseBytes: 128 },
  "a producer killed at any access, to the end": { a: [4, 4], b: [], mortal: "a" },
  "a producer killed, with a successor in its slot": { a: [4], b: [], successor: [4], mortal: "a", takes: 1, start: 5 },
  "a producer killed on a full funnel": { a: [2048, 2048, 2048], b: [], mortal: "a", spins: true },
  "a consumer killed at any access": { a: [4], b: [], mortal: "consumer" },
  "a consumer killed on a full funnel": { a: [2048, 2048, 2048], b: [], mortal: "consumer", spins: true },
};

// take longer than all others together
if (process.env.MILLRACE_MODEL === "all") {
  SCENARIOS["a producer killed, with a successor, to the end"] = { a: [4], b: [], successor: [4], mortal: "a" };
  SCENARIOS["a producer killed at any access, beside another one"] = { a: [4], b: [4], mortal: "a", spins: true };
}

for (const [name, options] of Object.entries(SCENARIOS)) {
  test(`every interleaving of ${name}`, () => {
    const start = performance.now();
    const { states, endings } = explore(funnelScenario(ring, options));
    console.log(`${name}: ${states} states, ${endings} endings, ${Math.round(performance.now() - start)} ms`);
    assert.ok(states > 50, `${states} states`);
    assert.ok(endings > 0);
  });
}

interface Mistake extends Change {
  readonly finds: RegExp;
  readonly scenario: FunnelScenario;
}

const MISTAKES: Record<string, Mistake> = {
  "the producer looks for a sleeper before it publishes": {
    file: "funnel-producer.ts",
    from: `    Atomics.store(words, word, state | (this.slot << CONTROL_SLOT_SHIFT) | length);
    // Pairs with the store in funnel-consumer.ts prepareWait
    if (loadAfterStore(words, this.#waiterWord) !== AWAKE) this.#wakeConsumer();`,
    to: `    const asleep = loadAfterStore(words, this.#waiterWord) !== AWAKE;
    Atomics.store(words, word, state | (this.slot << CONTROL_SLOT_SHIFT) | length);
    if (asleep) this.#wakeConsumer();`,
    finds: /consumer sleeps for ever/,
    scenario: { a: [4], b: [], takes: 1 },
  },
  "the producer ends whatever sleep there is": {
    file: "funnel-producer.ts",
    from: "Atomics.compareExchange(words, this.#waiterWord, sleep, AWAKE);",
    to: "Atomics.store(words, this.#waiterWord, AWAKE);",
    finds: /consumer sleeps for ever/,
    scenario: { a: [4, 4], b: [], takes: 2 },
  },
  "the producer publishes before it writes": {
    file: "funnel-producer.ts",
    from: `    this.copier.copyIn(this.#payload(), message, length);
    this.#publish(CONTROL_COMMITTED, length);`,
    to: `    this.#publish(CONTROL_COMMITTED, length);
    this.copier.copyIn(this.#payload(), message, length);`,
    finds: /came that nobody sent|not all/,
    scenario: { a: [4], b: [], pushes: true },
  },
  "the producer does not look whether the consumer has passed the end": {
    file: "funnel-producer.ts",
    from: "if (((at - read) | 0) < 0) {",
    to: "if (((at - tail) | 0) < 0) {",
    finds: /sleeps for ever|is missing|are missing/,
    scenario: { a: [4], b: [], successor: [4], mortal: "a" },
  },
  "a word that is free again looks as before": {
    file: "funnel-consumer.ts",
    from: "this.#generation = (this.#generation + 1) & GENERATION_MASK;",
    to: "this.#generation = 0;",
    finds: /not all/,
    scenario: { a: [4], b: [4], spins: true },
  },
  "the producer writes down where it claims when it has": {
    file: "funnel-producer.ts",
    from: `      words[this.#slotWord + (FROM_SLOT_TO_CLAIM >> 2)] = at;
      if (Atomics.compareExchange(words, word, free, claim) !== free) continue;`,
    to: `      if (Atomics.compareExchange(words, word, free, claim) !== free) continue;
      words[this.#slotWord + (FROM_SLOT_TO_CLAIM >> 2)] = at;`,
    finds: /consumer sleeps for ever/,
    scenario: { a: [4], b: [], successor: [4], mortal: "a", takes: 1, start: 5 },
  },
  "the consumer gives back before it reads": {
    file: "funnel-consumer.ts",
    from: `    const message = this.copier.copyOut(this.#payload, this.#length);
    this.release();`,
    to: `    const [at, length] = [this.#payload, this.#length];
    this.release();
    const message = this.copier.copyOut(at, length);`,
    finds: /not all|not a beginning|came that nobody sent/,
    scenario: { a: [2048, 2048, 2048], b: [] },
  },
  "the consumer stores the tail before the words are free": {
    file: "funnel-consumer.ts",
    from: `    words[this.#readWord] = end;
    keepOrder();`,
    to: `    words[this.#readWord] = end;
    Atomics.store(words, this.#tailWord, end);`,
    finds: /sleeps for ever|not all|corrupt/,
    scenario: { a: [2048, 2048, 2048], b: [] },
  },
  "the consumer looks for sleepers before it gives back": {
    file: "funnel-consumer.ts",
    from: `    Atomics.store(words, this.#tailWord, end);
    // Pair with the stores in funnel-producer.ts prepareWait
    if (loadAfterStore(words, this.#sleepersWord) !== 0) this.#wakeProducers(0);`,
    to: `    const asleep = loadAfterStore(words, this.#sleepersWord) !== 0;
    Atomics.store(words, this.#tailWord, end);
    if (asleep) this.#wakeProducers(0);`,
    finds: /a sleeps for ever/,
    scenario: { a: [2048, 2048, 2048], b: [], takes: 1 },
  },
  "the consumer looks once more before it says that it sleeps": {
    file: "funnel-consumer.ts",
    from: `    Atomics.store(words, this.#waiterWord, this.#sleep);
    // Pair with the stores in funnel-producer.ts #publish and close
    const found = Atomics.load(words, this.#control + (this.#tail & (this.#units - 1)));`,
    to: `    const found = Atomics.load(words, this.#control + (this.#tail & (this.#units - 1)));
    Atomics.store(words, this.#waiterWord, this.#sleep);`,
    finds: /consumer sleeps for ever/,
    scenario: { a: [4], b: [], takes: 1 },
  },
  "the consumer does not look again at what a dead producer claimed": {
    file: "funnel-consumer.ts",
    from: "if ((found & CONTROL_STATE) !== CONTROL_CLAIMED) return false;",
    to: "if (found >= 0) return false;",
    finds: /not a beginning/,
    scenario: { a: [4, 4], b: [], mortal: "a" },
  },
  "the consumer frees words and does not say before that it has passed them": {
    file: "funnel-consumer.ts",
    from: `    words[this.#readWord] = end;
    keepOrder();
`,
    to: "",
    finds: /sleeps for ever|fails|not an end|missing/,
    scenario: { a: [4, 4], b: [], mortal: "consumer" },
  },
};

for (const [name, { finds, scenario, ...change }] of Object.entries(MISTAKES)) {
  test(`finds it when ${name}`, async () => {
    const changed = await openedRing(change);
    try {
      explore(funnelScenario(changed, scenario));
    } catch (error) {
      assert.instance(error, Violation, String(error));
      assert.match((error as Violation).message, finds);
      return;
    }
    assert.unreachable("The mistake was not found");
  });
}

test.run();
