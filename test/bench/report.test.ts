// runtimes: bun - the report is made on Bun only
import { test } from "uvu";
import * as assert from "uvu/assert";
import { markdown } from "../../bench/report/markdown.ts";
import { page } from "../../bench/report/page.ts";
import { number, quantity } from "../../bench/report/quantity.ts";
import { madeUpResult } from "./made-up-result.ts";

test("a quantity is written with the unit that makes it short", () => {
  assert.is(quantity(2_340_000, "ns"), "2.34 ms");
  assert.is(quantity(0.539, "us"), "539 ns");
  assert.is(quantity(1_240_000, "rows/s"), "1.24M rows/s");
  assert.is(quantity(0.5, "copies"), "0.5 copies");
  assert.is(number(1234.5), "1,230");
});

test("the text has the machine, every figure with range and ratio, and the notes", () => {
  const text = markdown(madeUpResult());
  for (const part of [
    "Imagined &lt;CPU>",
    "abc1234, with changes",
    "2026-11-26",
    "Bun 1.4.5",
    "a look, not a measurement",
  ])
    assert.ok(text.includes(part), part);
  // the median of the ratios of the rounds, not the ratio of the medians: 1500/100, 1400/120, 1700/110
  assert.match(text, /\| a socket \| bun \| 1,500 \| 1,400 - 1,700 \| 15 \|/);
  assert.match(text, /\| ring \| bun \| 110 \| 100 - 120 \| 1 \|/);
  assert.match(text, /\| not here \| c \| - \| - \| - \|/);
  assert.ok(text.includes("a socket: It waits \\| a lot."));
  assert.match(text, /64 B: ring 110 ns, 15 times better than a socket .* 10 times worse than C/);
  assert.match(text, /file of 1 MiB: ring 2.25 GB\/s, 2 times better than a socket/);
  assert.not.match(text, /undefined|NaN|Infinity/);
});

test("the best of a job comes first, whichever way is better", () => {
  const text = markdown(madeUpResult());
  const order = (...names: string[]) => names.map((name) => text.indexOf(`\n| ${name} |`));
  const [c, ring, socket, none] = order("C", "ring", "a socket", "not here") as [number, number, number, number];
  assert.ok(c < ring && ring < socket && socket < none, "less is better");
  const rates = text.slice(text.indexOf("### file of 1 MiB"));
  assert.ok(rates.indexOf("| ring |") < rates.indexOf("| a socket |"), "more is better");
});

test("the page has a wide and a narrow chart for each job with every name and value, and needs nothing else", () => {
  const text = page(madeUpResult());
  const charts = text.match(/<svg[\s\S]*?<\/svg>/g) ?? [];
  assert.is(charts.length, 6);
  for (const chart of charts.slice(0, 2))
    for (const part of ["ring", "a socket", "whose name is about as long", "110 ns", "1.5 µs", "91 µs"])
      assert.ok(chart.includes(part), part);
  assert.not.match(text, /undefined|NaN|Infinity/);
  assert.not.match(text, /<script|<link|<img|@import|url\(/);
  assert.is(text.match(/<table/g)?.length, 4);
});

test.run();
