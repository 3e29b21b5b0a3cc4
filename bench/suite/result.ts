/** What every part of the suite measures, as it stands in the JSON from which the page and `docs/benchmarks.md` are made. */

/** The parts of the suite. */
export type PartName = "copies" | "throughput" | "latency" | "pipeline" | "costs";

/** One contender at one job. */
export interface Figure {
  /** The job, such as `"64 B"` or `"file of 256 MiB"`; contenders of one job are compared. */
  readonly job: string;
  /** Who did it, such as `"ring, send/receive"` or `"Bun.spawn IPC"`. */
  readonly contender: string;
  /** `"millrace"` is ours, `"native"` a program in C or C++, `"peer"` what people use today. */
  readonly kind: "millrace" | "native" | "peer";
  /** The runtime that ran it, such as `"bun"` or `"node26"`; `"c"` for native ones. */
  readonly runtime: string;
  /** What `samples` are in: `"ns"`, `"us"`, `"s"`, `"GB/s"`, `"rows/s"`, `"copies"`, `"MiB"`. */
  readonly unit: string;
  /** One for each round, in the order of the rounds, so that contenders can be compared within a round. */
  readonly samples: readonly number[];
  /** Further figures of the same measurement by name with their unit in it, such as `{ "p99 (us)": 12.1 }`. */
  readonly more?: Readonly<Record<string, number | string>>;
  /** A histogram: upper bounds and how many were at or below them and above the bound before. */
  readonly histogram?: { readonly bounds: readonly number[]; readonly counts: readonly number[] };
  /** Why the figure is as it is, where a reader would wonder; or why there is none (then `samples` is empty). */
  readonly note?: string;
}

/** One part of the suite with all its figures. */
export interface PartResult {
  readonly part: PartName;
  /** For the heading. */
  readonly title: string;
  /** What was done and what the figure means, in a few sentences. */
  readonly explanation: string;
  /** The contender whose figure is 1 in ratio columns, by job. */
  readonly bases: Readonly<Record<string, string>>;
  readonly figures: readonly Figure[];
}

/** The whole run. */
export interface SuiteResult {
  /** ISO 8601. */
  readonly date: string;
  /** Short hash, with `+` when files were changed. */
  readonly commit: string;
  readonly quick: boolean;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryGiB: number;
    readonly kernel: string;
  };
  /** Name to version. */
  readonly runtimes: Readonly<Record<string, string>>;
  readonly parts: readonly PartResult[];
}

/** A part: measures everything of its own and says on standard error how far it is. */
export type Part = (options: { readonly quick: boolean; readonly only?: readonly string[] }) => Promise<PartResult>;
