import { objectIdentity } from "../../objects/object-identity.ts";
import { OBJECT_KINDS } from "../../objects/object-kinds.ts";
import type { ObjectKind } from "../../objects/own.ts";
import { type FoundJournal, isReachable, readJournals } from "../../objects/read-journals.ts";
import type { FoundObject, ObjectInfo } from "./object-info.ts";
import { pathObjects } from "./path-objects.ts";
import { posixFiles } from "./posix-files.ts";
import { posixQueues } from "./posix-queues.ts";
import { type ProcessScan, scanProcesses } from "./process-scan.ts";
import { rings } from "./rings.ts";
import { sysvArrays } from "./sysv-arrays.ts";
import { sysvQueues } from "./sysv-queues.ts";
import { sysvSegments } from "./sysv-segments.ts";
import { userName } from "./user-name.ts";

/** An object, and what else the listing knows of it. */
export type ListedObject = FoundObject & { readonly info: ObjectInfo };

/**
 * All objects of these kinds, sorted by kind and name.
 *
 * @param wanted a name to look up where the system lists none
 */
export function findObjects(kinds: readonly ObjectKind[] = OBJECT_KINDS, wanted?: string): ListedObject[] {
  const journals = readJournals();
  const records = journals.flatMap((journal) => journal.records);
  const scan = scanProcesses();
  const found = OBJECT_KINDS.filter((kind) => kinds.includes(kind)).flatMap((kind) =>
    family(kind, records, scan, wanted).sort((a, b) => (a.name < b.name ? -1 : 1)),
  );
  return found.map((object) => ({ ...object, info: infoOf(object, journals) }));
}

function family(
  kind: ObjectKind,
  records: Parameters<typeof pathObjects>[1],
  scan: ProcessScan,
  wanted: string | undefined,
): FoundObject[] {
  if (kind === "sysv-shm") return sysvSegments(scan);
  if (kind === "sysv-msg") return sysvQueues();
  if (kind === "sysv-sem") return sysvArrays();
  if (kind === "posix-shm" || kind === "posix-sem") return posixFiles(kind, scan);
  if (kind === "posix-mq") return posixQueues(records, scan, wanted);
  if (kind === "ring") return rings(scan);
  return pathObjects(kind, records, scan);
}

function infoOf(object: FoundObject, journals: readonly FoundJournal[]): ObjectInfo {
  const { recordName, use, ...found } = object;
  const owners = journals.filter((journal) => names(journal, object));
  const dead = owners.length > 0 && owners.every(({ alive }) => !alive);
  return {
    ...found,
    user: userName(object.uid),
    creatorPid: object.creatorPid ?? owners[0]?.owner.pid,
    ours: owners.length > 0 || object.kind === "ring",
    stale: dead && use === "free",
  };
}

/** Whether the journal has an object of that name which is still this one. */
function names({ owner, records }: FoundJournal, { kind, recordName }: FoundObject): boolean {
  if (!isReachable(owner, kind)) return false;
  const record = records.find((one) => one.kind === kind && one.name === recordName);
  return record !== undefined && record.identity !== "" && record.identity === objectIdentity(kind, recordName);
}
