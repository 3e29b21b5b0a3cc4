// Four processes write one log at the same time, each as fast as it can; then it is read back and filtered by level.
//
// Run it: bun examples/textbook/shared-log.ts
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LEVELS, Log, readLog } from "./log.ts";

const WRITERS = 4;
const LINES = 400; // of each writer

if (process.argv[2] === "writer") {
  const [, , , path = "", name = ""] = process.argv;
  using log = new Log(path, name, "info"); // leaves out what is only for debugging
  for (let count = 0; count < LINES; count++) {
    const level = LEVELS[count % LEVELS.length] ?? "error";
    log.write(level, `line ${count} ${"x".repeat(count)}`); // of different lengths
  }
} else {
  const folder = mkdtempSync(join(tmpdir(), "shared-log-"));
  const path = join(folder, "programs.log");
  try {
    const writers = Array.from({ length: WRITERS }, (_, index) =>
      fork(import.meta.filename, ["writer", path, `writer-${index + 1}`]),
    );
    const endings = await Promise.all(writers.map((writer) => once(writer, "exit")));
    for (const ending of endings) assert.deepEqual(ending, [0, null]);

    const entries = readLog(path); // throws when lines are mixed
    for (const { pid } of writers) {
      const texts = entries.filter((entry) => entry.pid === pid).map(({ text }) => text);
      const written = Array.from({ length: LINES }, (_, count) => `line ${count} ${"x".repeat(count)}`);
      assert.deepEqual(
        texts,
        written.filter((_, count) => LEVELS[count % LEVELS.length] !== "debug"),
      );
    }
    console.log(`${entries.length} lines of ${WRITERS} processes, all whole, those of each in their order`);
    for (const level of LEVELS) console.log(`level ${level} and above: ${readLog(path, level).length} lines`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// Output:
// 1200 lines of 4 processes, all whole, those of each in their order
// level debug and above: 1200 lines
// level info and above: 1200 lines
// level warn and above: 800 lines
// level error and above: 400 lines
