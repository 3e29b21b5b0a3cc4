// runtimes: bun - the scripts run on Bun only
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compareOutput, expectedOutput } from "../../scripts/output-pattern.ts";
import { scratchTree } from "./scratch-tree.ts";

test("accepts examples that print what they say", () => {
  using tree = scratchTree({
    "examples/a.ts": 'console.log("one\\n\\ntwo 17 ms");\n\n// Output:\n// one\n//\n// two ... ms\n',
    "examples/nothing.ts": "export {};\n// Output:\n",
  });
  const { status, output } = tree.run("check-examples", tree.path);
  assert.is(output, "Examples on bun: 2 run, 0 problems\n");
  assert.is(status, 0);
});

test("runs the programs in folders as well, and no file that is a part of another one", () => {
  using tree = scratchTree({
    "examples/book/server.ts": 'import "./log.ts";\nimport "./worker.ts";\n// Output:\n// logged\n// worked\n',
    "examples/book/log.ts": 'console.log("logged");\n',
    "examples/book/worker.ts": 'console.log("worked");\n// Output:\n// worked\n',
    "examples/book/deep/client.ts": 'console.log("asked");\n// Output:\n// asked\n',
  });
  const { status, output } = tree.run("check-examples", tree.path);
  assert.is(output, "Examples on bun: 3 run, 0 problems\n");
  assert.is(status, 0);
  const only = tree.run("check-examples", "--only", "deep/", tree.path);
  assert.is(only.output, "Examples on bun: 1 run, 0 problems\n");
});

const BAD: [name: string, text: string, complaint: RegExp][] = [
  [
    "prints something else",
    "console.log(1);\n// Output:\n// 2\n",
    /examples\/a\.ts: printed\n {2}\| 1\nbut should print\n {2}\| 2/,
  ],
  ["says nothing of its output", "console.log(1);\n", /does not end in "\/\/ Output:"/],
  ["goes on after its output", "// Output:\n// 1\nconsole.log(1);\n", /does not end in "\/\/ Output:"/],
  ["fails", "console.log(1);\nprocess.exit(3);\n// Output:\n// 1\n", /ended with status 3/],
  [
    "leaves a process behind",
    'import { spawn } from "node:child_process";\nspawn("sleep", ["100"], { detached: true, stdio: "ignore" }).unref();\n// Output:\n',
    /left behind process \d+: sleep 100/,
  ],
];

test("refuses a file in a folder that says nothing of its output and is no part of another one", () => {
  using tree = scratchTree({
    "examples/book/alone.ts": 'console.log("./alone.ts");\n',
    "examples/other.ts": 'import "./alone.ts";\n// Output:\n',
    "examples/alone.ts": "export {};\n",
  });
  const { status, output } = tree.run("check-examples", tree.path);
  assert.match(output, /^examples\/book\/alone\.ts: does not end in "\/\/ Output:"/m);
  assert.not.match(output, /^examples\/alone\.ts/m);
  assert.is(status, 1);
});

for (const [name, text, complaint] of BAD) {
  test(`refuses an example that ${name}`, () => {
    using tree = scratchTree({ "examples/a.ts": text });
    const { status, output } = tree.run("check-examples", tree.path);
    assert.match(output, complaint);
    assert.is(status, 1);
  });
}

test("... stands for any text within a line, and for any lines when alone", () => {
  const same = (printed: string, ...expected: string[]) => compareOutput(printed, expected) === undefined;
  assert.ok(same("pid 42 (main)\n", "pid ... (main)"));
  assert.ok(same("a\nb\nc\nd", "a", "...", "d"));
  assert.ok(same("a\nd", "a", "...", "d"));
  assert.ok(same("a\nb", "a", "..."));
  assert.ok(same("", ""));
  assert.ok(same(""));
  assert.not.ok(same("a\nb\nc", "a", "...", "d"));
  assert.not.ok(same("a\nb", "a"));
  assert.not.ok(same("a", "a", "b"));
  assert.not.ok(same("axc", "a.c"));
  assert.equal(expectedOutput("x();\n// Output:\n// a\n//  b\n"), ["a", " b"]);
});

test.run();
