// runtimes: bun - the benchmarks' driver runs on Bun
import { test } from "uvu";
import * as assert from "uvu/assert";
import { measureCosts } from "../../bench/suite/costs.ts";
import { deadline } from "../support/deadline.ts";

test(
  "costs: every task runs, with each way to call C",
  deadline(100_000, async () => {
    const { figures, bases } = await measureCosts({ milliseconds: 1, rounds: 1, only: ["Bun", "node:ffi"] });
    for (const { job, contender, samples, note } of figures) {
      // the queues of all programs of a user share one limit
      if (contender === "mq:" && note?.includes("RLIMIT_MSGQUEUE")) continue;
      assert.ok((samples[0] as number) > 0, `${job}, ${contender}: ${note}`);
      assert.ok(
        figures.some((figure) => figure.job === job && figure.contender === bases[job]),
        job,
      );
    }
    const calls = figures.filter(({ job }) => job.includes("abs()")).map(({ contender }) => contender);
    assert.equal(calls, ["bun:ffi", "koffi on Bun", "node:ffi"]);
    const opened = figures.filter(({ job }) => job.endsWith("ends, Bun")).map(({ contender }) => contender);
    assert.equal(opened, ["memory:", "ring:", "fifo:", "unix:", "sysv:", "mq:", "pipe:"]);
  }),
);

test.run();
