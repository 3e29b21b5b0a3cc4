/**
 * `bun bench/ring.ts [--json] [--quick] [--runtime bun,node20,node26,deno] [--size 8,64,…] [--only NAME,…]`: what a message costs between
 * two processes, beside the same ring in C and beside what programs use today, interleaved in one run. Each message carries its number at
 * both ends, which the receiver compares. Ratios are to the C twin of the same kind: publishing each message, or batches of 8 KiB.
 * `--quick` has three sizes and three rounds.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { allocateRing } from "../src/ring/mod.ts";
import { RUNTIME_NAMES } from "../test/support/runtimes.ts";
import { type Contender, measure, type Work } from "./ring/measure.ts";

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean" },
    quick: { type: "boolean" },
    runtime: { type: "string", default: "bun" },
    size: { type: "string" },
    only: { type: "string" },
    rounds: { type: "string" },
  },
});
const rounds = Number(options.rounds ?? (options.quick ? 3 : 7));
const sizes = (options.size ?? (options.quick ? "64,1024,65536" : "8,64,256,1024,4096,65536,1048576"))
  .split(",")
  .map(Number);
const runtimes = options.runtime.split(",").map((name) => {
  const known = RUNTIME_NAMES.find((runtime) => runtime === name);
  if (known === undefined) throw new RangeError(`No runtime ${name}: ${RUNTIME_NAMES.join(", ")} would be right`);
  return known;
});
const BATCH = 8192;
/** A ring holds at least four of the largest messages. */
const capacityFor = (size: number) => Math.max(1 << 20, 4 * size);

const C_EACH = "C, each";
const C_BATCHED = "C, batched";
const C_SPIN = "C, spinning";
const C_FUTEX = "C, futex";

interface Entry extends Contender {
  /** The name of the contender whose figure is 1. */
  readonly base: string;
  /** How many times fewer messages it gets, since it is that much slower. */
  readonly slower: number;
}

let made = 0;
const folder = mkdtempSync("/dev/shm/millrace-bench-");
try {
  const twin = join(folder, "ring-twin");
  const source = resolve(import.meta.dirname, "native/ring-twin.c");
  execFileSync("cc", ["-O3", "-std=gnu11", "-o", twin, source], { stdio: "inherit" });
  const oneWay = [];
  for (const size of sizes) oneWay.push(...(await compare("one way", oneWayEntries(), size, twin)));
  const roundTrip = await compare("round trip", roundTripEntries(), 64, twin);
  report({ oneWay, roundTrip });
} finally {
  rmSync(folder, { recursive: true });
}

function oneWayEntries(): Entry[] {
  const c = { way: undefined, runtime: "bun", slower: 1 } as const;
  const entries: Entry[] = [
    { ...c, name: C_EACH, batchBytes: 0, base: C_EACH },
    { ...c, name: C_BATCHED, batchBytes: BATCH, base: C_BATCHED },
  ];
  for (const runtime of runtimes) {
    const ways: [name: string, way: string, batchBytes: number, base: string, slower: number][] = [
      ["cursor, each", "cursor", 0, C_EACH, 2],
      ["cursor, batched", "cursor", BATCH, C_BATCHED, 2],
      ["tryPush/popInto, each", "push", 0, C_EACH, 2],
      ["tryPush/popInto, batched", "push", BATCH, C_BATCHED, 2],
      ["trySend/tryReceive", "channel-try", 0, C_EACH, 4],
      ["sendMany/batches()", "channel-many", 0, C_BATCHED, 4],
      ["sendMany/peekBatches()", "channel-peek-many", 0, C_BATCHED, 4],
      ["send/for await", "channel-await", 0, C_EACH, 4],
    ];
    for (const [name, way, batchBytes, base, slower] of ways)
      entries.push({ name: `${runtime}: ${name}`, way, runtime, batchBytes, base, slower });
  }
  const bun = { runtime: "bun", batchBytes: 0, base: C_EACH, slower: 16 } as const;
  entries.push({ ...bun, name: "Bun unix socket", way: "bun-unix", second: "when ready" });
  entries.push({ ...bun, name: "Bun stdio", way: "bun-stdio", second: "child" });
  return entries;
}

