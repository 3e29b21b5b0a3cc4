// A log that several processes write at once: lines with a time, a level and who it was, in one file.
//
// The file is opened with O_APPEND, and each line is one write(2). The kernel then finds the end of the file and writes there in one
// step, so lines of different processes are never mixed and none is overwritten, without any lock. (Not on NFS.)
//
// A module for the programs beside it: shared-log.ts, fifo-server.ts.
import { readFileSync } from "node:fs";
import { close, O_APPEND, O_CREAT, O_WRONLY, open, write } from "millrace/ffi";

/** From the least to the most important. */
export const LEVELS = ["debug", "info", "warn", "error"] as const;

export type Level = (typeof LEVELS)[number];

export interface LogEntry {
  /** ISO 8601, in UTC. */
  time: string;
  level: Level;
  /** Who wrote it. */
  name: string;
  pid: number;
  text: string;
}

/** An open log. `using` closes it. */
export class Log implements Disposable {
  readonly #name: string;
  readonly #lowest: Level;
  #fd: number | undefined;

  /**
   * Opens the log, and makes its file when there is none.
   *
   * @param name of this program
   * @param lowest entries below this level are not written
   */
  constructor(path: string, name: string, lowest: Level = "debug") {
    this.#name = name;
    this.#lowest = lowest;
    this.#fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600);
  }

  debug(text: string): void {
    this.write("debug", text);
  }

  info(text: string): void {
    this.write("info", text);
  }

  warn(text: string): void {
    this.write("warn", text);
  }

  error(text: string): void {
    this.write("error", text);
  }

  write(level: Level, text: string): void {
    if (this.#fd === undefined) throw new TypeError("The log is closed");
    if (!isAtLeast(level, this.#lowest)) return;
    const oneLine = text.replaceAll("\n", "\\n");
    const line = `${new Date().toISOString()} ${level.padEnd(5)} ${this.#name}[${process.pid}] ${oneLine}\n`;
    const bytes = new TextEncoder().encode(line);
    const written = write(this.#fd, bytes);
    // only a full disk or a limit of file sizes cuts a write to a file; going on would be a second write, elsewhere
    if (written !== bytes.length) throw new Error(`Only ${written} of ${bytes.length} bytes of a line were written`);
  }

  close(): void {
    if (this.#fd !== undefined) close(this.#fd);
    this.#fd = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Reads a log back.
 *
 * @param lowest leaves out what is below this level
 * @throws {Error} when a line is not an entry
 */
export function readLog(path: string, lowest: Level = "debug"): LogEntry[] {
  const lines = readFileSync(path, "utf8").split("\n");
  if (lines.pop() !== "") throw new Error("The last line of the log is not whole");
  return lines.map(parseLine).filter((entry) => isAtLeast(entry.level, lowest));
}

function parseLine(line: string): LogEntry {
  const [, time = "", word, name = "", pid, text = ""] = /^(\S+Z) (\w+) +(\S+)\[(\d+)\] (.*)$/.exec(line) ?? [];
  const level = LEVELS.find((known) => known === word);
  if (level === undefined || Number.isNaN(Date.parse(time))) throw new Error(`Not an entry of a log: ${line}`);
  return { time, level, name, pid: Number(pid), text };
}

function isAtLeast(level: Level, lowest: Level): boolean {
  return LEVELS.indexOf(level) >= LEVELS.indexOf(lowest);
}
