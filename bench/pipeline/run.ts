import { readFileSync } from "node:fs";
import type { Totals } from "./rows.ts";

/** A process of a pipeline. */
export interface Command {
  readonly command: readonly string[];
  /** Descriptors 0, 1, 2 and further ones. */
  readonly stdio: readonly ("ignore" | "pipe" | "inherit" | number)[];
}

/** What a pipeline took. */
export interface Run {
  /** From the start of the first process to the end of the last. */
  readonly seconds: number;
  /** Of all processes, as wait4(2) says. */
  readonly cpuSeconds: number;
  /** Sum of the most memory that each has had (VmHWM); pages that two share count for both. */
  readonly peakMiB: number;
  readonly totals: Totals;
}

/** How often to look at the memory. What a process has had is known from any later look, but not after its end. */
const LOOK_MS = 20;

/**
 * Runs a pipeline. The last process prints the result.
 *
 * @param started called when all were started: closes what they have inherited
 * @param parse makes totals of the output
 */
export async function run(
  name: string,
  commands: readonly Command[],
  env: Readonly<Record<string, string>>,
  started: () => void,
  parse: (output: string) => Totals,
): Promise<Run> {
  const start = performance.now();
  const children = commands.map(({ command, stdio }) =>
    Bun.spawn([...command], { env: { ...process.env, ...env }, stdio: [...stdio] as ["pipe", "pipe", "pipe"] }),
  );
  try {
    started();
    const peaks = new Map<number, number>();
    const look = setInterval(() => {
      for (const { pid } of children) peaks.set(pid, Math.max(peaks.get(pid) ?? 0, peakKiB(pid)));
    }, LOOK_MS);
    const output = new Response(children.at(-1)?.stdout as unknown as ReadableStream).text();
    const statuses = await Promise.all(children.map((child) => child.exited));
    const seconds = (performance.now() - start) / 1000;
    clearInterval(look);
    if (statuses.some((status) => status !== 0))
      throw new Error(`${name}: the processes ended with ${statuses.join(", ")}`);
    const cpu = children.reduce((sum, child) => sum + Number(child.resourceUsage()?.cpuTime.total), 0);
    const peak = [...peaks.values()].reduce((sum, kib) => sum + kib, 0);
    return { seconds, cpuSeconds: cpu / 1e6, peakMiB: peak / 1024, totals: parse(await output) };
  } finally {
    for (const child of children) child.kill("SIGKILL");
  }
}

/** 0 when the process has ended. */
function peakKiB(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
