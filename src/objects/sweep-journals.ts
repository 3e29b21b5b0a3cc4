import { readdirSync } from "node:fs";
import { join } from "node:path";
import { kill } from "../ffi/signal.ts";
import { JOURNAL_PREFIX } from "./journal.ts";
import { objectDirectory } from "./object-directory.ts";
import { objectIdentity } from "./object-identity.ts";
import { isReachable, readJournal, removeJournal } from "./read-journals.ts";

/** Removes the journals of killed processes whose objects are all gone, such as a ring that the other end has removed. */
export function sweepJournals(): void {
  const directory = objectDirectory();
  for (const name of readdirSync(directory)) {
    if (!name.startsWith(JOURNAL_PREFIX)) continue;
    // cheap, and enough to pass over nearly all; the lock decides
    const pid = Number.parseInt(name.slice(JOURNAL_PREFIX.length), 10);
    if (pid > 0 && isAlive(pid)) continue;
    const found = readJournal(join(directory, name));
    if (found === undefined || found.alive) continue;
    const gone = found.records.every(
      (record) => isReachable(found.owner, record.kind) && objectIdentity(record.kind, record.name) !== record.identity,
    );
    if (gone) removeJournal(found);
  }
}

function isAlive(pid: number): boolean {
  try {
    kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code !== "ESRCH";
  }
}
