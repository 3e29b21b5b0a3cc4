import { randomBytes } from "node:crypto";
import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } from "../ffi/abi/current.ts";
import { close, open, write } from "../ffi/fd.ts";
import { getpid } from "../ffi/ids.ts";
import { tryLock } from "../ffi/lock.ts";
import { objectDirectory } from "./object-directory.ts";
import type { ObjectKind } from "./object-kinds.ts";
import { processIdentity } from "./process-identity.ts";

/** How the journals' names in the object directory begin. */
export const JOURNAL_PREFIX = ".owned-";
/** How the names of what is being built begin; who finds one of a dead process removes it. */
const TEMPORARY_PREFIX = ".tmp-";

/** One object as a journal names it. */
export interface ObjectRecord {
  readonly kind: ObjectKind;
  readonly name: string;
  /** See `objectIdentity`. */
  readonly identity: string;
}

/** Past so many lines that say nothing any more, the file is written anew. */
const MOST_DEAD_LINES = 1024;

/**
 * The list of objects that one thread owns, in a file `.owned-PID-RANDOM` of the object directory, for whoever cleans up after a process
 * that was killed. Its first line names the process; each other line adds an object (`["+",number,kind,name,identity]`) or takes one back
 * (`["-",number]`). Byte 0 is locked for as long as the process lives, which the kernel ends however the process ends; the file gets its
 * name when it is locked, so a journal without a lock is a dead process's.
 *
 * The descriptor is no runtime's, so a worker thread that ends keeps it locked until the process ends.
 */
export class Journal {
  readonly path: string;
  #fd: number;
  #lines = 0;

  /** @throws when the object directory cannot be used */
  constructor() {
    this.path = join(objectDirectory(), `${JOURNAL_PREFIX}${getpid()}-${randomBytes(6).toString("hex")}`);
    this.#fd = begin(this.path, "");
  }

  add(number: number, { kind, name, identity }: ObjectRecord): void {
    append(this.#fd, line(["+", number, kind, name, identity]));
    this.#lines++;
  }

  /** @param left what is still owned */
  drop(number: number, left: ReadonlyMap<number, ObjectRecord>): void {
    append(this.#fd, line(["-", number]));
    this.#lines++;
    if (this.#lines > MOST_DEAD_LINES + 2 * left.size) this.#rewrite(left);
  }

  /** Stops; the file goes, unless it has to tell a cleaner of something. */
  close(keep = false): void {
    if (!keep) rmSync(this.path, { force: true });
    close(this.#fd);
  }

  #rewrite(left: ReadonlyMap<number, ObjectRecord>): void {
    const lines = [...left].map(([number, { kind, name, identity }]) => line(["+", number, kind, name, identity]));
    const fd = begin(this.path, lines.join(""));
    close(this.#fd);
    this.#fd = fd;
    this.#lines = left.size;
  }
}

/** Makes the file, locks it, and then gives it its name. */
function begin(path: string, lines: string): number {
  const temporary = join(objectDirectory(), `${TEMPORARY_PREFIX}${getpid()}-${randomBytes(6).toString("hex")}`);
  const fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW, 0o600);
  try {
    tryLock(fd, "write", 0, 1);
    append(fd, `${JSON.stringify({ millrace: 1, ...processIdentity() })}\n${lines}`);
    renameSync(temporary, path);
    return fd;
  } catch (error) {
    rmSync(temporary, { force: true });
    close(fd);
    throw error;
  }
}

function line(values: readonly unknown[]): string {
  return `${JSON.stringify(values)}\n`;
}

function append(fd: number, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; ) {
    const count = write(fd, bytes.subarray(at));
    if (count <= 0) throw new Error(`Cannot write to a journal of owned objects: ${count}`);
    at += count;
  }
}
