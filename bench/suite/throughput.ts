/** Framed messages one way between two processes: what a message costs, ours beside what programs use and beside C. */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { measure, type Work } from "../ring/measure.ts";
import { buildForNode } from "./build-for-node.ts";
import { BASE, type ThroughputContender, throughputContenders } from "./contenders.ts";
import { type Entry, interleaved } from "./interleaved.ts";
import { compileNative } from "./native-programs.ts";
import { startNats } from "./nats-server.ts";
import type { Part } from "./result.ts";
import { newRingSegment } from "./ring-segment.ts";
import { rounded } from "./rounded.ts";
import { sizeName } from "./size-name.ts";

const SIZES = [64, 1024, 16_384, 262_144];
const QUICK_SIZES = [64, 16_384];
const ROUNDS = 3;
/** Nanoseconds for which the clock is to run. */
const ON_THE_CLOCK = 120e6;
const QUICK_ON_THE_CLOCK = 40e6;

export const part: Part = async ({ quick, only }) => {
  const folder = mkdtempSync("/dev/shm/millrace-bench-");
  const nats = await startNats();
  try {
    const native = compileNative(folder);
    const contenders = throughputContenders(native, nats).filter(
      ({ name }) => only === undefined || only.some((some) => name.includes(some)),
    );
    if (contenders.some(({ runtime }) => runtime === "node26")) buildForNode();
    let made = 0;
    const entryFor = (contender: ThroughputContender, size: number): Entry => ({
      figure: {
        job: sizeName(size),
        contender: contender.name,
        kind: contender.kind,
        runtime: contender.runtime,
        unit: "ns",
        ...(contender.note === undefined ? {} : { note: contender.note }),
      },
      missing: contender.missing,
      measure: () => measureOnce(contender, size, join(folder, String(++made)), nats.port, quick, native.ringTwin),
      more: (ns) => ({ "messages/s": rounded(1e9 / ns), "GB/s": rounded(size / ns) }),
    });
    const jobs = (quick ? QUICK_SIZES : SIZES).map((size) => contenders.map((some) => entryFor(some, size)));
    const figures = await interleaved(jobs, quick ? 1 : ROUNDS, (progress) => {
      process.stderr.write(`throughput, ${progress}\n`);
    });
    return {
      part: "throughput",
      title: "Throughput: messages one way",
      explanation:
        "One side sends framed messages as fast as the other takes them. The figure is the time for each message, from the end of a " +
        "warm-up to the last message; less is better. Each message carries its number at both ends, which the receiver compares. " +
        "Rings have room for 1 MiB; where a transport has no back-pressure, 1 MiB may be on its way. A peeked message is read where it " +
        "lies, so large messages are copied once less there.",
      bases: Object.fromEntries(jobs.map(([first]) => [first?.figure.job ?? "", BASE])),
      figures,
    };
  } finally {
    nats.stop();
    rmSync(folder, { recursive: true });
  }
};

async function measureOnce(
  contender: ThroughputContender,
  size: number,
  path: string,
  natsPort: number | undefined,
  quick: boolean,
  twin: string,
): Promise<number> {
  const { each, perKiB, batchBytes = 0, way, second, program, runtime } = contender;
  const clock = quick ? QUICK_ON_THE_CLOCK : ON_THE_CLOCK;
  const count = Math.max(20, Math.min(4_000_000, Math.ceil(clock / (each + (perKiB * size) / 1024))));
  const target = targetFor(contender, path, natsPort);
  const work: Work = { target, back: "", size, count, warmUp: Math.max(10, count >> 1), batchBytes };
  const start = {
    name: contender.name,
    way,
    runtime: runtime === "c" ? ("bun" as const) : runtime,
    batchBytes,
    ...(second === undefined ? {} : { second }),
    ...(program === undefined ? {} : { program }),
  };
  return (await measure(start, work, "one way", twin)) / count;
}

function targetFor({ target }: ThroughputContender, path: string, natsPort: number | undefined): string {
  switch (target) {
    case "ring":
      return `ring:bench-${path.replaceAll("/", "-").slice(-60)}`;
    case "unix channel":
      return `unix:${path}`;
    case "segment":
      return newRingSegment(path);
    case "nats":
      return String(natsPort);
    case "path":
      return path;
  }
}
