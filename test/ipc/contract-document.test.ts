// runtimes: bun - it compares the sources of a document and of tests, which are the same everywhere
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { projectRoot } from "../support/project-root.ts";
import { type Sentence, THEMES } from "./contract/mod.ts";

const document = readFileSync(join(projectRoot, "docs/channel.md"), "utf8");
const stated = [...document.matchAll(/^(\d+)\. /gm)].map(([, number]) => Number(number));

test("the sentences of docs/channel.md are numbered from 1", () => {
  assert.equal(
    stated,
    stated.map((_, index) => index + 1),
  );
});

test("every sentence has a test, and every test a sentence", () => {
  const tested = new Set<number>();
  const sentence: Sentence = (number) => tested.add(number);
  for (const theme of THEMES) theme(sentence);
  assert.equal(
    [...tested].sort((one, other) => one - other),
    stated,
  );
});

test.run();
