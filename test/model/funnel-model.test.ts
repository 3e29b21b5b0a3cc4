// runtimes: bun - it takes the source and memory apart, which no runtime does differently, and takes a minute
// timeout: 300s
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { explore, Violation } from "./explore.ts";
import { type FunnelScenario, funnelScenario } from "./funnel-scenario.ts";
import { type Change, openedRing } from "./opened-ring.ts";

const test = suite("funnel model");
const ring = await openedRing();

const SCENARIOS: Record<string, FunnelScenario> = {
  "one message of each": { a: [4], b: [4] },
  "two messages of one": { a: [4, 4], b: [4] },
  "indices that wrap": { a: [4, 4], b: [4], start: 2 ** 32 - 1 },
  "a funnel that is full": { a: [2048, 2048], b: [2048] },
  "two who wait for room": { a: [2048, 2048], b: [2048, 2048], takes: 2 },
  "an open end": { a: [4], b: [4], takes: 2 },
  "claims that are given up, or used in part": { a: [4, 4], b: [4], aborts: true },
  "releases that are collected": { a: [4, 4], b: [4], releaseBytes: 128 },
  "a producer killed at any access": { a: [4], b: [4], mortal: "a" },
  "a producer killed at any access of its second message": { a: [4, 4], b: [], mortal: "a" },
  "a producer killed, with a successor in its slot": { a: [4], b: [4], successor: [4], mortal: "a" },
  "a producer killed on a full funnel": { a: [2048, 2048], b: [2048], mortal: "a" },
  "a consumer killed at any access": { a: [4], b: [4], mortal: "consumer" },
  "a consumer killed on a full funnel": { a: [2048, 2048], b: [2048], mortal: "consumer" },
};

for (const [name, options] of Object.entries(SCENARIOS)) {
  test(`every interleaving of ${name}`, () => {
    const start = performance.now();
    const { states, endings } = explore(funnelScenario(ring, options));
    console.log(`${name}: ${states} states, ${endings} endings, ${Math.round(performance.now() - start)} ms`);
    assert.ok(states > 50, `${states} states`);
    assert.ok(endings > 0);
  });
}

test.run();
