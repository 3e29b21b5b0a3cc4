/**
 * The queue in which the reactor's thread tells what became ready, in a `SharedArrayBuffer` of 32-bit words:
 *
 * ```
 *   0 head: entries written so far, modulo 2^32. The reactor's thread writes it; the main thread sleeps on it (waitAsync).
 *   1 tail: entries read so far. The main thread writes it; the reactor's thread sleeps on it while the queue is full.
 *   2 entries, {@link QUEUE_ENTRIES} of {@link ENTRY_WORDS} words: descriptor | sequence | events
 * ```
 *
 * An entry is published by the store of the head after it. Since a registration fires once, the queue is full only when so many
 * descriptors became ready while the main thread was busy.
 */
export const HEAD = 0;
export const TAIL = 1;
const ENTRIES = 2;

export const ENTRY_WORDS = 3;
/** A power of two, so that the indices may wrap. */
export const QUEUE_ENTRIES = 256;

export const QUEUE_BYTES: number = 4 * (ENTRIES + QUEUE_ENTRIES * ENTRY_WORDS);

/** Index of the first word of the entry that is written as number `count`. */
export function entryAt(count: number): number {
  return ENTRIES + (count & (QUEUE_ENTRIES - 1)) * ENTRY_WORDS;
}

/** What the reactor's thread is started with. */
export interface ReactorThreadData {
  readonly queue: SharedArrayBuffer;
  readonly epoll: number;
  /** The eventfd in the epoll set that ends the thread; its sequence is {@link STOP_SEQUENCE}. */
  readonly stopper: number;
  /** Longest time to sleep in milliseconds, -1 without limit. */
  readonly longestSleep: number;
}

/** The sequence that no wait ever has. */
export const STOP_SEQUENCE = 0;
