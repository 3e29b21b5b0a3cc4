/**
 * Adds to a 64-bit counter that lies in two words, lo before hi. Only the owner of the line calls this.
 *
 * lo is one plain store, and observers may see it a little late. When lo wraps around, hi and lo cannot change together,
 * so the line's carry word is odd meanwhile and observers look again.
 *
 * @param words the memory
 * @param lowWord index of lo; hi is the next word
 * @param carryWord index of the line's carry word
 * @param amount what to add, from 0 to 2^31 - 1
 */
export function addToCounter(words: Int32Array, lowWord: number, carryWord: number, amount: number): void {
  const before = words[lowWord] as number;
  const after = (before + amount) | 0;
  if (after >>> 0 >= before >>> 0) {
    words[lowWord] = after;
    return;
  }
  // All four stores pair with the loads in readCounter. `| 1` also mends the word of an owner that died in here.
  const odd = (words[carryWord] as number) | 1;
  Atomics.store(words, carryWord, odd);
  Atomics.store(words, lowWord + 1, ((words[lowWord + 1] as number) + 1) | 0);
  Atomics.store(words, lowWord, after);
  Atomics.store(words, carryWord, (odd + 1) | 0);
}

/**
 * Reads a 64-bit counter while its owner may be adding to it. The memory may be mapped read-only.
 *
 * @param words the memory
 * @param lowWord index of lo; hi is the next word
 * @param carryWord index of the line's carry word
 * @returns the count; exact up to 2^53
 */
export function readCounter(words: Int32Array, lowWord: number, carryWord: number): number {
  let value = 0;
  // An owner that died in the middle of a carry leaves the word odd, hence the limit
  for (let attempt = 0; attempt < 1000; attempt++) {
    // Pairs with the stores of addToCounter
    const carry = readWord(words, carryWord);
    value = readWord(words, lowWord + 1) * 2 ** 32 + readWord(words, lowWord);
    if ((carry & 1) === 0 && readWord(words, carryWord) === carry) break;
  }
  return value;
}

const FENCE = new Int32Array(1);

/**
 * Reads a word that others write, on behalf of an observer. `Atomics.load` will not do: Bun compiles it to a
 * read-modify-write, which crashes on a read-only mapping and disturbs the owner of the line. An atomic access to other
 * memory keeps the engine from merging this read with one before.
 *
 * @param words the memory
 * @param word index of the word
 * @returns the value as uint32
 */
export function readWord(words: Int32Array, word: number): number {
  Atomics.load(FENCE, 0);
  return (words[word] as number) >>> 0;
}
