import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { compileNative } from "./native-program.ts";

/** A running C program of the tests, which says on standard output, line by line, how far it is. */
export interface NativePeer {
  readonly pid: number;
  /** Resolves with its next line. */
  line(): Promise<string>;
  /** Resolves when its only thread sleeps in the kernel, as it does in a wait. */
  asleep(): Promise<void>;
  /** SIGKILL, and resolves when it is gone. */
  kill(): Promise<void>;
  /** Resolves when it ended, and rejects when not with status 0. */
  end(): Promise<void>;
}

/**
 * Compiles `test/native/NAME.c`.
 *
 * @returns starts it; it is given to the system before that returns, so the thread may block then
 */
export function nativePeer(name: string): (...args: readonly (string | number)[]) => NativePeer {
  let program: string | undefined;
  return (...args) => {
    program ??= compileNative(name);
    return watchChild(spawn(program, args.map(String), { stdio: ["ignore", "pipe", "inherit"] }));
  };
}

/** Follows a program that was just started, with a pipe as its standard output. */
export function watchChild(child: ChildProcess): NativePeer {
  const lines: string[] = [];
  let wake = () => {};
  let over = false;
  let rest = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
    wake();
  });
  const closed = once(child, "close").then(() => {
    over = true;
    child.stdout?.destroy();
    wake();
  });
  return {
    pid: child.pid as number,
    async line() {
      while (lines.length === 0) {
        if (over) throw new Error(`The C program ended, with status ${child.exitCode}, without another line`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return lines.shift() as string;
    },
    async asleep() {
      while (!/^State:\s+S/m.test(readFileSync(`/proc/${child.pid}/status`, "utf8"))) await setImmediate();
    },
    async kill() {
      child.kill("SIGKILL");
      await closed;
    },
    async end() {
      await closed;
      if (child.exitCode !== 0) throw new Error(`The C program ended with ${child.exitCode ?? child.signalCode}`);
    },
  };
}
