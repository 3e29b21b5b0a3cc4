import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { O_NOFOLLOW, O_RDWR } from "../ffi/abi/current.ts";
import { close, open } from "../ffi/fd.ts";
import { queryLock } from "../ffi/lock.ts";
import { JOURNAL_PREFIX, type ObjectRecord } from "./journal.ts";
import { objectDirectory } from "./object-directory.ts";
import { OBJECT_KINDS, type ObjectKind } from "./object-kinds.ts";
import { type ProcessIdentity, processIdentity } from "./process-identity.ts";

/** A journal as it was found. */
export interface FoundJournal {
  readonly path: string;
  /** Who wrote it. */
  readonly owner: ProcessIdentity;
  /** Whether that process lives, by the kernel's word. */
  readonly alive: boolean;
  readonly records: readonly ObjectRecord[];
}

/** The journals of this user, of live and of dead processes. What is not a journal is passed over. */
export function readJournals(): FoundJournal[] {
  const directory = objectDirectory();
  return readdirSync(directory)
    .filter((name) => name.startsWith(JOURNAL_PREFIX))
    .flatMap((name) => readJournal(join(directory, name)) ?? []);
}

/** Removes the journal of a dead process. */
export function removeJournal({ path }: FoundJournal): void {
  rmSync(path, { force: true });
}

/** Whether the object is on this machine, this boot, and in the namespaces of this process, so that its name means the same here. */
export function isReachable(owner: ProcessIdentity, kind: ObjectKind): boolean {
  const self = processIdentity();
  if (!kind.startsWith("sysv-") && kind !== "posix-mq") return true;
  return owner.boot === self.boot && owner.ipcNamespace === self.ipcNamespace;
}

/** One journal; `undefined` when it is gone, or is none. */
export function readJournal(path: string): FoundJournal | undefined {
  let fd: number;
  try {
    fd = open(path, O_RDWR | O_NOFOLLOW);
  } catch {
    return undefined; // gone meanwhile
  }
  try {
    // first the lock, then the text: what a process that lives adds after the look is its own affair
    const alive = queryLock(fd, "write", 0, 1);
    return parse(path, alive, readFileSync(path, "utf8"));
  } catch {
    return undefined;
  } finally {
    close(fd);
  }
}

function parse(path: string, alive: boolean, text: string): FoundJournal | undefined {
  const [head = "", ...lines] = text.split("\n");
  const owner = parsed(head) as (ProcessIdentity & { millrace?: unknown }) | undefined;
  if (owner?.millrace !== 1 || !Number.isInteger(owner.pid)) return undefined;
  const records = new Map<unknown, ObjectRecord>();
  for (const line of lines) {
    // the last one may be cut short
    const values = parsed(line);
    if (!Array.isArray(values)) continue;
    const [what, number, kind, name, identity] = values;
    if (what === "-") records.delete(number);
    if (what !== "+" || !OBJECT_KINDS.includes(kind) || typeof name !== "string" || typeof identity !== "string")
      continue;
    records.set(number, { kind, name, identity });
  }
  return { path, owner, alive, records: [...records.values()] };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
