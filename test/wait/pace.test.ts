import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Pace } from "../../src/wait/pace.ts";

const test = suite("pace");

/** One wait of so many looks, behind a run of messages. @returns the hints of its last pause */
function wait(pace: Pace, run: number, looks: number): number {
  for (let message = 0; message < run; message++) pace.found();
  assert.not(pace.missed());
  let hints = 0;
  for (let look = 1; look < looks; look++) hints = pace.pause();
  return hints;
}

test("pauses grow while what comes is a stream, up to a limit", () => {
  const pace = new Pace();
  const pauses = Array.from({ length: 9 }, () => wait(pace, 20, 2));
  assert.equal(pauses, [1, 2, 4, 8, 16, 32, 64, 64, 64]);
});

test("the limit can be another one", () => {
  const pace = new Pace(4);
  const pauses = Array.from({ length: 5 }, () => wait(pace, 20, 2));
  assert.equal(pauses, [1, 2, 4, 4, 4]);
});

test("they shrink when one message comes at a time", () => {
  const pace = new Pace();
  for (let i = 0; i < 9; i++) wait(pace, 20, 2);
  // calls and replies: a long wait in front of each message
  const pauses = Array.from({ length: 8 }, () => wait(pace, 1, 3));
  // each at most half of the one before, until the wait is that of a stream again
  for (const [i, hints] of pauses.entries()) assert.ok(hints <= Math.max(8, 64 >> i), `${pauses}`);
});

test("a long wait forgets the stream", () => {
  const pace = new Pace();
  for (let i = 0; i < 9; i++) wait(pace, 20, 2);
  assert.is(wait(pace, 20, 2), 64);
  for (let look = 0; look < 5; look++) pace.pause();
  assert.is(pace.pause(), 1);
});

test("it asks for the other side after 64 looks in vain, or when told to", () => {
  const pace = new Pace();
  for (let round = 0; round < 2; round++) {
    for (let look = 0; look < 64; look++) assert.not(pace.missed());
    assert.ok(pace.missed());
  }
  pace.askNext();
  assert.ok(pace.missed());
  assert.not(pace.missed());
  pace.askNext();
  pace.found();
  assert.not(pace.missed());
});

test.run();
