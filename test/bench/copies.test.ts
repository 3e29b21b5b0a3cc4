// runtimes: bun - the benchmarks' driver runs on Bun
import { test } from "uvu";
import * as assert from "uvu/assert";
import { COPY_TRANSPORTS, type Transport } from "../../bench/copies/transports.ts";
import { measureCopies } from "../../bench/suite/copies.ts";
import type { Figure } from "../../bench/suite/result.ts";
import { deadline } from "../support/deadline.ts";

const MIB = 2 ** 20;
const TINY = { bytes: 2 * MIB, countedBytes: MIB, rounds: 1 };
const LIMIT = 100_000;

test(
  "copies: each kind of transport moves the file, and the copies are counted",
  deadline(LIMIT, async () => {
    const only = ["pipe", "Bun stdio", "ring, send", "ring, claim", "descriptor"];
    const { figures, bases } = await measureCopies({ ...TINY, only });
    assert.equal(Object.values(bases), ["memcpy in C", "memcpy in C"]);
    assert.equal(
      figures.map(({ contender }) => contender),
      [
        "memcpy in C",
        "pipe in C",
        "pipe",
        "Bun stdio",
        "ring, send/receive",
        "ring, claim/peek",
        "splice through a pipe",
        "descriptor and copy_file_range",
        "memcpy in C",
        "read in C",
        "mmap in C",
      ],
    );
    for (const { contender, samples, note } of figures) assert.ok((samples[0] as number) > 0, `${contender}: ${note}`);
    // what is copied in user space needs no tracer
    assert.is(moreOf(figures, "ring, send/receive")["in user space"], 2);
    assert.is(moreOf(figures, "ring, claim/peek")["in user space"], 0);
    assert.ok(Number(moreOf(figures, "pipe")["in user space"]) < 0.1);
    // and these calls the kernel counts by itself, with what a runtime reads of its modules meanwhile
    near(moreOf(figures, "pipe")["rchar + wchar (per byte)"], 4, 0.95);
    near(moreOf(figures, "ring, claim/peek")["rchar + wchar (per byte)"], 2, 0.95);
    if (moreOf(figures, "pipe")["by the kernel"] === "unknown") return;
    near(moreOf(figures, "pipe in C")["counted (copies)"], 4);
    near(moreOf(figures, "pipe")["counted (copies)"], 4);
    near(moreOf(figures, "Bun stdio")["counted (copies)"], 4);
    near(moreOf(figures, "ring, send/receive")["counted (copies)"], 4);
    near(moreOf(figures, "ring, claim/peek")["counted (copies)"], 2);
    near(moreOf(figures, "read in C")["counted (copies)"], 1);
    near(moreOf(figures, "mmap in C")["counted (copies)"], 0);
    near(moreOf(figures, "splice through a pipe")["counted (copies)"], 1);
    near(moreOf(figures, "descriptor and copy_file_range")["counted (copies)"], 1);
  }),
);

test(
  "copies: a transport that changes a byte has no figure",
  deadline(LIMIT, async () => {
    const pipe = COPY_TRANSPORTS.find(({ name }) => name === "pipe") as Transport;
    const wrong = { ...pipe, name: "wrong byte", way: "../../../test/bench/peers/wrong-byte" };
    const { figures } = await measureCopies({ ...TINY, transports: [wrong] });
    assert.equal(figures[1]?.samples, []);
    assert.match(figures[1]?.note ?? "", /^It failed: wrong byte: the destination has SHA-256/);
  }),
);

test.run();

function moreOf(figures: readonly Figure[], contender: string): Readonly<Record<string, number | string>> {
  return figures.find((figure) => figure.contender === contender)?.more ?? {};
}

/** A little more crosses: orders, reports and frames. */
function near(found: number | string | undefined, right: number, more = 0.25): void {
  const above = Number(found) - right;
  assert.ok(above >= -0.25 && above <= more, `${found} is not about ${right}`);
}
