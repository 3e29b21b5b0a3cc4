import { readJournals, removeJournal } from "../../src/objects/read-journals.ts";

/** Has this process remove at its end what the processes left that its tests have killed: the lists of what they owned. */
export function removeJournalsAtExit(): void {
  process.once("exit", () => {
    for (const journal of readJournals()) if (!journal.alive) removeJournal(journal);
  });
}
