import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { RuntimeCommand } from "../../test/support/runtimes.ts";
import { endLeftovers, killMarked, MARK } from "./processes.ts";
import { OWN_PREFIX } from "./shared-objects.ts";

export interface IsolatedResult {
  stdout: string;
  /** standard output and standard error as they came */
  output: string;
  /** how the process ended, or "" when well */
  ending: string;
  /** a line for each process and file that it left behind; they are removed */
  leftovers: string[];
}

const running = new Set<string>();
/** What a process leaves that a test kills: the list of its objects, for `objects.gc`. The objects themselves have to be gone. */
const JOURNAL = /^\.owned-\d+-[0-9a-f]+$/;
let count = 0;

/**
 * Runs a command in its own process group, with a private `TMPDIR` and `MILLRACE_DIR`, ends it when it takes too long, and
 * looks at what it leaves.
 *
 * @param timeout milliseconds
 */
export async function runIsolated(command: RuntimeCommand, timeout: number): Promise<IsolatedResult> {
  const mark = `${process.pid}-${++count}`;
  const folders = {
    TMPDIR: mkdtempSync(join(tmpdir(), OWN_PREFIX)),
    MILLRACE_DIR: mkdtempSync(join("/dev/shm", OWN_PREFIX)),
  };
  running.add(mark);
  try {
    const result = await execute(command, { ...folders, [MARK]: mark }, timeout);
    const leftovers = await endLeftovers(mark);
    for (const folder of Object.values(folders)) {
      for (const name of readdirSync(folder, { recursive: true })) {
        if (!JOURNAL.test(`${name}`)) leftovers.push(`file ${join(folder, `${name}`)}`);
      }
    }
    return { ...result, leftovers };
  } finally {
    running.delete(mark);
    for (const folder of Object.values(folders)) rmSync(folder, { recursive: true, force: true });
  }
}

/** Ends the processes of every command under way, whose `runIsolated` then cleans up and resolves. */
export function endAll(): void {
  for (const mark of running) killMarked(mark);
}

/** Resolves when nothing has come for three turns of a tenth of a second, or after five seconds. */
async function whenQuiet(length: () => number): Promise<void> {
  let [quiet, before] = [0, -1];
  for (let turn = 0; turn < 50 && quiet < 3; turn++) {
    await sleep(100);
    quiet = length() === before ? quiet + 1 : 0;
    before = length();
  }
}

/** Resolves when the process ended, not when its output ends, since a leftover child may hold that open. */
async function execute({ command, args, env }: RuntimeCommand, own: Record<string, string>, timeout: number) {
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
    env: { ...process.env, FORCE_COLOR: undefined, NO_COLOR: "1", ...env, ...own },
  });
  const texts = { stdout: "", output: "" };
  child.stdout.setEncoding("utf8").on("data", (text) => {
    texts.stdout += text;
    texts.output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    texts.output += text;
  });
  const ended = Promise.withResolvers<string>();
  const closed = Promise.withResolvers<void>();
  child.on("error", (error) => ended.resolve(`could not be started: ${error.message}`));
  child.on("exit", (code, signal) => ended.resolve(code === 0 ? "" : `ended with ${signal ?? `status ${code}`}`));
  child.on("close", () => closed.resolve());
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill("SIGKILL");
  }, timeout);
  const ending = await ended.promise;
  clearTimeout(timer);
  await Promise.race([closed.promise, whenQuiet(() => texts.output.length)]);
  child.stdout.destroy();
  child.stderr.destroy();
  return { ...texts, ending: timedOut ? `was killed after ${timeout / 1000} s` : ending };
}
