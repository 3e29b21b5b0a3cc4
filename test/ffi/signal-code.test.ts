import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { signalCode } from "../../src/ffi/signal-code.ts";
import { projectRoot } from "../support/project-root.ts";
import { skip } from "../support/skip.ts";

/** Where the C program maps the handler's data. */
const DATA = 0x50_0000_0000;

for (const [architecture, prefix, emulator] of [
  ["x64", "x86_64-linux-gnu-", "qemu-x86_64"],
  ["arm64", "aarch64-linux-gnu-", "qemu-aarch64"],
] as const) {
  test(`the code for ${architecture} runs: as a handler, before another one, and it keeps the registers`, () => {
    const runner = process.arch === architecture ? [] : [emulator];
    for (const command of [`${prefix}gcc`, ...runner])
      if (spawnSync(command, ["--version"]).status !== 0) return skip(`needs ${command}`);
    const folder = mkdtempSync(join(tmpdir(), "code-"));
    try {
      const program = join(folder, "signal-code");
      const source = join(projectRoot, "test/native/signal-code.c");
      const flags = ["-static", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread"];
      execFileSync(`${prefix}gcc`, [...flags, "-o", program, source]);
      const code = join(folder, "code.bin");
      writeFileSync(code, signalCode(architecture, DATA) ?? "");
      const [command = "", ...args] = [...runner, program, code, DATA.toString(16)];
      const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", timeout: 30_000 });
      assert.equal([status, stdout, stderr], [0, "ok\n", ""]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

test.run();
