const IS_X64 = process.arch === "x64";

/**
 * Reads a word that the other side writes, and with it everything that the other side wrote before: what `Atomics.load` is for. Bun
 * compiles that to a read-modify-write, which takes the cache line away from the other side; a line that both sides use all the time then
 * travels twice for each message.
 *
 * On x86-64 a load is ordered before all later ones by the processor, so it is enough to keep the compiler from moving it: an atomic access,
 * to memory of this thread's own, does that before and after. Elsewhere the atomic load itself is needed.
 *
 * @param words the memory
 * @param word index of the word
 * @returns the value as int32
 */
export const loadIndex: (words: Int32Array, word: number) => number = IS_X64 ? loadBetweenFences : loadAtomically;

/**
 * Reads a word that the other side writes, directly after an atomic store of one's own: the other side's store is seen here, or ours is seen
 * there. On x86-64 the store is a locked instruction, which no later load passes, and no compiler moves a load over an atomic access.
 *
 * @param words the memory
 * @param word index of the word
 * @returns the value as int32
 */
export const loadAfterStore: (words: Int32Array, word: number) => number = IS_X64 ? loadPlainly : loadAtomically;

/**
 * Whether an ordinary store becomes visible after all earlier reads and writes of the thread, as a store with release order does: so it is on
 * x86-64. What it is not ordered with are later loads, until a locked instruction comes. No compiler moves a store to a shared array over
 * an access to the same memory that it cannot tell apart.
 */
export const STORES_IN_ORDER: boolean = IS_X64;

function loadPlainly(words: Int32Array, word: number): number {
  return words[word] as number;
}

function loadBetweenFences(words: Int32Array, word: number): number {
  const value = words[word] as number;
  Atomics.load(FENCE, 0);
  return value;
}

function loadAtomically(words: Int32Array, word: number): number {
  return Atomics.load(words, word);
}

const FENCE = new Int32Array(1);
