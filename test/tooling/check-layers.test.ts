// runtimes: bun - the scripts run on Bun only
import { test } from "uvu";
import * as assert from "uvu/assert";
import { scratchTree } from "./scratch-tree.ts";

const GOOD = {
  "src/errors.ts": 'import { runtime } from "./runtime.ts";',
  "src/runtime.ts": "export const isDeno = globalThis.Deno !== undefined;",
  "src/ffi/backend/bun.ts": 'import { dlopen } from "bun:ffi"; // see ../../ipc/channel.ts',
  "src/ring/spsc.ts": 'import { IpcError } from "../errors.ts"; import { x } from "./layout.ts";',
  "src/memory/arena.ts":
    'import { mmap } from "../ffi/mmap.ts"; /** import { Channel } from "../ipc/channel.ts" on Deno */',
  "src/ipc/adapters/pipe.ts": 'import { Link } from "../link.ts"; const text = "runs on Deno";',
  "src/cli/millrace.ts":
    'import { defineCommand } from "citty"; import { Channel } from "../mod.ts"; new URL("../../package.json", import.meta.url);',
  "src/mod.ts": 'export { Channel } from "./ipc/channel.ts";',
};

test("accepts imports that go down, and names in comments and strings", () => {
  using tree = scratchTree(GOOD);
  const { status, output } = tree.run("check-layers", tree.path);
  assert.is(output, "Layers: 8 files, 0 problems\n");
  assert.is(status, 0);
});

const BAD: [name: string, file: string, text: string, complaint: RegExp][] = [
  [
    "an import upwards",
    "src/ffi/x.ts",
    'import { a } from "../memory/arena.ts";',
    /src\/ffi\/x\.ts:1: .*memory is level 3/,
  ],
  ["a type import upwards", "src/ffi/x.ts", '\nimport type { A } from "../ipc/link.ts";', /x\.ts:2: .*ipc is level 5/],
  ["a dynamic import upwards", "src/ffi/x.ts", 'await import("../ipc/link.ts");', /ipc is level 5/],
  ["a worker file upwards", "src/ffi/x.ts", 'new URL("../ipc/worker.ts", import.meta.url);', /ipc is level 5/],
  ["a re-export upwards", "src/errors.ts", 'export * from "./ffi/bind.ts";', /ffi is level 1/],
  ["an import between ffi and ring", "src/ffi/x.ts", 'import "../ring/spsc.ts";', /ring is level 1/],
  [
    "an adapter that imports an adapter",
    "src/ipc/adapters/fifo.ts",
    'import { a } from "./pipe.ts";',
    /adapters never/,
  ],
  ["an adapter's folder that does", "src/ipc/adapters/ring/a.ts", 'import { a } from "../pipe.ts";', /adapters never/],
  ["a ring that imports a built-in", "src/ring/x.ts", 'import "node:fs";', /src\/ring imports nothing/],
  ["a ring that imports ffi", "src/ring/x.ts", 'import "../ffi/mmap.ts";', /src\/ring imports nothing/],
  ["bun:ffi outside of the backends", "src/ffi/x.ts", 'import { ptr } from "bun:ffi";', /only src\/ffi\/backend/],
  ["koffi through require", "src/memory/x.ts", 'createRequire(import.meta.url)("koffi");', /only src\/ffi\/backend/],
  [
    "node:ffi through getBuiltinModule",
    "src/ipc/x.ts",
    'process.getBuiltinModule("node:ffi");',
    /only src\/ffi\/backend/,
  ],
  ["Deno outside of the backends", "src/ipc/x.ts", "const a = 1;\nDeno.exit();", /x\.ts:2: names Deno/],
  ["a package outside of the command", "src/ipc/x.ts", 'import "citty";', /only src\/cli may import a package/],
  ["an import out of src", "src/ipc/x.ts", 'import "../../test/support/skip.ts";', /outside of src/],
  ["using", "src/ipc/x.ts", "\nawait using a = b();", /x\.ts:2: says `using`/],
  ["a folder without a level", "src/other/x.ts", "", /"other" has no level/],
];

for (const [name, file, text, complaint] of BAD) {
  test(`refuses ${name}`, () => {
    using tree = scratchTree({ ...GOOD, [file]: text });
    const { status, output } = tree.run("check-layers", tree.path);
    assert.match(output, complaint);
    assert.match(output, /, 1 problems\n/);
    assert.is(status, 1);
  });
}

test.run();
