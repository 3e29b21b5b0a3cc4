import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** The environment variable by which a test's processes are found, however far down they were started. */
export const MARK = "MILLRACE_TEST_MARK";

/** The live processes that carry this mark: process id and command line. */
export function markedProcesses(mark: string): Map<number, string> {
  const found = new Map<number, string>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (!readFileSync(`/proc/${name}/environ`, "utf8").includes(`${MARK}=${mark}\0`)) continue;
      found.set(Number(name), readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim());
    } catch {
      // ended meanwhile, or another user's
    }
  }
  return found;
}

/**
 * Ends what is left of a test and says what it was. A process that is just about to end gets a moment for it.
 */
export async function endLeftovers(mark: string): Promise<string[]> {
  let left = markedProcesses(mark);
  for (let tries = 0; left.size > 0 && tries < 50; tries++) {
    await sleep(20);
    left = markedProcesses(mark);
  }
  killMarked(mark);
  return [...left].map(([pid, commandLine]) => `process ${pid}: ${commandLine}`);
}

/** Kills every process with this mark, including the ones that a dying process starts. */
export function killMarked(mark: string): void {
  for (let round = 0; round < 5; round++) {
    const left = markedProcesses(mark);
    if (left.size === 0) return;
    for (const pid of left.keys()) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // ended by itself
      }
    }
  }
}
