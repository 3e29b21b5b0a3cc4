// runtimes: bun - the benchmarks' drivers run on Bun only
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkOut } from "../../bench/compare/check-out.ts";
import { type Comparison, compareSamples } from "../../bench/compare/compare-samples.ts";
import { projectRoot } from "../support/project-root.ts";
import { skip } from "../support/skip.ts";

const NOISE = [1.0, 1.04, 0.97, 1.02, 0.99, 1.03, 0.98, 1.01];

test("a difference beyond the noise is told from one within it", () => {
  const [faster, slower, rate, same, tiny] = compareSamples([
    comparison("ns", 100, 80),
    comparison("ns", 100, 130),
    comparison("GB/s", 1, 1.5),
    { ...comparison("ns", 100, 100), after: NOISE.toReversed().map((noise) => 100 * noise) },
    {
      ...comparison("ns", 100, 101),
      before: NOISE.map((noise) => 100 + noise / 100),
      after: NOISE.map((noise) => 101 + noise / 100),
    },
  ]);
  assert.is(faster?.verdict, "better");
  assert.ok(Math.abs((faster?.ratio ?? 0) - 0.8) < 1e-9 && (faster?.p ?? 1) < 0.01);
  assert.is(slower?.verdict, "worse");
  assert.is(rate?.verdict, "better");
  assert.is(same?.verdict, "within the noise");
  assert.ok((same?.p ?? 0) > 0.9);
  assert.is(tiny?.verdict, "within the noise", "1 % is of no interest");
});

test("few runs prove nothing, and among many comparisons one odd one is no difference", () => {
  const few = { ...comparison("ns", 100, 90), before: [100, 101], after: [90, 91] };
  assert.is(compareSamples([few])[0]?.verdict, "within the noise");
  const odd = {
    ...comparison("ns", 100, 100),
    before: [1, 2, 3, 5].map((x) => 100 + x),
    after: [4, 6, 7, 8].map((x) => 100 + x),
  };
  const many = Array.from({ length: 50 }, () => ({ ...odd, after: odd.before.toReversed() }));
  assert.ok(compareSamples([odd, ...many]).every(({ verdict }) => verdict === "within the noise"));
});

test("the other commit's source and this tree's bench are put together, and removed", () => {
  if (!existsSync(join(projectRoot, ".git"))) return skip("this is no checkout");
  const worktrees = () => spawnSync("git", ["worktree", "list"], { cwd: projectRoot, encoding: "utf8" }).stdout;
  const { folder, commit, remove } = checkOut("HEAD");
  try {
    assert.match(commit, /^[0-9a-f]{7,}$/);
    assert.ok(worktrees().includes(folder));
    assert.equal(readdirSync(join(folder, "bench")).sort(), readdirSync(join(projectRoot, "bench")).sort());
    assert.ok(existsSync(join(folder, "node_modules/uvu")) && existsSync(join(folder, "src/mod.ts")));
  } finally {
    remove();
  }
  assert.not.ok(existsSync(folder));
  assert.not.ok(worktrees().includes(folder));
  assert.throws(() => checkOut("no-such-commit"), /no-such-commit/);
});

function comparison(unit: string, before: number, after: number): Comparison {
  const samples = (value: number) => NOISE.map((noise) => value * noise);
  const what = { part: "throughput", job: "64 B", contender: `from ${before} to ${after}`, runtime: "bun" } as const;
  return { ...what, unit, before: samples(before), after: samples(after) };
}

test.run();
