// runtimes: node26 deno - scripts/check-examples.ts runs the examples on Bun, and Node 20 runs no TypeScript
// timeout: 180s
// serial
import { join, relative } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkExample } from "../scripts/check-example.ts";
import { exampleFiles } from "../scripts/example-files.ts";
import { projectRoot } from "./support/project-root.ts";
import { currentRuntime } from "./support/runtimes.ts";

// Serial, because System V keys belong to the whole system: the same example on two runtimes would meet itself in one queue. The examples
// of one runtime have nothing in common, so two of them run at a time.
const lanes = [Promise.resolve<unknown>(undefined), Promise.resolve<unknown>(undefined)];

for (const [index, path] of exampleFiles(projectRoot).entries()) {
  const lane = index % lanes.length;
  const checked = Promise.resolve(lanes[lane]).then(() => checkExample(currentRuntime(), path));
  // one that fails is told by its own test
  lanes[lane] = checked.catch(() => undefined);
  test(`${relative(join(projectRoot, "examples"), path)} prints what it says`, async () => {
    const problem = await checked;
    assert.is(problem, undefined, problem);
  });
}

test.run();
