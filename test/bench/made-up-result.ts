import type { Figure, SuiteResult } from "../../bench/suite/result.ts";

const LONG_NAME = "a contender, whose name is about as long as a name can be";

/** A run that never was, with all that a report has to show: ranges, wide and narrow scales, histograms, notes, figures that are missing. */
export function madeUpResult(): SuiteResult {
  const machine = { cpu: "Imagined <CPU>", cores: 2, memoryGiB: 24, kernel: "6.18.0" };
  const base = { commit: "abc1234+", date: "2026-11-26T10:00:00.000Z", quick: true, machine };
  return {
    ...base,
    runtimes: { Bun: "1.4.5", Node: "26.10.0" },
    parts: [
      {
        part: "throughput",
        title: "Throughput",
        explanation: "What a message costs.",
        bases: { "64 B": "ring", "file of 1 MiB": "ring" },
        figures: [
          figure("ring", "millrace", [100, 120, 110]),
          figure("a socket", "peer", [1500, 1400, 1700], { note: "It waits | a lot." }),
          figure(LONG_NAME, "peer", [90_000, 91_000, 92_000]),
          figure("C", "native", [10, 12, 11], { more: { "GB/s": 5.5, "textbook (ns)": 9 } }),
          figure("not here", "native", [], { note: "It is not installed." }),
          figure("ring", "millrace", [2, 2.5, 2.25], { job: "file of 1 MiB", unit: "GB/s" }),
          figure("a socket", "peer", [1, 1.25, 0.75], { job: "file of 1 MiB", unit: "GB/s" }),
        ],
      },
      {
        part: "latency",
        title: "Latency",
        explanation: "How long a round trip takes.",
        bases: { "there and back": "ring" },
        figures: (["millrace", "peer"] as const).map((kind, i) =>
          figure(["ring", "a socket"][i] as string, kind, [5 * (i + 1)], {
            job: "there and back",
            unit: "us",
            more: { "p99 (us)": 20 * (i + 1), "p99.9 (us)": 400 },
            histogram: { bounds: [1, 2, 5, 10, 100, 1000], counts: [0, 3, 40 - i, 100, 5, 1] },
          }),
        ),
      },
    ],
  };
}

function figure(contender: string, kind: Figure["kind"], samples: number[], more: Partial<Figure> = {}): Figure {
  const runtime = kind === "native" ? "c" : "bun";
  return { job: "64 B", contender, kind, runtime, unit: "ns", samples, ...more };
}
