import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { projectRoot } from "../support/project-root.ts";
import { commandFor } from "../support/runtimes.ts";

/** A folder with files, for running one of the project's scripts on it. */
export interface ScratchTree extends Disposable {
  path: string;
  /** Runs `scripts/NAME.ts` with these arguments; `output` is standard output and standard error. */
  run(script: string, ...args: string[]): { status: number | null; output: string };
  /** Starts it instead; its output is dropped. */
  start(script: string, ...args: string[]): ChildProcess;
  write(file: string, text: string): void;
}

/**
 * Makes the folder; `using` removes it.
 *
 * @param files path to text
 */
export function scratchTree(files: Record<string, string>): ScratchTree {
  const path = mkdtempSync(join(tmpdir(), "tree-"));
  const write = (name: string, text: string) => {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  };
  for (const [name, text] of Object.entries(files)) write(name, text);
  symlinkSync(join(projectRoot, "node_modules"), join(path, "node_modules"));
  return {
    path,
    run(script, ...args) {
      const { command, args: all } = commandFor("bun", `scripts/${script}.ts`, args);
      const { status, stdout, stderr } = spawnSync(command, all, { encoding: "utf8" });
      return { status, output: stdout + stderr };
    },
    start(script, ...args) {
      const { command, args: all } = commandFor("bun", `scripts/${script}.ts`, args);
      return spawn(command, all, { stdio: "ignore" });
    },
    write,
    [Symbol.dispose]: () => rmSync(path, { recursive: true }),
  };
}