function roundTripEntries(): Entry[] {
  const c = { way: undefined, runtime: "bun", slower: 1, batchBytes: 0 } as const;
  const entries: Entry[] = [
    { ...c, name: C_SPIN, waits: "spin", base: C_SPIN },
    { ...c, name: C_FUTEX, waits: "futex", base: C_FUTEX },
  ];
  for (const runtime of runtimes) {
    entries.push({
      name: `${runtime}: cursor, spinning`,
      way: "cursor",
      runtime,
      batchBytes: 0,
      base: C_SPIN,
      slower: 1,
    });
    entries.push({
      name: `${runtime}: sendSync/receiveSync`,
      way: "channel-sync",
      runtime,
      batchBytes: 0,
      base: C_FUTEX,
      slower: 1,
    });
    entries.push({
      name: `${runtime}: send/receive`,
      way: "channel-await",
      runtime,
      batchBytes: 0,
      base: C_FUTEX,
      slower: 1,
    });
  }
  const second = "when ready";
  entries.push({
    name: "Bun unix socket",
    way: "bun-unix",
    runtime: "bun",
    batchBytes: 0,
    base: C_FUTEX,
    slower: 1,
    second,
  });
  return entries;
}

interface Row {
  kind: "one way" | "round trip";
  size: number;
  name: string;
  medianNs: number;
  lowNs: number;
  highNs: number;
  gbPerSecond: number;
  ratio: number;
}

/** One size, all contenders in each round, every other round backwards. */
async function compare(kind: Row["kind"], all: Entry[], size: number, twin: string): Promise<Row[]> {
  const only = options.only?.split(",");
  const entries =
    only === undefined
      ? all
      : all.filter(({ name, base }) => name === base || only.some((part) => name.includes(part)));
  const samples = new Map<string, number[]>(entries.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const entry of round % 2 === 0 ? entries : entries.toReversed()) {
      const work = workFor(kind, entry, size);
      const ns = await measure(entry, work, kind, twin);
      samples.get(entry.name)?.push(ns / work.count);
    }
    if (!options.json) process.stderr.write(`${kind}, ${size} B: round ${round + 1} of ${rounds}\n`);
  }
  return entries.map(({ name, base }) => {
    const sorted = (samples.get(name) ?? []).toSorted((a, b) => a - b);
    const medianNs = middle(sorted);
    // the ratio of each round, so that a round on a slow machine is compared with itself
    const bases = samples.get(base) ?? [];
    const ratios = (samples.get(name) ?? []).map((value, round) => value / (bases[round] as number));
    const ratio = middle(ratios.toSorted((a, b) => a - b));
    const [lowNs, highNs] = [sorted[0] as number, sorted.at(-1) as number];
    return { kind, size, name, medianNs, lowNs, highNs, gbPerSecond: size / medianNs, ratio };
  });
}

/** A new segment, address or socket for each measurement. */
function workFor(kind: Row["kind"], { way, base, slower }: Entry, size: number): Work {
  const number = ++made;
  const isSegment = way === undefined || way === "cursor" || way === "push";
  const target = isSegment
    ? newSegment(`a${number}`, capacityFor(size))
    : way === "bun-unix"
      ? join(folder, `s${number}`)
      : `ring:bench-${process.pid}-${number}`;
  const back = isSegment ? newSegment(`b${number}`, capacityFor(size)) : `${target}-back`;
  const full =
    kind === "round trip" ? (base === C_SPIN ? 200_000 : 20_000) : Math.min(2_000_000, Math.ceil(2 ** 30 / size));
  const count = Math.max(50, Math.ceil(full / slower));
  // engines compile while the clock does not run: they need some million small messages for that, on two cores that both spin
  const warmUp = kind === "round trip" ? count : Math.max(2 * count, Math.min(12_000_000 / slower, 2 ** 34 / size));
  return {
    target,
    back,
    size,
    count,
    warmUp,
    batchBytes: 0,
    capacity: capacityFor(size),
  };
}

function newSegment(name: string, capacity: number): string {
  const path = join(folder, name);
  const { bytes } = allocateRing(capacity);
  writeFileSync(path, new Uint8Array(bytes.subarray(0, bytes.length - capacity)));
  return path;
}

function middle(sorted: readonly number[]): number {
  return sorted[sorted.length >> 1] as number;
}

function report(rows: { oneWay: Row[]; roundTrip: Row[] }): void {
  if (options.json) {
    const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
    const machine = { cpu: cpus()[0]?.model, cores: cpus().length, kernel: release() };
    console.log(JSON.stringify({ commit, date: new Date().toISOString(), machine, rounds, ...rows }));
    return;
  }
  for (const table of Object.values(rows)) {
    console.table(
      table.map(({ size, name, medianNs, lowNs, highNs, gbPerSecond, ratio }) => ({
        "size (B)": size,
        name,
        "median (ns)": round(medianNs),
        "range (ns)": `${round(lowNs)} - ${round(highNs)}`,
        "GB/s": round(gbPerSecond),
        "ratio to C": round(ratio),
      })),
    );
  }
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}
