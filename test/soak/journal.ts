import { closeSync, openSync, readFileSync, readSync, truncateSync, writeFileSync } from "node:fs";
import { O_RDWR } from "../../src/ffi/abi/current.ts";
import { close, open } from "../../src/ffi/fd.ts";
import { mapShared } from "../../src/memory/region.ts";

/** What one end of the soak has done, in a mapped file, which keeps what was stored before a SIGKILL. */
export interface Journal {
  /** Writes down that so many messages are done; for a producer, whose calls have returned. */
  done(count: number): void;
  /** Writes down a message that was received. */
  add(length: number, hash: number): void;
  /** No room for another one. */
  readonly full: boolean;
}

/** Room for about two million messages; pages that nobody touches cost nothing. */
const JOURNAL_BYTES = 2 ** 24;
const FIRST_WORD = 16;

export function createJournal(path: string): void {
  writeFileSync(path, "");
  truncateSync(path, JOURNAL_BYTES);
}

export function openJournal(path: string): Journal {
  const descriptor = open(path, O_RDWR);
  const { arena, offset } = mapShared(descriptor, JOURNAL_BYTES);
  close(descriptor);
  const { words } = arena;
  const first = offset >> 2;
  const end = first + (JOURNAL_BYTES >> 2) - 2;
  let at = first + FIRST_WORD;
  let entries = 0;
  return {
    done: (count) => Atomics.store(words, first, count),
    add(length, hash) {
      words[at++] = length;
      words[at++] = hash;
      Atomics.store(words, first, ++entries);
    },
    get full() {
      return at >= end;
    },
  };
}

/** How many messages a journal has. */
export function journalCount(path: string): number {
  const descriptor = openSync(path, "r");
  const word = new Int32Array(1);
  readSync(descriptor, word, 0, 4, 0);
  closeSync(descriptor);
  return word[0] as number;
}

/** Lengths and hashes of the messages of a journal, in turn. */
export function journalEntries(path: string): Int32Array {
  const words = new Int32Array(readFileSync(path).buffer.slice(0, JOURNAL_BYTES));
  return words.subarray(FIRST_WORD, FIRST_WORD + 2 * (words[0] as number));
}
