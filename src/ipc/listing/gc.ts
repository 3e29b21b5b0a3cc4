import { LOCK_EX, LOCK_NB, O_DIRECTORY, O_RDONLY } from "../../ffi/abi/current.ts";
import { close, open } from "../../ffi/fd.ts";
import { flock } from "../../ffi/flock.ts";
import { WOULD_BLOCK } from "../../ffi/results.ts";
import { beforeBlocking } from "../../objects/before-blocking.ts";
import type { ObjectRecord } from "../../objects/journal.ts";
import { objectDirectory } from "../../objects/object-directory.ts";
import { objectIdentity } from "../../objects/object-identity.ts";
import type { ObjectKind } from "../../objects/own.ts";
import { processIdentity } from "../../objects/process-identity.ts";
import { type FoundJournal, isReachable, readJournals, removeJournal } from "../../objects/read-journals.ts";
import { removeRecorded } from "../../objects/remove-recorded.ts";
import { sweepTemporaries } from "../presence-object.ts";
import { findObjects, type ListedObject } from "./find-objects.ts";

/** How {@link gc} collects. */
export interface GcOptions {
  /** Only say what would be removed. */
  readonly dryRun?: boolean | undefined;
}

/** An object that a killed process left. */
export interface LeftObject {
  /** The family. */
  readonly kind: ObjectKind;
  /** As a journal names it: a ring by its path. */
  readonly name: string;
  /** The process that owned it. */
  readonly pid: number;
}

/** What {@link gc} did. */
export interface GcResult {
  /** What was removed, or would be. */
  readonly removed: readonly LeftObject[];
  /** What it left alone, each with the reason. */
  readonly kept: readonly { readonly object: LeftObject; readonly why: string }[];
}

/**
 * Removes what killed processes left: only objects that this library made for a process which is dead, as its journal says and the kernel
 * confirms, and that nobody uses, by the kernel's word. Where that cannot be known the object is kept. What other programs made is never
 * touched. When several collect at once, each waits for the one before.
 *
 * @throws {IpcError} `IPC_PERMISSION`, `IPC_NOT_FOUND` when the object directory cannot be used
 *
 * @example See what there is to do
 * ```ts
 * import { objects } from "millrace";
 *
 * const { removed, kept } = objects.gc({ dryRun: true });
 * for (const { kind, name } of removed) console.log("would remove", kind, name);
 * for (const { object, why } of kept) console.log("would keep", object.kind, object.name, "since", why);
 * ```
 */
export function gc(options: GcOptions = {}): GcResult {
  const dryRun = options.dryRun === true;
  if (dryRun) return collect(dryRun);
  // a name may be a new object's as soon as one has removed the old: so nobody goes by what he saw before another collected
  const directory = open(objectDirectory(), O_RDONLY | O_DIRECTORY);
  try {
    if (flock(directory, LOCK_EX | LOCK_NB) === WOULD_BLOCK) {
      beforeBlocking();
      flock(directory, LOCK_EX);
    }
    return collect(dryRun);
  } finally {
    close(directory);
  }
}

function collect(dryRun: boolean): GcResult {
  const removed: LeftObject[] = [];
  const kept: { object: LeftObject; why: string }[] = [];
  const journals = readJournals();
  const dead = journals.filter(({ alive }) => !alive);
  const kinds = new Set(dead.flatMap(({ records }) => records.map(({ kind }) => kind)));
  const found = kinds.size > 0 ? findObjects([...kinds]) : [];
  for (const journal of dead) {
    let settled = true;
    for (const record of journal.records) {
      const object = { kind: record.kind, name: record.name, pid: journal.owner.pid };
      const why = reasonToKeep(record, journal, found, journals);
      if (why === GONE) continue;
      const failure = why ?? (dryRun ? undefined : tryRemove(record));
      if (failure === undefined) removed.push(object);
      else {
        kept.push({ object, why: failure });
        settled = false;
      }
    }
    if (settled && !dryRun) removeJournal(journal);
  }
  if (!dryRun) sweepTemporaries(objectDirectory());
  return { removed, kept };
}

/** No reason at all: there is nothing to keep. */
const GONE = Symbol("gone");

function reasonToKeep(
  record: ObjectRecord,
  { owner }: FoundJournal,
  found: readonly ListedObject[],
  journals: readonly FoundJournal[],
): string | typeof GONE | undefined {
  const { kind, name, identity } = record;
  // after a boot nothing of the kernel's is left; another container's object is that container's to remove
  if (!isReachable(owner, kind))
    return owner.boot === processIdentity().boot ? "it belongs to another IPC namespace" : GONE;
  const now = objectIdentity(kind, name);
  if (now !== identity || identity === "") return GONE;
  const sharer = journals.find(
    ({ alive, records }) =>
      alive && records.some((one) => one.kind === kind && one.name === name && one.identity === identity),
  );
  if (sharer !== undefined) return `process ${sharer.owner.pid} owns it too`;
  const object = found.find((one) => one.kind === kind && one.recordName === name);
  if (object === undefined) return "it cannot be looked at";
  if (object.use === "free") return undefined;
  if (object.holders?.length) return `process ${object.holders.join(", ")} uses it`;
  return object.notes.join("; ") || "it is in use";
}

/** @returns why it did not work */
function tryRemove(record: ObjectRecord): string | undefined {
  try {
    if (removeRecorded(record) || objectIdentity(record.kind, record.name) !== record.identity) return undefined;
    return "somebody began to use it";
  } catch (error) {
    // its owner's other end may have removed it meanwhile
    if (objectIdentity(record.kind, record.name) !== record.identity) return undefined;
    return (error as Error).message;
  }
}
