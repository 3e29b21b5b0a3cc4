import { corrupt } from "./corrupt.ts";
import { AWAKE, WAIT_BELL, WAIT_FUTEX } from "./layout.ts";

/** How an end sleeps: 1 in futex(2) on its waiter word, 2 until its bell rings. */
export type WaitMode = typeof WAIT_FUTEX | typeof WAIT_BELL;

/** What a ring end needs from outside: a way to wake the other end. */
export interface Waiter {
  /**
   * Wakes the other end, which has said that it sleeps. Its waiter word is 0 already. Called at most once per sleep, and
   * possibly for a peer that is awake again, so a spurious call must do no harm.
   *
   * @param mode how the other end sleeps: 1, wake one waiter of the futex at its waiter word; 2, ring its bell
   */
  wake(mode: WaitMode): void;
}

/**
 * Takes the peer's waiter word back to 0 and wakes the peer, if it has not woken up in the meantime.
 *
 * @param words the memory
 * @param waiterWord index of the peer's waiter word
 * @param wakesWord index of the caller's own counter of wakes
 * @param waiter wakes the peer
 * @param name the ring's address, for the error
 * @throws {IpcError} `IPC_CORRUPT` if the word held none of 0, 1, 2
 */
export function wakePeer(
  words: Int32Array,
  waiterWord: number,
  wakesWord: number,
  waiter: Waiter,
  name: string | undefined,
): void {
  // Pairs with the stores in prepareWait and cancelWait of the peer: exactly one of the two sides takes the wait back
  const mode = Atomics.exchange(words, waiterWord, AWAKE);
  if (mode === AWAKE) return;
  if (mode !== WAIT_FUTEX && mode !== WAIT_BELL) throw corrupt(name, "the peer's waiter word", mode, "0, 1 or 2");
  words[wakesWord] = ((words[wakesWord] as number) + 1) | 0;
  waiter.wake(mode);
}
