import { Copies, type Counted } from "../copies/copies.ts";
import type { Reading } from "../copies/file-reads.ts";
import type { Pass } from "../copies/pair.ts";
import { COPY_TRANSPORTS, type Transport } from "../copies/transports.ts";
import { interleaved } from "./interleaved.ts";
import { median } from "./median.ts";
import type { Figure, Part } from "./result.ts";
import { rounded } from "./rounded.ts";

const MIB = 2 ** 20;
const FULL = { bytes: 256 * MIB, countedBytes: 32 * MIB, rounds: 5 };
const QUICK = { bytes: 32 * MIB, countedBytes: 4 * MIB, rounds: 2 };
const SEED = 20_261_126;
const BASE = "memcpy in C";
/** Of one process, with the copies that the textbook counts and why the count is another here. */
const READINGS = {
  read: {
    contender: "read in C",
    textbook: 2,
    note: "The textbook counts the copy from the disk as well. On a tmpfs there is none",
  },
  mmap: {
    contender: "mmap in C",
    textbook: 1,
    note: "The textbook counts the copy from the disk, which is not there on a tmpfs. The time is for mapping pages as they are touched",
  },
} as const;

/** How many times a byte is copied on its way from one file through two processes into another. */
export const part: Part = ({ quick, only }) => measureCopies({ ...(quick ? QUICK : FULL), only });

/** Sizes of the job. */
export interface CopiesSetup {
  /** Of the file. */
  readonly bytes: number;
  /** Of the part of it that is moved once more under a tracer. */
  readonly countedBytes: number;
  readonly rounds: number;
  /** Parts of names of transports; all without. */
  readonly only?: readonly string[] | undefined;
  readonly transports?: readonly Transport[];
}

/** As {@link part}, of any size. */
export async function measureCopies({
  bytes,
  countedBytes,
  rounds,
  only,
  transports = COPY_TRANSPORTS,
}: CopiesSetup): ReturnType<Part> {
  const say = (text: string) => process.stderr.write(`copies: ${text}\n`);
  const chosen = transports.filter(({ name }) => only?.some((part) => name.includes(part)) ?? true);
  const job = `file of ${rounded(bytes / MIB)} MiB`;
  using copies = new Copies(bytes, SEED);
  const passes = new Map<string, Pass[]>(chosen.map(({ name }) => [name, []]));
  const base = { job, contender: BASE, kind: "native", runtime: "c", unit: "copies" } as const;
  const readings = Object.entries(READINGS) as [Reading, (typeof READINGS)[Reading]][];
  const readingJob = `reading the ${job}, one process`;
  const [memcpy, ...rest] = await interleaved(
    [
      [
        { figure: base, measure: async () => copies.memcpy() },
        ...readings.map(([how, { contender, note }]) => ({
          figure: { ...base, job: readingJob, contender, note },
          measure: async () => copies.timeReading(how),
        })),
        ...chosen.map((transport) => ({
          figure: figureOf(job, transport),
          async measure() {
            const pass = await copies.time(transport);
            passes.get(transport.name)?.push(pass);
            return pass.seconds;
          },
        })),
      ],
    ],
    rounds,
    say,
  );
  if (memcpy === undefined || memcpy.samples.length === 0) throw new Error(`No copy to compare with: ${memcpy?.note}`);
  const read = rest.slice(0, readings.length).map((figure, number): Figure => {
    const [how, { textbook }] = readings[number] as (typeof readings)[number];
    const kernel = copies.countReading(how, countedBytes);
    const more = countedFigures({ textbook }, { kernel, userBytes: 0 }, countedBytes);
    return { ...inCopies(figure, memcpy), more: { ...more, "GB/s": speedOf(figure, bytes) } };
  });
  const timed = rest.slice(readings.length);
  const figures: Figure[] = [];
  for (const [number, transport] of chosen.entries()) {
    const figure = timed[number] as Figure;
    if (figure.samples.length === 0) {
      figures.push(figure);
      continue;
    }
    const counted = await copies.count(transport, countedBytes);
    const more = {
      ...countedFigures(transport, counted, countedBytes),
      ...measuredFigures(passes.get(transport.name) ?? [], memcpy.samples, bytes),
    };
    figures.push({ ...inCopies(figure, memcpy), more });
  }
  say("counted");
  const one: Figure = {
    ...inCopies(memcpy, memcpy),
    more: { "counted (copies)": 1, "textbook (copies)": 1, "GB/s": speedOf(memcpy, bytes) },
  };
  return {
    part: "copies",
    title: "Copies",
    explanation:
      `A file of ${rounded(bytes / MIB)} MiB on a tmpfs goes through two processes into another file, and its SHA-256 is compared. The figure is ` +
      "effective copies: the time that a byte takes, divided by the time that one memcpy in C of the same file takes in the same round. " +
      "Beside it stand the copies that were counted: bytes of the system calls of both processes, from a trace, and bytes that JavaScript copied.",
    bases: { [job]: BASE, [readingJob]: BASE },
    figures: [one, ...figures, { ...one, job: readingJob }, ...read],
  };
}

/** Of a figure in seconds. */
function inCopies(figure: Figure, memcpy: Figure): Figure {
  return { ...figure, samples: figure.samples.map((seconds, round) => seconds / (memcpy.samples[round] as number)) };
}

/** Gigabytes per second of a figure in seconds. */
function speedOf({ samples }: Figure, bytes: number): number {
  return samples.length === 0 ? 0 : rounded(median(samples.map((seconds) => bytes / seconds / 1e9)));
}

function figureOf(job: string, { name, kind, runtime, note }: Transport): Omit<Figure, "samples"> {
  const of = { job, contender: name, kind, runtime: runtime === "node26-ffi" ? "node26" : runtime, unit: "copies" };
  return note === undefined ? of : { ...of, note };
}

function countedFigures({ textbook }: Pick<Transport, "textbook">, { kernel, userBytes }: Counted, bytes: number) {
  const user = userBytes / bytes;
  const calls = Object.entries(kernel?.calls ?? {}).filter(([, moved]) => moved > bytes / 100);
  return {
    "counted (copies)": kernel === undefined ? "strace is not installed" : rounded(kernel.bytes / bytes + user),
    "textbook (copies)": textbook,
    "by the kernel": kernel === undefined ? "unknown" : rounded(kernel.bytes / bytes),
    "by JavaScript": rounded(user),
    calls: calls.map(([call, moved]) => `${call} ${rounded(moved / bytes)}`).join(", "),
  };
}

function measuredFigures(passes: readonly Pass[], memcpy: readonly number[], bytes: number) {
  const per = (of: (pass: Pass, round: number) => number) => rounded(median(passes.map(of)));
  return {
    "processor time (copies)": per(({ usage }, round) => usage.cpuSeconds / (memcpy[round] as number)),
    "rchar + wchar (per byte)": per(({ usage }) => (usage.readBytes + usage.writtenBytes) / bytes),
    "page faults": per(({ usage }) => usage.faults),
    "GB/s": per(({ seconds }) => bytes / seconds / 1e9),
  };
}
