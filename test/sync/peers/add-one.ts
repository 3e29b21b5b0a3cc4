/** Where the words are that tell what was before an addition. */
const LOG = 512;

/**
 * Adds one to word 0 and to the word of a slot, by plain stores: a semaphore has to keep others away. Who is killed in the middle has noted
 * what was before (1, word 0, its slot, the slot's word), and the next one in the critical section puts that back.
 */
export function addOne(words: Int32Array, slot: number): void {
  putBack(words);
  words[LOG + 1] = words[0] as number;
  words[LOG + 2] = slot;
  words[LOG + 3] = words[slot] as number;
  // atomic, so that the engine keeps the order of the stores
  Atomics.store(words, LOG, 1);
  words[0] = (words[0] as number) + 1;
  words[slot] = (words[slot] as number) + 1;
  Atomics.store(words, LOG, 0);
}

/** Undoes an addition that ended half-way. */
export function putBack(words: Int32Array): void {
  if (Atomics.load(words, LOG) === 0) return;
  words[0] = words[LOG + 1] as number;
  words[words[LOG + 2] as number] = words[LOG + 3] as number;
  words[LOG + 4] = putBacks(words) + 1;
  Atomics.store(words, LOG, 0);
}

/** How often an addition was put back whose process was killed in the middle of it. */
export function putBacks(words: Int32Array): number {
  return words[LOG + 4] as number;
}
