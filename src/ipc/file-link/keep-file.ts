import { MS_SYNC } from "../../ffi/abi/current.ts";
import { msync } from "../../ffi/mmap.ts";
import type { Region } from "../../memory/region.ts";
import { HEAD_OFFSET, KIND_KEPT, OLDEST_OFFSET, STATE_CLOSED, STATE_NEVER, TAIL_OFFSET } from "../../ring/layout.ts";
import { type Keep, type KeptObject, twoBells } from "../attach-presence.ts";
import { stateWord } from "../presence-object.ts";

/** Where a receiver begins; without one, where the last one stopped. */
export type Start = "oldest" | "now" | undefined;

/**
 * How the object of a `file:` stays when nobody holds it, and how its next session begins.
 *
 * @param start where this end begins, if it is a receiver
 * @param syncs whether everything is written to the disk when an end leaves
 */
export function keepFile(start: Start, syncs: boolean): Keep {
  return {
    shape: twoBells(KIND_KEPT),
    reopen: (object) => reopen(object, start),
    ...(syncs && { leave: syncAll }),
  };
}

/**
 * What an end that has gone says of itself must not be taken for news: a sender may send although the last receiver has closed, and a receiver
 * waits for the next sender when it has nothing more to read of the last one.
 */
function reopen({ words, header, side, peerHeld }: KeptObject, start: Start): void {
  if (peerHeld) return;
  const peer = header + stateWord(side === "sender" ? "receiver" : "sender");
  if (side === "sender") {
    if (Atomics.load(words, peer) === STATE_CLOSED) Atomics.store(words, peer, STATE_NEVER);
    return;
  }
  const lastWasTold = Atomics.load(words, header + stateWord("receiver")) === STATE_CLOSED;
  const from = header + ((start === "oldest" ? OLDEST_OFFSET : TAIL_OFFSET) >> 2);
  const isEmpty = Atomics.load(words, from) === Atomics.load(words, header + (HEAD_OFFSET >> 2));
  if (start === "now" || (lastWasTold && isEmpty)) Atomics.store(words, peer, STATE_NEVER);
}

/** Both images of the data are the same pages of the file, so the first one is enough; the call takes no harm from the second. */
function syncAll({ arena, offset, length }: Region): void {
  msync(arena.address + offset, length, MS_SYNC);
}
