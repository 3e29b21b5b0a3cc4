import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { commandFor, type RuntimeName } from "../../test/support/runtimes.ts";
import type { Job } from "./job.ts";

/** A job without what {@link measure} fills in. */
export type Work = Omit<Job, "role" | "way">;

/** How both processes of a measurement are started. */
export interface Contender {
  readonly name: string;
  /** The file in `ways/`; `undefined` is the C twin. */
  readonly way: string | undefined;
  readonly runtime: RuntimeName;
  /** Bytes that are published together. */
  readonly batchBytes: number;
  /** The second process starts when the first says so; `"child"`: the first starts it. */
  readonly second?: "when ready" | "child";
  /** How the C twin waits in a round trip. */
  readonly waits?: "spin" | "futex";
  /** Another native program with its first arguments, which size, warm-up and count follow; it starts its other side itself. */
  readonly program?: readonly [string, ...string[]];
}

/** A process of a measurement that takes longer than this is ended, which fails the measurement. */
const MOST_MS = 60_000;

const peer = resolve(import.meta.dirname, "peer.ts");

/** Runs both processes of a contender. @returns nanoseconds for all messages on the clock */
export async function measure(
  contender: Contender,
  work: Work,
  kind: "one way" | "round trip",
  twin: string,
): Promise<number> {
  const [timed, other] = kind === "one way" ? (["receive", "send"] as const) : (["ping", "pong"] as const);
  // who binds, or says that it is ready, comes first
  const first = kind === "one way" ? timed : other;
  const second = kind === "one way" ? other : timed;
  const started: ChildProcess[] = [];
  try {
    const outputs = new Map<string, Promise<string>>();
    outputs.set(first, start(contender, work, first, twin, started));
    if (contender.second === "when ready") await ready(started[0] as ChildProcess);
    if (contender.second !== "child") outputs.set(second, start(contender, work, second, twin, started));
    await Promise.all(outputs.values());
    return nanoseconds((await outputs.get(timed)) as string, contender);
  } finally {
    for (const child of started) child.kill("SIGKILL");
  }
}

function start(
  contender: Contender,
  work: Work,
  role: Job["role"],
  twin: string,
  started: ChildProcess[],
): Promise<string> {
  const { command, args, env } = commandOf(contender, work, role, twin);
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: MOST_MS,
    killSignal: "SIGKILL",
  });
  started.push(child);
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  return once(child, "close").then(([status, signal]) => {
    if (status !== 0) throw new Error(`${contender.name}, ${role}, ended with ${status ?? signal}: ${errors}`);
    return output;
  });
}

function commandOf(
  { way, runtime, waits = "spin", batchBytes, program }: Contender,
  work: Work,
  role: Job["role"],
  twin: string,
): { command: string; args: string[]; env: Record<string, string> } {
  const { target, back, size, warmUp, count } = work;
  if (program !== undefined) {
    const [command, ...first] = program;
    return { command, args: [...first, ...[size, warmUp, count].map(String)], env: {} };
  }
  if (way !== undefined)
    return commandFor(runtime, peer, [JSON.stringify({ ...work, batchBytes, role, way } satisfies Job)]);
  const isRoundTrip = role === "ping" || role === "pong";
  const args = isRoundTrip
    ? [role, target, back, size, warmUp, count, waits]
    : [role, target, size, warmUp, count, batchBytes];
  return { command: twin, args: args.map(String), env: {} };
}

async function ready(child: ChildProcess): Promise<void> {
  await once(child.stdout as NonNullable<typeof child.stdout>, "data");
}

function nanoseconds(output: string, { name }: Contender): number {
  const last = output.trim().split("\n").at(-1) ?? "";
  const ns = last.startsWith("{") ? (JSON.parse(last) as { ns: number }).ns : Number(last);
  if (!(ns > 0)) throw new Error(`${name} said ${JSON.stringify(output)}, not a time`);
  return ns;
}
