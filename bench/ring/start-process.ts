import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { RuntimeCommand } from "../../test/support/runtimes.ts";

/** A process of a measurement that takes longer than this is ended, which fails the measurement. */
const MOST_MS = 60_000;

/** A process and what it wrote on its standard output, once it has ended. */
export interface StartedProcess {
  readonly child: ChildProcess;
  /** Rejects when the process failed, with what it said on standard error. */
  readonly output: Promise<string>;
}

/** Starts a process of a measurement. @param name for errors */
export function startProcess(name: string, { command, args, env }: RuntimeCommand): StartedProcess {
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: MOST_MS,
    killSignal: "SIGKILL",
  });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const ended = once(child, "close").then(([status, signal]) => {
    if (status !== 0) throw new Error(`${name} ended with ${status ?? signal}: ${errors}`);
    return output;
  });
  return { child, output: ended };
}

/** Resolves when the process has written something. Rejects when it ended before. */
export async function ready({ child, output }: StartedProcess): Promise<void> {
  await Promise.race([once(child.stdout as NonNullable<typeof child.stdout>, "data"), output]);
}
