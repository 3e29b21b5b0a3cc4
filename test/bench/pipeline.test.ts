// runtimes: bun - the benchmarks' driver runs on Bun
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Contender, PIPELINE_CONTENDERS } from "../../bench/pipeline/contenders.ts";
import { generate } from "../../bench/pipeline/generate.ts";
import { runContender } from "../../bench/pipeline/run-contender.ts";
import { measurePipelines } from "../../bench/suite/pipeline.ts";
import { deadline } from "../support/deadline.ts";

const LIMIT = 100_000;

test(
  "pipeline: every contender finds the sums of the generator",
  deadline(LIMIT, async () => {
    const { figures } = await measurePipelines({ bytes: 2 ** 20, rounds: 1 });
    assert.is(figures.length, PIPELINE_CONTENDERS.length);
    for (const { contender, samples, more, note } of figures) {
      assert.ok((samples[0] as number) > 0, `${contender}: ${note}`);
      assert.ok(Number(more?.["processor time (s)"]) > 0, contender);
    }
  }),
);

test(
  "pipeline: an amount that is read wrong is noticed",
  deadline(LIMIT, async () => {
    const folder = mkdtempSync(join(tmpdir(), "pipeline-"));
    try {
      const file = join(folder, "lines");
      const { totals, rows } = generate(file, 100_000, 7);
      const text = readFileSync(file, "latin1");
      assert.is(text.split("\n").length - 1, rows);
      const first = /"purchase","amount":(\d{4})/.exec(text);
      writeFileSync(file, text.replace(first?.[0] as string, '"purchase","amount":1000'), "latin1");
      for (const name of ["cut | grep | awk", "one process"]) {
        const contender = PIPELINE_CONTENDERS.find((known) => known.name === name) as Contender;
        const message = await runContender(contender, file, { LC_ALL: "C" }, totals).then(
          () => "none",
          (error: Error) => error.message,
        );
        assert.match(message, new RegExp(`^${name.replaceAll("|", "\\|")}: [a-z-]+ has \\d+ rows of \\d+, not`));
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  }),
);

test.run();
