import { Copies, type Counted } from "../copies/copies.ts";
import type { Pass } from "../copies/pair.ts";
import { COPY_TRANSPORTS, type Transport } from "../copies/transports.ts";
import { median } from "./median.ts";
import type { Figure, Part } from "./result.ts";
import { rounded } from "./rounded.ts";

const MIB = 2 ** 20;
const FULL = { bytes: 256 * MIB, counted: 32 * MIB, rounds: 5 };
const QUICK = { bytes: 32 * MIB, counted: 8 * MIB, rounds: 3 };
const SEED = 20_261_126;
const BASE = "memcpy in C";

/** How many times a byte is copied on its way from one file through two processes into another. */
export const part: Part = ({ quick, only }) => measureCopies({ ...(quick ? QUICK : FULL), only });

/** Sizes of the job. */
export interface CopiesSetup {
  /** Of the file. */
  readonly bytes: number;
  /** Of the part of it that is moved once more under a tracer. */
  readonly counted: number;
  readonly rounds: number;
  /** Names of transports; all without. */
  readonly only?: readonly string[] | undefined;
}

/** As {@link part}, of any size. */
export async function measureCopies({ bytes, counted, rounds, only }: CopiesSetup): ReturnType<Part> {
  const transports = COPY_TRANSPORTS.filter(({ name }) => only?.some((part) => name.includes(part)) ?? true);
  const job = `file of ${bytes / MIB} MiB`;
  using copies = new Copies(bytes, SEED);
  const memcpy: number[] = [];
  const passes = new Map<Transport, Pass[]>(transports.map((transport) => [transport, []]));
  for (let round = 0; round < rounds; round++) {
    memcpy.push(copies.memcpy());
    for (const [transport, done] of round % 2 === 0 ? passes : [...passes].reverse())
      done.push(await copies.time(transport));
    process.stderr.write(`copies: round ${round + 1} of ${rounds}\n`);
  }
  const figures: Figure[] = [];
  for (const [transport, done] of passes) {
    figures.push(
      figureOf(job, transport, done, memcpy, bytes, { ...(await copies.count(transport, counted)), bytes: counted }),
    );
  }
  process.stderr.write("copies: counted\n");
  return {
    part: "copies",
    title: "Copies",
    explanation: "",
    bases: { [job]: BASE },
    figures: [
      {
        job,
        contender: BASE,
        kind: "native",
        runtime: "c",
        unit: "copies",
        samples: memcpy.map(() => 1),
        more: {
          "counted (copies)": 1,
          "textbook (copies)": 1,
          "GB/s": median(memcpy.map((seconds) => bytes / seconds / 1e9)),
        },
      },
      ...figures,
    ],
  };
}

function figureOf(
  job: string,
  { name, kind, runtime, textbook, note }: Transport,
  passes: readonly Pass[],
  memcpy: readonly number[],
  bytes: number,
  counted: Counted & { readonly bytes: number },
): Figure {
  const per = (of: (pass: Pass) => number) => rounded(median(passes.map(of)));
  const kernel = counted.kernel === undefined ? undefined : rounded(counted.kernel.bytes / counted.bytes);
  const user = rounded(counted.userBytes / counted.bytes);
  return {
    job,
    contender: name,
    kind,
    runtime: runtime === "bun" ? "bun" : "node26",
    unit: "copies",
    samples: passes.map(({ seconds }, round) => seconds / (memcpy[round] as number)),
    more: {
      "counted (copies)": kernel === undefined ? "strace is not installed" : rounded(kernel + user),
      "textbook (copies)": textbook,
      "by the kernel": kernel ?? "unknown",
      "by JavaScript": user,
      "processor time (copies)": rounded(
        median(passes.map(({ usage }, round) => usage.cpuSeconds / (memcpy[round] as number))),
      ),
      "rchar + wchar (per byte)": per(({ usage }) => (usage.readBytes + usage.writtenBytes) / bytes),
      "page faults": per(({ usage }) => usage.faults),
      "GB/s": per(({ seconds }) => bytes / seconds / 1e9),
      calls: Object.entries(counted.kernel?.calls ?? {})
        .filter(([, moved]) => moved > counted.bytes / 100)
        .map(([call, moved]) => `${call} ${rounded(moved / counted.bytes)}`)
        .join(", "),
    },
    ...(note === undefined ? {} : { note }),
  };
}
