// runtimes: bun - the scripts run on Bun only
import { test } from "uvu";
import * as assert from "uvu/assert";
import { scratchTree } from "./scratch-tree.ts";

const block = (code: string, info = "ts") => `# Title\n\n\`\`\`${info}\n${code}\n\`\`\`\n`;

test("runs the blocks of README, docs and doc comments", () => {
  using tree = scratchTree({
    "README.md": `${block("const a: number = 1;\nconsole.log(a);\n// Output:\n// 1")}${block("not TypeScript", "sh")}`,
    "package.json": '{ "type": "module" }',
    "docs/deep/page.md": block("await Promise.resolve();"),
    "src/a.ts":
      "/**\n * One.\n *\n * @example Title\n * ```ts\n * console.log(`*`);\n * ```\n */\nexport const a = 1;\n",
    "src/b.ts":
      "/**\n * Two.\n *\n * ```ts no-run needs two machines\n * for (;;);\n * ```\n */\nexport const b = 1;\n",
    "src/c.ts":
      '/**\n * Three.\n *\n * ```ts\n * import { a } from "./a.ts";\n * console.log(a + 1);\n * // Output:\n * // 2\n * ```\n */\nexport const c = 1;\n',
  });
  const { status, output } = tree.run("check-docs", tree.path);
  assert.is(output, "not run: src/b.ts:4: needs two machines\nDocs: 5 blocks, 0 problems\n");
  assert.is(status, 0);
});

test("files that are named are the only ones that are checked", () => {
  using tree = scratchTree({
    "README.md": block("throw new Error('not asked for');"),
    "docs/a.md": block("console.log(1);\n// Output:\n// 1"),
    "docs/b.md": block("console.log(2);\n// Output:\n// 1"),
    "src/c.ts":
      "/**\n * Three.\n *\n * @example Title\n * ```ts\n * console.log(3);\n * ```\n */\nexport const c = 1;\n",
    "src/d.ts": "/**\n * Four.\n *\n * @example\n * d();\n */\n",
  });
  const good = tree.run("check-docs", tree.path, "docs/a.md", "src/c.ts", "docs/a.md");
  assert.is(good.output, "Docs: 2 blocks, 0 problems\n");
  assert.is(good.status, 0);
  const absolute = tree.run("check-docs", `${tree.path}/docs/a.md`);
  assert.is(absolute.output, "Docs: 1 blocks, 0 problems\n");
  const bad = tree.run("check-docs", tree.path, "docs/b.md");
  assert.match(bad.output, /Docs: 1 blocks, 1 problems\n.*docs\/b\.md:3: the block printed/);
  assert.is(bad.status, 1);
  for (const name of ["docs/none.md", "docs", "package.json"]) {
    const none = tree.run("check-docs", tree.path, name);
    assert.match(none.output, `Cannot check ${tree.path}/${name}: it is no file`);
    assert.is(none.status, 1);
  }
});

const BAD: [name: string, file: string, text: string, complaint: RegExp][] = [
  ["throws", "README.md", block("throw new Error('oh');"), /README\.md:3: the block ended with status 1\n[\s\S]*oh/],
  ["has a wrong type", "docs/a.md", block("\nconst a: string = 1;\na;"), /docs\/a\.md:5: error TS2322/],
  [
    "imports what does not exist",
    "README.md",
    block('import { nothing } from "millrace";\nnothing;'),
    /README\.md:4: error TS/,
  ],
  [
    "prints something else",
    "README.md",
    block("console.log(2);\n// Output:\n// 1"),
    /printed\n {2}\| 2\nbut should print\n {2}\| 1/,
  ],
  [
    "leaves a file",
    "README.md",
    block(
      'import { writeFileSync } from "node:fs";\nimport { tmpdir } from "node:os";\nwriteFileSync(tmpdir() + "/x", "");',
    ),
    /left behind file .*\/x/,
  ],
  [
    "does not say why it is not run",
    "README.md",
    block("for (;;);", "ts no-run"),
    /README\.md:3: "no-run" must say why/,
  ],
  ["has an unknown word", "README.md", block("", "ts norun"), /"norun" after the language is not understood/],
  ["has no end", "README.md", "```ts\n1;", /README\.md:1: the block has no end/],
  ["is no block", "src/a.ts", "/**\n * One.\n *\n * @example\n * a();\n */\n", /src\/a\.ts:4: the @example has no/],
];

for (const [name, file, text, complaint] of BAD) {
  test(`refuses a block that ${name}`, () => {
    using tree = scratchTree({ [file]: text });
    const { status, output } = tree.run("check-docs", tree.path);
    assert.match(output, complaint);
    assert.is(status, 1);
  });
}

test.run();
