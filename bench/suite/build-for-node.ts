import { spawnSync } from "node:child_process";
import { resolve } from "node:path";

/** Says to the parts of a run that it was done. */
export const BUILT = "MILLRACE_BENCH_BUILT";

/** Builds what Node runs, unless the driver did so before. @param root the folder of another checkout; without it, this one */
export function buildForNode(root: string = here): void {
  if (process.env[BUILT] !== undefined) return;
  const { status } = spawnSync(process.execPath, ["scripts/build.ts", "--js"], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (status !== 0) throw new Error(`The build ended with status ${status}`);
}

const here = resolve(import.meta.dirname, "..", "..");
