// runtimes: bun - it takes the source and memory apart, which no runtime does differently
// timeout: 300s
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { expectFound } from "./expect-found.ts";
import { explore } from "./explore.ts";
import { type KeptScenario, keptScenario } from "./kept-scenario.ts";
import { type Change, openedRing } from "./opened-ring.ts";

const test = suite("kept ring model");
const ring = await openedRing();

const SCENARIOS: Record<string, KeptScenario> = {
  "a replay while the producer gives old records up": { before: 4, sends: 1, takes: 0, from: "oldest" },
  "a replay behind a consumer, on a full ring": { before: 3, sends: 2, takes: 2, from: "oldest" },
  "a consumer that goes on where the last one stopped": { before: 4, sends: 2, takes: 1, from: "tail" },
  "a producer killed while it gives old records up": {
    before: 4,
    sends: 2,
    takes: 0,
    from: "oldest",
    mortal: "producer",
  },
  "a consumer killed while it begins anew": { before: 4, sends: 2, takes: 0, from: "oldest", mortal: "second" },
};

for (const [name, options] of Object.entries(SCENARIOS)) {
  test(`every interleaving of ${name}`, () => {
    const start = performance.now();
    const { states, endings } = explore(keptScenario(ring, options));
    console.log(`${name}: ${states} states, ${endings} endings, ${Math.round(performance.now() - start)} ms`);
    assert.ok(states > 50, `${states} states`);
    assert.ok(endings > 0);
  });
}

const REPLAY: KeptScenario = { before: 4, sends: 1, takes: 0, from: "oldest" };

const MISTAKES: Record<string, Change & { readonly finds: RegExp }> = {
  "the producer gives records up without the lock": {
    file: "kept-records.ts",
    from: "const oldest = this.#keeping.exclusively(() => {",
    to: "const oldest = ((body: () => number) => body())(() => {",
    finds: /nobody sent|a gap|corrupt/,
  },
  "the producer does not say that it gives records up": {
    file: "kept-records.ts",
    from: "if (after !== before) Atomics.store(words, (offset + OLDEST_OFFSET) >>> 2, after);",
    to: "",
    finds: /nobody sent|a gap|corrupt/,
  },
  "the producer writes before it gives records up": {
    file: "producer.ts",
    from: `    if (((this.#head - this.#tail) | 0) + size > this.#capacity && !this.#makeRoom(size)) return false;
    const at = this.#data + (this.#head & this.#mask);
    this.copier.copyIn(at + RECORD_HEADER_BYTES, message, length);
    this.#append(at, length, size, 0);`,
    to: `    const at = this.#data + (this.#head & this.#mask);
    this.copier.copyIn(at + RECORD_HEADER_BYTES, message, length);
    if (((this.#head - this.#tail) | 0) + size > this.#capacity && !this.#makeRoom(size)) return false;
    this.#append(at, length, size, 0);`,
    finds: /nobody sent|a gap|corrupt/,
  },
  "the producer gives up what is unread": {
    file: "kept-records.ts",
    from: "const after = this.#pass(before, tail, head,",
    to: "const after = this.#pass(before, head, head,",
    finds: /nobody sent|a gap|corrupt|not received/,
  },
};

for (const [name, { finds, ...change }] of Object.entries(MISTAKES)) {
  test(`finds it when ${name}`, () => expectFound(change, finds, (changed) => keptScenario(changed, REPLAY)));
}

test.run();
