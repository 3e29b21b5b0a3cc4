// runtimes: bun - the benchmarks' drivers run on Bun only
import { test } from "uvu";
import * as assert from "uvu/assert";
import { interleaved } from "../../bench/suite/interleaved.ts";
import { measureLatencies } from "../../bench/suite/latency.ts";
import type { Figure } from "../../bench/suite/result.ts";
import { measureThroughput } from "../../bench/suite/throughput.ts";
import { deadline } from "../support/deadline.ts";

test(
  "throughput measures ours, what people use and C, and each message arrives",
  deadline(60_000, async () => {
    const only = [
      "ring, sendMany / batches",
      "ring, claim",
      "pipe, send",
      "Bun unix",
      "Bun.spawn",
      "Bun worker, transfer",
      "C: ring, in",
      "C: POSIX",
    ];
    const { figures, bases } = await measureThroughput({ sizes: [64, 16_384], rounds: 2, clockNs: 200_000, only });
    assert.is(figures.length, 2 * only.length);
    for (const figure of figures)
      assert.ok(figure.samples.length === 2 && figure.samples.every((ns) => ns > 1), failure(figure));
    assert.equal(Object.keys(bases), ["64 B", "16 KiB"]);
  }),
);

test(
  "latency measures percentiles and histograms in closed and open loops",
  deadline(60_000, async () => {
    const only = ["ring, sendSync", "unix, send", "Bun stdio", "Bun worker", "C: pipe", "C: ring, futex"];
    const closed = { us: 1, least: 100 };
    const rates = [{ rate: 2000, seconds: 0.05 }];
    const { figures } = await measureLatencies({ rounds: 1, warmUpUs: 1000, closed, rates, only });
    // those that block while they wait have no open loop
    assert.is(figures.length, only.length + only.length - 2);
    for (const figure of figures) {
      const { samples, more, histogram } = figure;
      assert.is(samples.length, 1, failure(figure));
      const [p50, p99, p999] = [samples[0] as number, Number(more?.["p99 (us)"]), Number(more?.["p99.9 (us)"])];
      assert.ok(p50 > 0.1 && p50 <= 1.01 * p99 && p99 <= p999, `${figure.contender}: ${p50}, ${p99}, ${p999}`);
      const total = (histogram?.counts ?? []).reduce((sum, count) => sum + count, 0);
      assert.is(total, 100, figure.contender);
    }
  }),
);

test("every other round goes backwards, and who fails or is missing gets a note and no more tries", async () => {
  const calls: string[] = [];
  const entry = (contender: string, missing?: string) => ({
    figure: { job: "a job", contender, kind: "peer", runtime: "bun", unit: "ns" } as const,
    missing,
    async measure() {
      calls.push(contender);
      if (contender === "bad") throw new Error("no room");
      return calls.length;
    },
  });
  const said: string[] = [];
  const jobs = [[entry("one"), entry("bad"), entry("two"), entry("absent", "not installed")]];
  const figures = await interleaved(jobs, 3, (progress) => said.push(progress));
  assert.equal(calls, ["one", "bad", "two", "two", "one", "one", "two"]);
  assert.equal(
    figures.map(({ samples, note }) => [samples, note]),
    [
      [[1, 5, 6], undefined],
      [[], "It failed: no room"],
      [[3, 4, 7], undefined],
      [[], "not installed"],
    ],
  );
  assert.ok(said.some((line) => line.includes("bad failed")));
});

function failure({ contender, note, samples }: Figure): string {
  return `${contender}: ${note ?? samples.join()}`;
}

test.run();
