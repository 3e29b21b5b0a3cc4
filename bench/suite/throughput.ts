/** Framed messages one way between two processes: what a message costs, ours beside what programs use and beside C. */
import { measure } from "../ring/measure.ts";
import { buildForNode } from "./build-for-node.ts";
import { BASE } from "./contender-names.ts";
import { type ThroughputContender, throughputContenders } from "./contenders.ts";
import { type Entry, interleaved } from "./interleaved.ts";
import { isWanted } from "./is-wanted.ts";
import type { Part } from "./result.ts";
import { rounded } from "./rounded.ts";
import { Scratch } from "./scratch.ts";
import { sizeName } from "./size-name.ts";

/** How long and how often it is measured. */
export interface ThroughputSetup {
  /** Bytes of the messages. */
  readonly sizes: readonly number[];
  readonly rounds: number;
  /** Nanoseconds for which the clock is to run, about. */
  readonly clockNs: number;
  readonly only?: readonly string[] | undefined;
}

const FULL = { sizes: [64, 1024, 16_384, 262_144], rounds: 3, clockNs: 100e6 };
const QUICK = { sizes: [64, 16_384], rounds: 1, clockNs: 30e6 };

export const part: Part = ({ quick, only }) => measureThroughput({ ...(quick ? QUICK : FULL), only });

/** As {@link part}, of any size. */
export async function measureThroughput({ sizes, rounds, clockNs, only }: ThroughputSetup): ReturnType<Part> {
  using scratch = await Scratch.make(only);
  const contenders = throughputContenders(scratch.native, scratch.nats).filter(({ name }) => isWanted(name, only));
  if (contenders.some(({ runtime }) => runtime === "node26")) buildForNode();
  const jobs = sizes.map((size) => contenders.map((contender) => entryFor(contender, size, clockNs, scratch)));
  const figures = await interleaved(jobs, rounds, (progress) => {
    process.stderr.write(`throughput, ${progress}\n`);
  });
  return {
    part: "throughput",
    title: "Throughput: messages one way",
    explanation:
      "One side sends framed messages as fast as the other takes them. The figure is the time for each message, from the end of a " +
      "warm-up to the last message. Each message carries its number at both ends, which the receiver compares. Rings have room for " +
      "1 MiB; where a transport has no back-pressure, 1 MiB may be on its way. A peeked message is read where it lies, so large " +
      "messages are copied once less there.",
    bases: Object.fromEntries(sizes.map((size) => [sizeName(size), BASE])),
    figures,
  };
}

function entryFor(contender: ThroughputContender, size: number, clockNs: number, scratch: Scratch): Entry {
  const { name, kind, runtime, note, missing } = contender;
  return {
    figure: {
      job: sizeName(size),
      contender: name,
      kind,
      runtime,
      unit: "ns",
      ...(note === undefined ? {} : { note }),
    },
    missing,
    measure: () => measureOnce(contender, size, clockNs, scratch),
    more: (ns) => ({ "messages/s": rounded(1e9 / ns), "GB/s": rounded(size / ns) }),
  };
}

/** @returns nanoseconds for each message */
async function measureOnce(
  contender: ThroughputContender,
  size: number,
  clockNs: number,
  scratch: Scratch,
): Promise<number> {
  const { name, each, perKiB, batchBytes = 0, way, second, program, runtime } = contender;
  const count = Math.max(20, Math.min(4_000_000, Math.ceil(clockNs / (each + (perKiB * size) / 1024))));
  const target = scratch.target(contender.target);
  const work = { target, back: "", size, count, warmUp: Math.max(10, count >> 1), batchBytes };
  const start = {
    name,
    way,
    runtime: runtime === "c" ? ("bun" as const) : runtime,
    batchBytes,
    ...(second === undefined ? {} : { second }),
    ...(program === undefined ? {} : { program }),
  };
  return (await measure(start, work, "one way", scratch.native.ringTwin)) / count;
}
