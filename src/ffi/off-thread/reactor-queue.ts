/**
 * The queue in which the reactor's thread says what became ready, in a `SharedArrayBuffer` of 32-bit words:
 *
 * ```
 *   0  head: entries written so far, modulo 2^32. The reactor's thread writes it; the thread that waits sleeps on it (waitAsync).
 *   1  tail: entries read so far. The thread that waits writes it; the reactor's thread sleeps on it while the queue is full.
 *   2  entries: token, low word | token, high word | events
 * ```
 *
 * Storing the head publishes the entries before it. The queue is full only when {@link QUEUE_ENTRIES} descriptors became ready while
 * the thread that waits was busy, since each of them reports once and is then silent.
 */
export const HEAD = 0;
export const TAIL = 1;

/** A power of two, so that the indices may wrap. */
export const QUEUE_ENTRIES = 256;

const ENTRIES = 2;
const ENTRY_WORDS = 3;

export const QUEUE_BYTES: number = 4 * (ENTRIES + QUEUE_ENTRIES * ENTRY_WORDS);

/** Index of the first word of entry number `count`. */
export function entryAt(count: number): number {
  return ENTRIES + (count & (QUEUE_ENTRIES - 1)) * ENTRY_WORDS;
}

/** What the reactor's thread is started with. */
export interface ReactorThreadData {
  readonly queue: SharedArrayBuffer;
  readonly epoll: number;
  /** The eventfd in the epoll set that ends the thread; its token is {@link STOP_TOKEN}. */
  readonly stopper: number;
  /** Longest time to sleep, in milliseconds. */
  readonly longestSleep: number;
}

/** The token that no wait has. */
export const STOP_TOKEN = 0;
