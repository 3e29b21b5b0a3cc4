import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, copyFileSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { resolve } from "node:path";
import { Workspace } from "../../src/cli/demo/workspace.ts";
import { FileReads, type Reading } from "./file-reads.ts";
import type { Job } from "./job.ts";
import { Pair, type PairSetup, type Pass } from "./pair.ts";
import { type KernelCopies, kernelCopies, traceCommand } from "./trace.ts";
import type { Transport } from "./transports.ts";

const PIECE = 2 ** 20;
/** More than all buffers take, so that the pages of all buffers are there. */
const WARM_UP_BYTES = 32 * PIECE;

/** The files of the job and what moves them. */
export class Copies implements Disposable {
  readonly #workspace = new Workspace();
  readonly #source: string;
  readonly #destination: string;
  readonly #shared: string;
  readonly #sha256: string;
  readonly #bytes: number;
  readonly #memcpy: string;
  readonly #throughPipe: string;
  readonly #reads: FileReads;
  readonly #ownDirectory = process.env.MILLRACE_DIR;
  #made = 0;

  constructor(bytes: number, seed: number) {
    this.#bytes = bytes;
    this.#source = this.#workspace.file("source");
    this.#destination = this.#workspace.file("destination");
    this.#shared = this.#workspace.file("shared");
    this.#memcpy = this.#workspace.file("memcpy");
    this.#throughPipe = this.#workspace.file("file-through-pipe");
    // named objects of both processes lie there
    process.env.MILLRACE_DIR = this.#workspace.path;
    writeRandom(this.#source, bytes, seed);
    this.#sha256 = sha256(this.#source, bytes);
    copyFileSync(this.#source, this.#destination);
    copyFileSync(this.#source, this.#shared);
    const reading = this.#workspace.file("read-file");
    this.#reads = new FileReads(reading, this.#source);
    compile("memcpy", this.#memcpy);
    compile("file-through-pipe", this.#throughPipe);
    compile("read-file", reading);
  }

  /** One memcpy in C from the source to the destination. @returns seconds */
  memcpy(): number {
    this.#spoil(this.#bytes);
    const output = execFileSync(this.#memcpy, [this.#source, this.#destination, String(this.#bytes)], {
      encoding: "utf8",
    });
    this.#verify("memcpy", this.#bytes);
    return Number(output) / 1e9;
  }

  /** Brings the file to one process in C. @returns seconds */
  timeReading(how: Reading): number {
    return this.#reads.time(how, this.#bytes);
  }

  /** @returns `undefined` without strace */
  countReading(how: Reading, bytes: number): KernelCopies | undefined {
    return hasStrace() ? this.#reads.count(how, bytes, this.#workspace.file("reading.trace")) : undefined;
  }

  /** Moves the file once, after a part of it to warm up, with two new processes. */
  async time(transport: Transport): Promise<Pass> {
    const { pass } = await this.#move(transport, this.#bytes, { counting: false });
    return pass;
  }

  /** Moves a part of the file with every call traced and every copy in user space counted, which takes its time. */
  async count(transport: Transport, bytes: number): Promise<Counted> {
    const traces: string[] = [];
    const prefix = (role: Job["role"]) => {
      const trace = this.#workspace.file(`${role}.trace`);
      traces.push(trace);
      return traceCommand(trace);
    };
    const traced = hasStrace();
    const { pass, copied } = await this.#move(transport, bytes, { counting: true, ...(traced ? { prefix } : {}) });
    const texts = traces.map((path) => readFileSync(path, "utf8"));
    return { kernel: traced ? kernelCopies(texts, 2) : undefined, userBytes: pass.copied + copied };
  }

  /** Removes all files. */
  [Symbol.dispose](): void {
    if (this.#ownDirectory === undefined) delete process.env.MILLRACE_DIR;
    else process.env.MILLRACE_DIR = this.#ownDirectory;
    this.#workspace.close();
  }

  /** @returns the second pass, and what a source that was started by its sink has copied in it */
  async #move(
    transport: Transport,
    bytes: number,
    { counting, prefix }: { counting: boolean; prefix?: NonNullable<PairSetup["prefix"]> },
  ): Promise<{ pass: Pass; copied: number }> {
    const { way, runtime, nested, chunkBytes, prepare } = transport;
    const { sender, receiver, options, started, finish } = prepare(this.#workspace);
    const job: PairSetup["job"] = {
      way,
      address: sender.address,
      options,
      source: this.#source,
      destination: this.#destination,
      shared: this.#shared,
      chunkBytes,
      counting,
      nested,
      reports: this.#workspace.file(`reports-${++this.#made}`),
    };
    const { descriptor: source } = sender;
    const { descriptor: sink } = receiver;
    const descriptors = source === undefined || sink === undefined ? {} : { descriptors: { source, sink } };
    const pair = new Pair({
      job,
      runtime,
      program: this.#throughPipe,
      ...descriptors,
      ...(prefix === undefined ? {} : { prefix }),
    });
    try {
      started?.();
      await pair.ready();
      await pair.pass(Math.min(bytes, WARM_UP_BYTES));
      this.#spoil(bytes);
      const pass = await pair.pass(bytes);
      this.#verify(transport.name, bytes);
      return { pass, copied: await pair.end() };
    } finally {
      pair.kill();
      await finish?.();
    }
  }

  /** Overwrites the destination, without giving its memory back: to get that anew is no copy, and is not measured. */
  #spoil(bytes: number): void {
    const file = openSync(this.#destination, "r+");
    const wrong = Buffer.alloc(PIECE, 0xff);
    for (let at = 0; at < bytes; at += PIECE) writeSync(file, wrong, 0, Math.min(PIECE, bytes - at), at);
    closeSync(file);
  }

  /** @throws {Error} when the destination does not hold the beginning of the source */
  #verify(name: string, bytes: number): void {
    const right = bytes === this.#bytes ? this.#sha256 : sha256(this.#source, bytes);
    const found = sha256(this.#destination, bytes);
    if (found !== right) throw new Error(`${name}: the destination has SHA-256 ${found}, the source ${right}`);
  }
}

/** What was counted of one pass. */
export interface Counted {
  /** Without strace nothing is known of the kernel. */
  readonly kernel: KernelCopies | undefined;
  /** Bytes that were copied in user space. */
  readonly userBytes: number;
}

function compile(name: string, program: string): void {
  const source = resolve(import.meta.dirname, `../native/${name}.c`);
  execFileSync("cc", ["-O3", "-std=gnu11", "-o", program, source], { stdio: "inherit" });
}

function hasStrace(): boolean {
  return spawnSync("strace", ["-V"], { stdio: "ignore" }).status === 0;
}

function sha256(path: string, bytes: number): string {
  const hash = createHash("sha256");
  const file = openSync(path, "r");
  const piece = Buffer.alloc(PIECE);
  for (let left = bytes; left > 0; ) {
    const count = readSync(file, piece, 0, Math.min(PIECE, left), null);
    if (count === 0) throw new Error(`${path} is too short`);
    hash.update(piece.subarray(0, count));
    left -= count;
  }
  closeSync(file);
  return hash.digest("hex");
}

/** Words of a xorshift generator, each piece different from all others. */
function writeRandom(path: string, bytes: number, seed: number): void {
  const words = new Uint32Array(PIECE / 4);
  let state = seed || 1;
  const file = openSync(path, "w");
  for (let left = bytes; left > 0; left -= PIECE) {
    for (let i = 0; i < words.length; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      words[i] = state;
    }
    writeSync(file, new Uint8Array(words.buffer, 0, Math.min(PIECE, left)));
  }
  closeSync(file);
}
