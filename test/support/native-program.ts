import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "./project-root.ts";

/** A C program of the tests, compiled. */
export interface NativeProgram {
  readonly path: string;
  /** Removes what was compiled. */
  remove(): void;
}

/**
 * Compiles `test/native/NAME.c`.
 *
 * @returns `undefined` where there is no C compiler
 * @throws when it does not compile
 */
export function compileNative(name: string): NativeProgram | undefined {
  const folder = mkdtempSync(join(tmpdir(), "native-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const path = join(folder, name);
  const source = join(projectRoot, "test/native", `${name}.c`);
  const { error, status, stderr } = spawnSync("gcc", ["-O1", "-Wall", "-o", path, source], { encoding: "utf8" });
  if (status === 0) return { path, remove };
  remove();
  if ((error as NodeJS.ErrnoException | undefined)?.code === "ENOENT") return undefined;
  throw new Error(`${source} does not compile: ${error?.message ?? stderr}`);
}
