import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { commandFor, type RuntimeCommand } from "../../test/support/runtimes.ts";
import type { Job, Report } from "./job.ts";
import { Usage } from "./usage.ts";

/** How a pair of processes is started. */
export interface PairSetup {
  readonly job: Omit<Job, "role">;
  /** Node runs the source as it is, with its built-in FFI; `"c"` is {@link PairSetup.program}. */
  readonly runtime: "bun" | "node26-ffi" | "c";
  /** Does the same as `worker.ts`, of one way. */
  readonly program: string;
  /** What source and sink get as descriptor 3. */
  readonly descriptors?: { readonly source: number; readonly sink: number };
  /** A command line that is put in front, by role. */
  prefix?(role: Job["role"]): readonly string[];
}

/** One pass of both processes. */
export interface Pass {
  /** Seconds from the source's first call to the sink's last. */
  readonly seconds: number;
  /** What the kernel says of both processes during the pass. */
  readonly usage: Usage;
  /** Bytes that were copied in user space, where it was counting. */
  readonly copied: number;
}

/** A source and a sink, ready to move a file. */
export class Pair {
  readonly #setup: PairSetup;
  readonly #workers: Worker[];
  #pids: number[] = [];

  constructor(setup: PairSetup) {
    this.#setup = setup;
    const roles = setup.job.nested ? (["sink"] as const) : (["sink", "source"] as const);
    this.#workers = roles.map((role) => new Worker(setup, role));
  }

  /** Waits until both have opened what they need. */
  async ready(): Promise<void> {
    const said = await Promise.all(this.#workers.map((worker) => worker.next<{ ready: number[] }>()));
    this.#pids = said.flatMap(({ ready }) => ready);
  }

  /** Moves the first bytes of the file, once. */
  async pass(bytes: number): Promise<Pass> {
    const before = Usage.of(this.#pids);
    for (const worker of this.#workers) worker.say(`pass ${bytes}`);
    const reports = await Promise.all(this.#workers.map((worker) => worker.next<Report>()));
    const usage = Usage.of(this.#pids).since(before);
    const started = Math.min(...reports.map((report) => report.started));
    const sink = reports[0] as Report;
    const copied = reports.reduce((sum, report) => sum + report.copied, 0);
    return { seconds: (sink.ended - started) / 1000, usage, copied };
  }

  /** Ends both. @returns what a nested source had copied in its last pass */
  async end(): Promise<number> {
    for (const worker of this.#workers) worker.say("end");
    await Promise.all(this.#workers.map((worker) => worker.ended()));
    if (!this.#setup.job.nested) return 0;
    const last = readFileSync(this.#setup.job.reports, "utf8").trim().split("\n").at(-1) as string;
    return (JSON.parse(last) as Report).copied;
  }

  /** Ends both, whatever they do. */
  kill(): void {
    for (const worker of this.#workers) worker.kill();
  }
}

class Worker {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #closed: Promise<unknown>;
  readonly #name: string;
  #errors = "";

  constructor(setup: PairSetup, role: Job["role"]) {
    const { job, descriptors, prefix } = setup;
    const { command, args, env } = commandOf(setup, role);
    const [first, ...rest] = [...(prefix?.(role) ?? []), command, ...args] as [string, ...string[]];
    const extra = descriptors === undefined ? [] : [descriptors[role]];
    this.#name = `${job.way}, ${role}`;
    this.#child = spawn(first, rest, {
      env: { ...process.env, ...env },
      stdio: ["pipe", "pipe", "pipe", ...extra],
      // a group of its own, with what it starts
      detached: true,
    });
    this.#child.stdin?.on("error", () => {});
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#errors += text;
    });
    this.#closed = once(this.#child, "close");
    const lines: Interface = createInterface({ input: this.#child.stdout as NonNullable<ChildProcess["stdout"]> });
    this.#lines = lines[Symbol.asyncIterator]();
  }

  say(order: string): void {
    this.#child.stdin?.write(`${order}\n`);
  }

  async next<What>(): Promise<What> {
    const { value, done } = await this.#lines.next();
    if (!done) return JSON.parse(value) as What;
    await this.#closed;
    throw new Error(`${this.#name}, ended with ${this.#child.exitCode ?? this.#child.signalCode}: ${this.#errors}`);
  }

  async ended(): Promise<void> {
    await this.#closed;
    if (this.#child.exitCode !== 0)
      throw new Error(`${this.#name}, ended with ${this.#child.exitCode}: ${this.#errors}`);
  }

  kill(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

function commandOf({ job, runtime, program }: PairSetup, role: Job["role"]): RuntimeCommand {
  if (runtime !== "c") {
    const script = join(import.meta.dirname, "worker.ts");
    return commandFor(runtime, script, [JSON.stringify({ ...job, role } satisfies Job)]);
  }
  const file = role === "source" ? job.source : job.destination;
  return {
    command: program,
    args: [role, file, String(job.chunkBytes), ...(job.counting ? ["counting"] : [])],
    env: {},
  };
}
