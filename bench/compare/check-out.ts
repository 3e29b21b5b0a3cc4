import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** Another commit, ready to be measured. */
export interface CheckOut {
  readonly folder: string;
  /** Its short hash. */
  readonly commit: string;
  remove(): void;
}

const root = resolve(import.meta.dirname, "..", "..");

/**
 * Checks a commit out into a temporary folder with this tree's `bench` and `node_modules`.
 *
 * @throws {Error} when there is no such commit; nothing is left then
 */
export function checkOut(ref: string): CheckOut {
  const parent = mkdtempSync(join(tmpdir(), "millrace-compare-"));
  const folder = join(parent, "tree");
  const git = (...args: string[]) =>
    execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  const remove = () => {
    process.off("exit", remove);
    rmSync(parent, { recursive: true, force: true });
    git("worktree", "prune");
  };
  process.on("exit", remove);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  try {
    git("worktree", "add", "--detach", folder, ref);
    const commit = git("rev-parse", "--short", ref).trim();
    rmSync(join(folder, "bench"), { recursive: true, force: true });
    cpSync(join(root, "bench"), join(folder, "bench"), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    return { folder, commit, remove };
  } catch (error) {
    remove();
    throw error;
  }
}
