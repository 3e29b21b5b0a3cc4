import { isMainThread } from "node:worker_threads";
import { ExitHooks } from "./exit-hooks.ts";
import { Journal, type ObjectRecord } from "./journal.ts";
import { objectIdentity } from "./object-identity.ts";
import type { ObjectKind } from "./object-kinds.ts";
import { processIdentity } from "./process-identity.ts";
import { readJournals, removeJournal } from "./read-journals.ts";
import { removeRecorded } from "./remove-recorded.ts";
import { sweepJournals } from "./sweep-journals.ts";

export type { ObjectKind } from "./object-kinds.ts";

/** That an object is this process's to remove, from {@link own}. */
export interface Ownership {
  /** The object was removed, or shall stay: it is nobody's from now on. Idempotent. */
  release(): void;
}

interface OwnedObject extends ObjectRecord {
  readonly remove: () => void;
  readonly last: boolean;
}

const owned = new Map<number, OwnedObject>();
let lastNumber = 0;
let hooks: ExitHooks | undefined;
let journal: Journal | undefined;

/**
 * Notes that this process made an object, so that it is removed when the process ends without having removed it: at its normal end, by
 * an error that nobody caught, and by SIGINT, SIGTERM and SIGHUP, unless the program listens for those itself. An object of a worker
 * thread goes with the thread, or, when that is terminated, with the main thread if that owns objects too.
 *
 * What a process leaves that is killed is in a journal, for `gc`. Without an object directory to write to there is no journal; the rest
 * works all the same.
 *
 * @param kind which family it belongs to
 * @param name what finds it again: the id in decimal for System V objects, the name with its slash for POSIX ones, else the absolute path
 * @param remove removes the object, if it is still the one that was made; it must not throw when the object is gone
 * @param last at the end of the process it comes behind the others, as a receiver that takes what this process's own sender leaves
 */
export function own(kind: ObjectKind, name: string, remove: () => void, last = false): Ownership {
  const number = ++lastNumber;
  const object = { kind, name, identity: objectIdentity(kind, name) ?? "", remove, last };
  owned.set(number, object);
  hooks ??= new ExitHooks(removeOwned);
  journalled((open) => open.add(number, object));
  return { release: () => release(number) };
}

function release(number: number): void {
  if (!owned.delete(number)) return;
  if (owned.size > 0) {
    journalled((open) => open.drop(number, owned));
    return;
  }
  hooks?.remove();
  hooks = undefined;
  closeJournal(false);
}

/** At the end of this thread: the last made goes first, but for those that come last. */
function removeOwned(): void {
  let failed = false;
  const inOrder = [...owned].reverse().sort(([, a], [, b]) => Number(a.last) - Number(b.last));
  for (const [number, { remove }] of inOrder) {
    owned.delete(number);
    try {
      remove();
    } catch {
      // there is nobody to tell; the journal stays, so that a cleaner may try again
      failed = true;
    }
  }
  closeJournal(failed);
  if (isMainThread) removeOthers();
}

/** What other threads of this process own, which do not live to see its end. */
function removeOthers(): void {
  try {
    const self = JSON.stringify(processIdentity());
    for (const found of readJournals()) {
      const { pid, start, namespace, ipcNamespace, boot } = found.owner;
      if (JSON.stringify({ pid, start, namespace, ipcNamespace, boot }) !== self) continue;
      if (found.records.every(removedOrGone)) removeJournal(found);
    }
  } catch {
    // no directory, no journals
  }
}

function removedOrGone(record: ObjectRecord): boolean {
  try {
    return removeRecorded(record) || objectIdentity(record.kind, record.name) !== record.identity;
  } catch {
    return false;
  }
}

function journalled(write: (open: Journal) => void): void {
  try {
    journal ??= new Journal();
    write(journal);
  } catch {
    // a full or a forbidden directory must not keep anybody from making objects elsewhere
  }
}

function closeJournal(keep: boolean): void {
  if (journal === undefined) return;
  try {
    journal.close(keep);
    sweepJournals();
  } catch {
    // its directory is gone
  }
  journal = undefined;
}
