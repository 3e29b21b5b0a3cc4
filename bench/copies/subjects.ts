import { median } from "../suite/median.ts";
import type { Figure } from "../suite/result.ts";
import { rounded } from "../suite/rounded.ts";
import type { Copies, Counted } from "./copies.ts";
import type { Reading } from "./file-reads.ts";
import type { Pass } from "./pair.ts";
import type { Transport } from "./transports.ts";

/** Something that brings a file somewhere, to be timed and to be counted. */
export interface Subject {
  readonly figure: Omit<Figure, "samples" | "job" | "unit">;
  /** What the textbook says that a byte is copied. */
  readonly textbook: number;
  /** @returns seconds */
  time(): Promise<number>;
  /** Moves so many bytes and counts how many were copied. */
  count(bytes: number): Promise<Counted>;
  /** Further figures of what was timed, given the seconds of a memcpy in each round. */
  more?(memcpy: readonly number[]): Record<string, number>;
}

/** A transport between two processes. */
export function transportSubject(copies: Copies, transport: Transport, fileBytes: number): Subject {
  const { name, kind, runtime, textbook, note } = transport;
  const passes: Pass[] = [];
  return {
    figure: {
      contender: name,
      kind,
      runtime: runtime === "node26-ffi" ? "node26" : runtime,
      ...(note === undefined ? {} : { note }),
    },
    textbook,
    async time() {
      const pass = await copies.time(transport);
      passes.push(pass);
      return pass.seconds;
    },
    count: (bytes) => copies.count(transport, bytes),
    more(memcpy) {
      const middle = (of: (pass: Pass, round: number) => number) => rounded(median(passes.map(of)));
      return {
        "processor time (copies)": middle(({ usage }, round) => usage.cpuSeconds / (memcpy[round] as number)),
        "rchar + wchar (per byte)": middle(({ usage }) => (usage.readBytes + usage.writtenBytes) / fileBytes),
        "page faults": middle(({ usage }) => usage.faults),
      };
    },
  };
}

/** One process that reads the file, in C. */
export function readingSubjects(copies: Copies): Subject[] {
  return READINGS.map(({ how, contender, textbook, note }) => ({
    figure: { contender, kind: "native", runtime: "c", note },
    textbook,
    time: async () => copies.timeReading(how),
    count: async (bytes) => ({ kernel: copies.countReading(how, bytes), userBytes: 0 }),
  }));
}

const READINGS: readonly { how: Reading; contender: string; textbook: number; note: string }[] = [
  {
    how: "read",
    contender: "read in C",
    textbook: 2,
    note: "The textbook counts the copy from the disk as well. On a tmpfs there is none",
  },
  {
    how: "mmap",
    contender: "mmap in C",
    textbook: 1,
    note: "The textbook counts the copy from the disk, which is not there on a tmpfs. The time is for mapping pages as they are touched",
  },
];
