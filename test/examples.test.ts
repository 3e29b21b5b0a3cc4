// runtimes: bun - it starts the other runtimes itself; scripts/check-examples.ts runs the examples on Bun
// timeout: 300s
// serial
import { relative } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkExample } from "../scripts/check-example.ts";
import { exampleFiles } from "../scripts/example-files.ts";
import { projectRoot } from "./support/project-root.ts";
import type { RuntimeName } from "./support/runtimes.ts";

/** With the source as it is, as a reader would; Node 20, which runs no TypeScript, with what was built of it. */
const RUNTIMES: readonly RuntimeName[] = ["node20", "node26-ffi", "deno"];

// Serial, because System V keys belong to the whole system: the same example on two runtimes would meet itself in one queue. The examples
// of one runtime have nothing in common, so two of them run at a time.
for (const runtime of RUNTIMES) {
  test(`every example prints what it says on ${runtime}`, async () => {
    const waiting = exampleFiles(projectRoot);
    const problems: string[] = [];
    const lane = async () => {
      for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
        const problem = await checkExample(runtime, path);
        if (problem !== undefined) problems.push(`${relative(projectRoot, path)}: ${problem}`);
      }
    };
    assert.ok(waiting.length > 20, `${waiting.length} examples`);
    await Promise.all([lane(), lane()]);
    assert.equal(problems, []);
  });
}

test.run();
