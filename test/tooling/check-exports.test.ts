// runtimes: bun - the scripts run on Bun only
import { test } from "uvu";
import * as assert from "uvu/assert";
import { scratchTree } from "./scratch-tree.ts";

const manifest = (exports: object) => JSON.stringify({ name: "millrace", type: "module", files: ["dist"], exports });
const GOOD = {
  "package.json": manifest({ ".": { types: "./dist/mod.d.ts", default: "./dist/mod.js" } }),
  "dist/mod.js": 'export { a as b } from "./a.js";\nexport class C {}\n',
  "dist/mod.d.ts":
    'export { a as b, type D } from "./a.js";\nexport * from "./e.js";\n/** See. */\nexport declare class C {\n    #private;\n    /** Goes. */\n    go(): void;\n    go(how: string): void;\n    [Symbol.dispose](): void;\n}\n',
  "dist/a.js": "export const a = 1;\n",
  "dist/a.d.ts":
    "/** One. */\nexport declare const a = 1;\n/**\n * Two.\n */\ninterface D {\n    /** Three. */\n    readonly d?: number;\n}\nexport type { D };\n",
  "dist/e.d.ts":
    "/** Four. */\nexport declare function e(): void;\n/** Table. */\nexport declare const A = 1;\nexport declare const B_2: number;\n",
};

test("accepts documented exports that every runtime can import", () => {
  using tree = scratchTree(GOOD);
  const { status, output } = tree.run("check-exports", tree.path);
  assert.is(output, "Exports: 1 modules, 8 symbols and members, 0 problems\n");
  assert.is(status, 0);
});

const BAD: [name: string, file: string, text: string, complaint: RegExp][] = [
  [
    "a file that is not there",
    "package.json",
    manifest({ "./x": { default: "./dist/x.js" } }),
    /there is no \.\/dist\/x\.js/,
  ],
  [
    "a file that is not packed",
    "package.json",
    manifest({ ".": "./src/mod.js" }),
    /src\/mod\.js is in none of "files"/,
  ],
  [
    "a module that throws on one runtime",
    "dist/a.js",
    "if ('Deno' in globalThis) throw 1; export const a = 1;",
    /Importing on deno ended/,
  ],
  [
    "an undocumented function",
    "dist/e.d.ts",
    "export declare function e(): void;\n",
    /: e has no doc comment \(dist\/e\.d\.ts\)/,
  ],
  [
    "an undocumented alias",
    "dist/a.d.ts",
    "export declare const a = 1;\n/** D. */\nexport type D = 1;\n",
    /: b has no doc comment/,
  ],
  [
    "an undocumented member",
    "dist/e.d.ts",
    "/** E. */\nexport interface E {\n    size: number;\n}\n",
    /: E\.size has no doc comment/,
  ],
];

for (const [name, file, text, complaint] of BAD) {
  test(`refuses ${name}`, () => {
    using tree = scratchTree({ ...GOOD, [file]: text });
    const { status, output } = tree.run("check-exports", tree.path);
    assert.match(output, complaint);
    assert.is(status, 1);
  });
}

test.run();
