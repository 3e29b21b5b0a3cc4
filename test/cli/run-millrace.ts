import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { join } from "node:path";
import { projectRoot } from "../support/project-root.ts";
import { commandFor, currentRuntime } from "../support/runtimes.ts";

/** How a command ended. */
export interface Ending {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

const running = new Set<RunningMillrace>();

/** Ends what a test that failed left running. */
export function endMillraces(): void {
  for (const { child } of running) child.kill("SIGKILL");
}

/** The `millrace` command under way. */
export class RunningMillrace {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ending>;
  #stdout: Buffer[] = [];
  #stderr = "";

  constructor(args: readonly string[]) {
    const { command, args: all, env } = millraceCommand(args);
    this.child = spawn(command, all, { env: { ...process.env, ...env } });
    this.child.stdout.on("data", (chunk: Buffer) => this.#stdout.push(chunk));
    this.child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
    });
    this.child.stdin.on("error", () => {});
    running.add(this);
    this.ended = new Promise((resolve, reject) => {
      this.child.once("error", reject);
      this.child.once("close", (status, signal) => {
        running.delete(this);
        resolve({ status, signal, stdout: Buffer.concat(this.#stdout), stderr: this.#stderr });
      });
    });
  }

  /** Sends it a signal. Deno's own `child.kill` would report that signal as its end, whatever the end was. */
  kill(signal: NodeJS.Signals): void {
    try {
      process.kill(this.child.pid as number, signal);
    } catch (error) {
      // it has ended
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }

  /** Resolves when it has written so many bytes to standard output. */
  async hasWritten(count: number): Promise<void> {
    const length = () => this.#stdout.reduce((sum, { length }) => sum + length, 0);
    while (length() < count) await new Promise((resolve) => this.child.stdout.once("data", resolve));
  }
}

/** Starts `millrace` on the runtime that runs the test; what npm users get of it, on Node 20. */
export function startMillrace(...args: string[]): RunningMillrace {
  return new RunningMillrace(args);
}

/** Runs it to its end with this standard input. */
export function millrace(args: readonly string[], input: string | Uint8Array = ""): Promise<Ending> {
  const running = new RunningMillrace(args);
  running.child.stdin.end(input);
  return running.ended;
}

/** The command line of `millrace`. */
export function millraceCommand(args: readonly string[]) {
  const runtime = currentRuntime();
  const found = commandFor(runtime, "src/cli/millrace.ts", args);
  const built = join(projectRoot, "dist/cli/millrace.js");
  const script = (arg: string) => (runtime === "node20" && arg.endsWith("millrace.js") ? built : arg);
  return { ...found, args: found.args.map(script) };
}
