import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { commandFor, currentRuntime } from "../../support/runtimes.ts";

/** Another process on the same runtime, which speaks in lines. */
export interface Peer extends AsyncDisposable {
  readonly pid: number;
  /** The next line that it prints; rejects when it ends before, with what it wrote to its standard error. */
  line(): Promise<string>;
  /** Writes a line to its standard input. */
  tell(line: string): void;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when it ended. */
  readonly ended: Promise<void>;
}

/** Starts one of the files beside this one, such as `"blocked.ts"`; disposing kills it and waits for its end. */
export function startPeer(file: string, ...args: (string | number)[]): Peer {
  const { command, args: all, env } = commandFor(currentRuntime(), `test/ffi/peers/${file}`, args.map(String));
  const child: ChildProcess = spawn(command, all, { env: { ...process.env, ...env } });
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (text) => {
    errors += text;
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  return {
    pid: child.pid as number,
    ended,
    async line() {
      const { value, done } = await lines.next();
      if (done) throw new Error(`The peer ended without a further line: ${errors}`);
      return value;
    },
    tell: (line) => void child.stdin?.write(`${line}\n`),
    kill: (signal) => void child.kill(signal),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
