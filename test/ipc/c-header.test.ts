// runtimes: bun - only the compilers matter
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { projectRoot } from "../support/project-root.ts";
import { skip } from "../support/skip.ts";

const test = suite("include/millrace.h");
const STRICT = [
  "-Wall",
  "-Wextra",
  "-Wpedantic",
  "-Werror",
  "-Wshadow",
  "-Wconversion",
  "-I",
  join(projectRoot, "include"),
];

const IMPLEMENTATION = '#define MILLRACE_IMPLEMENTATION\n#include <millrace.h>\n#include "millrace.h"\n';
const USER = `#include <stdio.h>
#include <millrace.h>
const char *told(void);
const char *told(void) { return millrace_result_name(MILLRACE_BUSY); }
`;
const MAIN = `#include <stdio.h>
#include <millrace.h>
#ifdef __cplusplus
extern "C"
#endif
const char *told(void);
int main(void) {
  millrace *ring = NULL;
  millrace_result result = millrace_open_sender(&ring, ".wrong", NULL);
  printf("%s %s %d\\n", told(), millrace_result_name(result), millrace_close(&ring));
  return 0;
}
`;

/** Compiles files, each on its own, links them and gives what the program says. */
function build(
  files: Readonly<Record<string, readonly [compiler: string, text: string, flags: readonly string[]]>>,
): string {
  const folder = mkdtempSync(join(tmpdir(), "header-"));
  try {
    const objects: string[] = [];
    let linker = "cc";
    for (const [name, [compiler, text, flags]] of Object.entries(files)) {
      writeFileSync(join(folder, name), text);
      objects.push(join(folder, `${name}.o`));
      run(compiler, [...flags, ...STRICT, "-c", join(folder, name), "-o", join(folder, `${name}.o`)]);
      if (compiler.includes("++")) linker = compiler;
    }
    run(linker, [...objects, "-o", join(folder, "program")]);
    return run(join(folder, "program"), []);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(command: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  assert.is(status, 0, stderr);
  return stdout;
}

function has(compiler: string): boolean {
  return spawnSync(compiler, ["--version"]).status === 0;
}

for (const compiler of ["gcc", "clang"]) {
  for (const level of ["-O0", "-O2"]) {
    test(`${compiler} ${level}: C11, without a warning, in several files`, () => {
      if (!has(compiler)) return skip(`needs ${compiler}`);
      const flags = ["-std=c11", level];
      const said = build({
        "ring.c": [compiler, IMPLEMENTATION, flags],
        "user.c": [compiler, USER, flags],
        "main.c": [compiler, MAIN, flags],
      });
      assert.is(said, "IPC_BUSY INVALID 0\n");
    });
  }
}

for (const [c, cpp] of [
  ["gcc", "g++"],
  ["clang", "clang++"],
] as const) {
  test(`${cpp}: C++17 uses what a C file implements`, () => {
    if (!has(cpp)) return skip(`needs ${cpp}`);
    const said = build({
      "ring.c": [c, IMPLEMENTATION, ["-std=c11"]],
      "user.c": [c, USER, ["-std=c11"]],
      "main.cc": [cpp, MAIN, ["-std=c++17"]],
    });
    assert.is(said, "IPC_BUSY INVALID 0\n");
  });
}

test.run();
