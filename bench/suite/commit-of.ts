import { execFileSync } from "node:child_process";
import { resolve } from "node:path";

/** The short hash of the commit in the working tree, with `+` when files were changed since. */
export function commitOf(folder: string = resolve(import.meta.dirname, "..", "..")): string {
  const git = (...args: string[]) => execFileSync("git", args, { cwd: folder, encoding: "utf8" }).trim();
  return git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain") === "" ? "" : "+");
}
