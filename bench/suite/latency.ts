/** Round trips of 64 bytes to an echo and back: one after the other, and at given rates whatever becomes of those before. */
import { Histogram } from "../latency/histogram.ts";
import { measureLatency } from "../latency/measure-latency.ts";
import { buildForNode } from "./build-for-node.ts";
import { BASE } from "./contender-names.ts";
import { type Entry, interleaved } from "./interleaved.ts";
import { isWanted } from "./is-wanted.ts";
import { type LatencyContender, latencyContenders } from "./latency-contenders.ts";
import { median } from "./median.ts";
import type { Part } from "./result.ts";
import { rounded } from "./rounded.ts";
import { Scratch } from "./scratch.ts";

/** How long and how often it is measured. */
export interface LatencySetup {
  readonly rounds: number;
  /** About how long the closed loop runs, and how many round trips it makes at least. */
  readonly closed: { readonly us: number; readonly least: number };
  /** Messages for each second in the open loop, and for how many seconds. */
  readonly rates: readonly { readonly rate: number; readonly seconds: number }[];
  readonly only?: readonly string[] | undefined;
  /** About how long it is warmed up. */
  readonly warmUpUs: number;
}

const SIZE = 64;
const FULL = {
  rounds: 2,
  warmUpUs: 100_000,
  closed: { us: 250_000, least: 3000 },
  rates: [
    { rate: 1000, seconds: 0.7 },
    { rate: 10_000, seconds: 0.5 },
    { rate: 50_000, seconds: 0.3 },
  ],
};
const QUICK = {
  rounds: 1,
  warmUpUs: 40_000,
  closed: { us: 30_000, least: 1000 },
  rates: [{ rate: 10_000, seconds: 0.15 }],
};
const PERCENTILES = [50, 99, 99.9];

export const part: Part = ({ quick, only }) => measureLatencies({ ...(quick ? QUICK : FULL), only });

/** As {@link part}, of any size. */
export async function measureLatencies({ rounds, closed, rates, only, warmUpUs }: LatencySetup): ReturnType<Part> {
  using scratch = await Scratch.make(only);
  const contenders = latencyContenders(scratch.native, scratch.nats).filter(({ name }) => isWanted(name, only));
  if (contenders.some(({ runtime }) => runtime === "node26")) buildForNode();
  const closedLoop = contenders.map((contender) =>
    entryFor("64 B there and back, one after the other", contender, scratch, {
      count: Math.ceil(Math.max(closed.least, Math.min(200_000, closed.us / contender.us))),
      rate: 0,
      warmUpUs,
    }),
  );
  const openLoops = rates.map(({ rate, seconds }) =>
    contenders
      .filter(({ isClosedOnly }) => isClosedOnly !== true)
      .map((contender) => {
        const job = `64 B there and back, ${rate.toLocaleString("en-US")} each second`;
        return entryFor(job, contender, scratch, { count: Math.ceil(rate * seconds), rate, warmUpUs });
      }),
  );
  const jobs = [closedLoop, ...openLoops];
  const figures = await interleaved(jobs, rounds, (progress) => {
    process.stderr.write(`latency, ${progress}\n`);
  });
  return {
    part: "latency",
    title: "Latency: there and back",
    explanation:
      "A message of 64 bytes goes to an echo and back. The figure is the median time of a round trip; p99 and p99.9 are the times that " +
      "1 in 100 and 1 in 1,000 exceed. One after the other: the next message goes when the reply has come, so a slow reply delays the " +
      "next message, and few are seen to be late. At a rate: each message is due at its time, whatever became of those before, and " +
      "its time counts from when it was due, so what waits behind a slow reply counts as well. There the sender goes round its event " +
      "loop without sleeping, which takes a core, and who receives on another thread has to get in between. Who cannot keep up with " +
      "the rate has times that grow with the length of the test.",
    bases: Object.fromEntries(jobs.map(([first]) => [first?.figure.job ?? "", BASE])),
    figures,
  };
}

function entryFor(
  job: string,
  contender: LatencyContender,
  scratch: Scratch,
  { count, rate, warmUpUs }: { count: number; rate: number; warmUpUs: number },
): Entry {
  const { name, kind, runtime, note, missing } = contender;
  const histogram = new Histogram();
  const percentiles: number[][] = [];
  return {
    figure: { job, contender: name, kind, runtime, unit: "us", ...(note === undefined ? {} : { note }) },
    missing,
    async measure() {
      const target = scratch.target(contender.target);
      const warmUp = Math.ceil(Math.max(count / 5, warmUpUs / contender.us));
      const work = { target, size: SIZE, warmUp, count, rate, samples: scratch.path() };
      const samples = await measureLatency(contender, work, scratch.native.ringTwin);
      histogram.add(samples);
      const sorted = samples.toSorted();
      const us = PERCENTILES.map((percent) => atPercent(sorted, percent) / 1000);
      percentiles.push(us);
      return us[0] as number;
    },
    more: () => {
      const [, p99, p999] = PERCENTILES.map((_, i) => rounded(median(percentiles.map((us) => us[i] as number))));
      return { "p99 (us)": p99 as number, "p99.9 (us)": p999 as number };
    },
    histogram: () => histogram.inMicroseconds(),
  };
}

/** The time that this share of the round trips did not exceed. */
function atPercent(sorted: Uint32Array, percent: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil((sorted.length * percent) / 100) - 1)] as number;
}
