// runtimes: bun - it starts Node 26 and Deno itself, as the other processes
// timeout: 180s
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { deadline } from "../support/deadline.ts";
import { killSoak } from "./kill-soak.ts";

const test = suite("soak");
const seed = Number(process.env.MILLRACE_TEST_SEED ?? 1);

test(
  `ends that are killed at any time lose nothing, change nothing and repeat only what was not released (seed ${seed})`,
  deadline(150_000, async () => {
    const result = await killSoak(5, seed);
    const seen = JSON.stringify(result);
    assert.equal(result.problems, [], seen);
    assert.is(result.lost + result.changed + result.hangs, 0, seen);
    assert.is(result.published, result.received + result.taken + result.cut, seen);
    assert.ok(result.published > 0, seen);
    assert.ok(result.kills.producer + result.kills.consumer > 0, seen);
  }),
);

test.run();
