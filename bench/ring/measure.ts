import { resolve } from "node:path";
import { commandFor, type RuntimeName } from "../../test/support/runtimes.ts";
import type { Job } from "./job.ts";
import { ready, type StartedProcess, startProcess } from "./start-process.ts";

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
  const started = new Map<Job["role"], StartedProcess>();
  const start = (role: Job["role"]) =>
    started.set(role, startProcess(`${contender.name}, ${role},`, commandOf(contender, work, role, twin)));
  try {
    start(first);
    if (contender.second === "when ready") await ready(started.get(first) as StartedProcess);
    if (contender.second !== "child") start(second);
    await Promise.all([...started.values()].map(({ output }) => output));
    return nanoseconds((await started.get(timed)?.output) ?? "", contender);
  } finally {
    for (const { child } of started.values()) child.kill("SIGKILL");
  }
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

function nanoseconds(output: string, { name }: Contender): number {
  const last = output.trim().split("\n").at(-1) ?? "";
  const ns = last.startsWith("{") ? (JSON.parse(last) as { ns: number }).ns : Number(last);
  if (!(ns > 0)) throw new Error(`${name} said ${JSON.stringify(output)}, not a time`);
  return ns;
}
