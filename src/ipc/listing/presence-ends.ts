import { join } from "node:path";
import { O_NOFOLLOW, O_RDWR } from "../../ffi/abi/current.ts";
import { close, open, read } from "../../ffi/fd.ts";
import { queryLock } from "../../ffi/lock.ts";
import type { Side } from "../link.ts";
import { pidWord, placeOf, roleByte, SEGMENT_FILE } from "../presence-object.ts";

/** An end of a named object of channels. */
export interface PresenceEnd {
  readonly side: Side;
  /** Who is there, or was there last; 0 for nobody ever. */
  readonly pid: number;
  /** By the kernel's word: somebody holds the end's lock. */
  readonly held: boolean;
}

/** The two ends of the object of this name in the object directory, or at this path; none when there is no such object. `seen` gets its header. */
export function endsOf(name: string, seen?: (words: Int32Array) => void): PresenceEnd[] {
  let segment: number;
  const path = join(placeOf(name), SEGMENT_FILE);
  try {
    segment = open(path, O_RDWR | O_NOFOLLOW);
  } catch {
    return [];
  }
  try {
    const words = headerWords(segment);
    seen?.(words);
    return (["sender", "receiver"] as const).map((side) => ({
      side,
      pid: words[pidWord(side)] ?? 0,
      held: queryLock(segment, "write", roleByte(side), 1),
    }));
  } finally {
    close(segment);
  }
}

/** The header of a segment that was just opened, copied. It may be told to people; nothing is decided by it. */
export function headerWords(segment: number): Int32Array {
  const words = new Int32Array(HEADER_WORDS);
  read(segment, words);
  return words;
}

/** More than all that is in use of a header. */
const HEADER_WORDS = 1024;
