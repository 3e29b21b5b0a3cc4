import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { commandFor, type RuntimeCommand } from "../../test/support/runtimes.ts";
import { ready, type StartedProcess, startProcess } from "../ring/start-process.ts";
import type { LatencyContender } from "../suite/latency-contenders.ts";
import { newRingSegment } from "../suite/ring-segment.ts";
import type { LatencyJob } from "./job.ts";

const peer = resolve(import.meta.dirname, "peer.ts");

/** Runs both processes of a contender. @returns nanoseconds of each round trip, in their order */
export async function measureLatency(
  contender: LatencyContender,
  work: Omit<LatencyJob, "role" | "line">,
  ringTwin: string,
): Promise<Uint32Array> {
  const commands = commandsOf(contender, work, ringTwin);
  const started: StartedProcess[] = [];
  const start = (command: RuntimeCommand) => {
    const begun = startProcess(contender.name, command);
    started.push(begun);
    return begun;
  };
  try {
    if (commands.echo !== undefined) {
      const echo = start(commands.echo);
      if (contender.echo === "when ready") await ready(echo);
    }
    start(commands.ping);
    await Promise.all(started.map(({ output }) => output));
  } finally {
    for (const { child } of started) child.kill("SIGKILL");
  }
  return new Uint32Array(new Uint8Array(readFileSync(work.samples)).buffer);
}

function commandsOf(
  { line, program, runtime, echo }: LatencyContender,
  work: Omit<LatencyJob, "role" | "line">,
  ringTwin: string,
): { ping: RuntimeCommand; echo?: RuntimeCommand } {
  const { target, size, warmUp, count, rate, samples } = work;
  const native = (command: string, args: readonly (string | number)[]) => ({
    command,
    args: args.map(String),
    env: {},
  });
  if (typeof program === "string") {
    const [there, back] = [newRingSegment(target), newRingSegment(`${target}-back`)];
    const more = [there, back, size, warmUp, count, program === "ring spin" ? "spin" : "futex"];
    return { ping: native(ringTwin, ["ping", ...more, samples]), echo: native(ringTwin, ["pong", ...more]) };
  }
  if (program !== undefined) {
    const [command, ...first] = program;
    return { ping: native(command, [...first, size, warmUp, count, samples, ...(rate > 0 ? [rate] : [])]) };
  }
  const process = (role: LatencyJob["role"]) =>
    commandFor(runtime === "c" ? "bun" : runtime, peer, [JSON.stringify({ ...work, role, line })]);
  return echo === "child" ? { ping: process("ping") } : { ping: process("ping"), echo: process("echo") };
}
