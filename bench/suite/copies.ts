import { Copies, type Counted } from "../copies/copies.ts";
import { readingSubjects, type Subject, transportSubject } from "../copies/subjects.ts";
import { COPY_TRANSPORTS, type Transport } from "../copies/transports.ts";
import { interleaved } from "./interleaved.ts";
import { median } from "./median.ts";
import type { Figure, Part } from "./result.ts";
import { rounded } from "./rounded.ts";
import { sizeName } from "./size-name.ts";

const MIB = 2 ** 20;
const FULL = { bytes: 256 * MIB, countedBytes: 32 * MIB, rounds: 5 };
const QUICK = { bytes: 32 * MIB, countedBytes: 4 * MIB, rounds: 2 };
const SEED = 20_261_126;
const BASE = "memcpy in C";

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
export async function measureCopies(setup: CopiesSetup): ReturnType<Part> {
  const { bytes, countedBytes, rounds, only, transports = COPY_TRANSPORTS } = setup;
  const say = (text: string) => process.stderr.write(`copies: ${text}\n`);
  const job = `file of ${sizeName(bytes)}`;
  const readingJob = `reading the ${job}, one process`;
  using copies = new Copies(bytes, SEED);
  const moving = transports
    .filter(({ name }) => only?.some((part) => name.includes(part)) ?? true)
    .map((transport) => ({ job, subject: transportSubject(copies, transport, bytes) }));
  const reading = readingSubjects(copies).map((subject) => ({ job: readingJob, subject }));
  const subjects = [...moving, ...reading];
  const base = { job, contender: BASE, kind: "native", runtime: "c", unit: "copies" } as const;
  const [memcpy, ...timed] = await interleaved(
    [
      [
        { figure: base, measure: async () => copies.memcpy() },
        ...subjects.map(({ job, subject: { figure, time } }) => ({
          figure: { ...figure, job, unit: "copies" },
          measure: time,
        })),
      ],
    ],
    rounds,
    say,
  );
  if (memcpy === undefined || memcpy.samples.length === 0) throw new Error(`No copy to compare with: ${memcpy?.note}`);
  const figures: Figure[] = [];
  for (const [number, { subject }] of subjects.entries()) {
    figures.push(await withCounts(timed[number] as Figure, subject, memcpy, bytes, countedBytes));
  }
  say("counted");
  const one: Figure = {
    ...base,
    samples: memcpy.samples.map(() => 1),
    more: { "counted (copies)": 1, "textbook (copies)": 1, "GB/s": speedOf(memcpy, bytes) },
  };
  return {
    part: "copies",
    title: "Copies",
    explanation:
      `A file of ${sizeName(bytes)} on a tmpfs goes through two processes into another file, and its SHA-256 is compared. The figure is ` +
      "effective copies: the time that a byte takes, divided by the time that one memcpy in C of the same file takes in the same round. " +
      "Beside it stand the copies that were counted: bytes of the system calls of both processes, from a trace, and bytes that the processes copied in memory.",
    bases: { [job]: BASE, [readingJob]: BASE },
    figures: [one, ...figures.slice(0, moving.length), { ...one, job: readingJob }, ...figures.slice(moving.length)],
  };
}

/** @param timed in seconds. @returns it in copies, with what was counted */
async function withCounts(
  timed: Figure,
  { textbook, count, more }: Subject,
  memcpy: Figure,
  bytes: number,
  countedBytes: number,
): Promise<Figure> {
  if (timed.samples.length === 0) return timed;
  const counted = await count(countedBytes);
  return {
    ...timed,
    samples: timed.samples.map((seconds, round) => seconds / (memcpy.samples[round] as number)),
    more: {
      ...countedFigures(counted, textbook, countedBytes),
      ...more?.(memcpy.samples),
      "GB/s": speedOf(timed, bytes),
    },
  };
}

function countedFigures({ kernel, userBytes }: Counted, textbook: number, bytes: number) {
  const user = userBytes / bytes;
  const calls = Object.entries(kernel?.calls ?? {}).filter(([, moved]) => moved > bytes / 100);
  return {
    "counted (copies)": kernel === undefined ? "strace is not installed" : rounded(kernel.bytes / bytes + user),
    "textbook (copies)": textbook,
    "by the kernel": kernel === undefined ? "unknown" : rounded(kernel.bytes / bytes),
    "in user space": rounded(user),
    calls: calls.map(([call, moved]) => `${call} ${rounded(moved / bytes)}`).join(", "),
  };
}

/** Gigabytes per second of a figure in seconds. */
function speedOf({ samples }: Figure, bytes: number): number {
  return rounded(median(samples.map((seconds) => bytes / seconds / 1e9)));
}
