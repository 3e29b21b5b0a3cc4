import { execFileSync } from "node:child_process";
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { type KernelCopies, kernelCopies, traceCommand } from "./trace.ts";

const CHUNK = 256 * 1024;
const LINE = 64;

/** How a file comes to a process. */
export type Reading = "read" | "mmap";

/** One process in C that reads a file, or maps it, and looks at each cache line. */
export class FileReads {
  readonly #program: string;
  readonly #file: string;

  /** @param program `bench/native/read-file.c`, compiled */
  constructor(program: string, file: string) {
    this.#program = program;
    this.#file = file;
  }

  /** @returns seconds */
  time(how: Reading, bytes: number): number {
    return this.#run([], how, bytes, []) / 1e9;
  }

  /** @param trace the file for what strace writes */
  count(how: Reading, bytes: number, trace: string): KernelCopies {
    this.#run(traceCommand(trace), how, bytes, ["counting"]);
    return kernelCopies([readFileSync(trace, "utf8")], 1);
  }

  #run(prefix: readonly string[], how: Reading, bytes: number, more: readonly string[]): number {
    const line = [...prefix, this.#program, how, this.#file, String(CHUNK), String(bytes), ...more];
    const [command, ...args] = line as [string, ...string[]];
    const [nanoseconds, sum] = execFileSync(command, args, { encoding: "utf8" }).split(" ").map(Number);
    const right = this.#sum(bytes);
    if (sum !== right) throw new Error(`${how}: the sum of the bytes is ${sum}, not ${right}`);
    return nanoseconds as number;
  }

  /** Of the first byte of each cache line. */
  #sum(bytes: number): number {
    const file = openSync(this.#file, "r");
    const piece = new Uint8Array(CHUNK);
    let sum = 0;
    for (let left = bytes; left > 0; ) {
      const count = readSync(file, piece, 0, Math.min(CHUNK, left), null);
      for (let at = 0; at < count; at += LINE) sum += piece[at] as number;
      left -= count;
    }
    closeSync(file);
    return sum;
  }
}
