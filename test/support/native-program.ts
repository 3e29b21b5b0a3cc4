import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { projectRoot } from "./project-root.ts";

/** A C program of the tests. */
export type NativeProgram = (...args: readonly (string | number)[]) => Promise<string>;

/**
 * Compiles `test/native/NAME.c`. The program file is removed when this process ends.
 *
 * @returns runs the program and resolves to its standard output; rejects with what it said on standard error when it fails
 */
export function nativeProgram(name: string): NativeProgram {
  const program = compileNative(name);
  return async (...args) => (await promisify(execFile)(program, args.map(String))).stdout;
}

/** Only the path of the program, to be started with streams of one's own. */
export function compileNative(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), "native-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const program = join(folder, name);
  const source = join(projectRoot, "test", "native", `${name}.c`);
  execFileSync("cc", ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o", program, source], { stdio: "inherit" });
  return program;
}
