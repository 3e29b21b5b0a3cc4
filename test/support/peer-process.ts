import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { commandFor, type RuntimeName } from "./runtimes.ts";

/** Another process of a test, which says on standard output, line by line, how far it is. */
export interface PeerProcess {
  readonly pid: number;
  /** Resolves when it says exactly this line; rejects when it ends without. */
  line(text: string): Promise<void>;
  /** Writes a line to its standard input. It may go out only when the thread is free again. */
  say(text: string): void;
  /** Sends SIGUSR2, at once: a thread that blocks directly afterwards does not keep it back, as it would a line on standard input. */
  resume(): void;
  /** SIGKILL, and resolves when it is gone. */
  kill(): Promise<void>;
  /** Resolves with its exit status when it ends, and all it said. */
  exit(): Promise<{ status: number | null; lines: string[] }>;
}

/**
 * Starts a program of the tests, given by its path in the project, on a runtime.
 *
 * @param descriptor a descriptor of this process that it gets as its descriptor 3
 */
export function startPeer(
  runtime: RuntimeName,
  file: string,
  args: readonly string[],
  descriptor?: number,
): PeerProcess {
  const { command, args: all, env } = commandFor(runtime, file, args);
  const child: ChildProcess = spawn(command, all, {
    env: { ...process.env, ...env, MILLRACE_TEST_RUNTIME: runtime },
    stdio: ["pipe", "pipe", "inherit", ...(descriptor === undefined ? [] : [descriptor])],
  });
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  let over = false;
  const stdout = child.stdout as NonNullable<typeof child.stdout>;
  let rest = "";
  stdout.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
    for (const look of [...waiting]) look();
  });
  const closed = once(child, "close").then(() => {
    over = true;
    stdout.destroy();
    for (const look of [...waiting]) look();
  });
  return {
    pid: child.pid as number,
    line(text) {
      return new Promise((resolve, reject) => {
        const look = () => {
          if (lines.includes(text)) resolve();
          else if (over) reject(new Error(`The peer ended without saying "${text}": ${lines.join("; ")}`));
          else return;
          waiting.delete(look);
        };
        waiting.add(look);
        look();
      });
    },
    say(text) {
      child.stdin?.write(`${text}\n`);
    },
    resume() {
      process.kill(child.pid as number, "SIGUSR2");
    },
    async kill() {
      child.kill("SIGKILL");
      await closed;
    },
    async exit() {
      await closed;
      return { status: child.exitCode, lines };
    },
  };
}
