/**
 * The bytes of a ring, version 2: offsets, constants, and nothing that runs.
 * `docs/ring-layout.md` says the same in words, for those who write a peer in another language.
 *
 * Every word is a little-endian uint32. Offsets are in bytes from the start of the segment.
 *
 * ```text
 *       0  line 0, constant once the magic is there; written by the creator
 *          +-------+---------+--------------+----------+------+-------+-------------+----------+
 *          | magic | version | header bytes | capacity | kind | flags | creator pid | reserved |
 *          +-------+---------+--------------+----------+------+-------+-------------+----------+
 *     128  line 1  | head | ... | 160: oldest, of a kept ring only |   the producer writes them
 *     256  line 2  | tail |   the consumer writes it
 *     384  line 3  | producer's waiter |   the producer sets it, the consumer clears it and wakes the producer
 *     512  line 4  | consumer's waiter |   the consumer sets it, the producer clears it and wakes the consumer
 *     640  line 5  | producer state | pid | sessions |   the producer, while it holds the role
 *     768  line 6  | consumer state | pid | sessions |   the consumer, while it holds the role
 *     896  line 7  | segment state | ... | 912: four words for the owner |   either, under the setup lock
 *    1024  line 8, the producer writes
 *          +---+-------+-------------+-------------+----------+----------+--------+-------+
 *          | 0 | carry | messages lo | messages hi | bytes lo | bytes hi | stalls | wakes |
 *          +---+-------+-------------+-------------+----------+----------+--------+-------+
 *    1152  line 9, the same of the consumer
 *  header  +----------------------------------------+----------------------------------------+
 *   bytes  | data: `capacity` bytes                 | the same bytes once more               |
 *          +----------------------------------------+----------------------------------------+
 *
 *          record, at a multiple of 16 in the data
 *          +--------+-------+------------------- - - ---+------------------+
 *          | length | flags | `length` bytes of payload | padding up to 16 |
 *          +--------+-------+------------------- - - ---+------------------+
 * ```
 *
 * Publish rule: payload and record header first, then one sequentially consistent store of the head makes them visible;
 * one store of the tail, after the last use of the bytes, gives their space back.
 */

/** `MLRC` in memory order. */
export const MAGIC = 0x4352_4c4d;
export const VERSION = 2;
/** The kind of ring: one producer, one consumer. */
export const KIND_SPSC = 1;
/** Another kind: one producer, any number of consumers, none of which it waits for; see `broadcast-layout.ts`. */
export const KIND_BROADCAST = 2;
/** One producer, one consumer, and what was released stays readable until its room is needed; see {@link OLDEST_OFFSET}. */
export const KIND_KEPT = 4;

/** Header size where pages have 4,096 bytes; on machines with larger pages it is the page size. */
export const MIN_HEADER_BYTES = 4096;
export const MAX_HEADER_BYTES = 65_536;
export const MIN_CAPACITY = 4096;
export const MAX_CAPACITY = 2 ** 28;

// Line 0
export const MAGIC_OFFSET = 0;
export const VERSION_OFFSET = 4;
export const HEADER_BYTES_OFFSET = 8;
export const CAPACITY_OFFSET = 12;
export const KIND_OFFSET = 16;
export const FLAGS_OFFSET = 20;
export const CREATOR_PID_OFFSET = 24;

// Lines 1 and 2, the indices, and lines 8 and 9, the counters of who moves them. What the other side polls has a line of its own: with the
// counters beside it each message took the line back and forth once more.
export const HEAD_OFFSET = 128;
export const TAIL_OFFSET = 256;
export const FROM_INDEX_TO_CARRY: number = 896 + 4;
export const FROM_INDEX_TO_MESSAGES: number = 896 + 8;
export const FROM_INDEX_TO_BYTES: number = 896 + 16;
export const FROM_INDEX_TO_STALLS: number = 896 + 24;
export const FROM_INDEX_TO_WAKES: number = 896 + 28;
/**
 * Line 1 of a kept ring: the oldest record that is still whole, at most the tail. The producer moves it on before it overwrites the first byte
 * behind it, and only under a lock under which a consumer may set the tail back to it.
 */
export const OLDEST_OFFSET = 160;

// Lines 3 and 4
export const PRODUCER_WAITER_OFFSET = 384;
export const CONSUMER_WAITER_OFFSET = 512;

// Lines 5 and 6: the state, then pid and sessions at the same distances from it
export const PRODUCER_STATE_OFFSET = 640;
export const CONSUMER_STATE_OFFSET = 768;
export const FROM_STATE_TO_PID = 4;
export const FROM_STATE_TO_SESSIONS = 8;

// Line 7
export const SEGMENT_STATE_OFFSET = 896;
/** Four words that the ring itself does not use, for what stands above it; written under the setup lock. */
export const OWNER_WORDS_OFFSET = 912;

/** A waiter word: its owner is awake. */
export const AWAKE = 0;
/** A waiter word: its owner sleeps in futex(2) on the word itself. */
export const WAIT_FUTEX = 1;
/** A waiter word: its owner sleeps until its bell rings. */
export const WAIT_BELL = 2;

/** A state word: no process ever took this end. */
export const STATE_NEVER = 0;
/** A state word: a process took this end and has not closed it (the role lock tells whether it lives). */
export const STATE_ATTACHED = 1;
/** A state word: the last process at this end closed it. */
export const STATE_CLOSED = 2;

/** The segment state: in use. */
export const SEGMENT_LIVE = 0;
/** The segment state: its name was removed. */
export const SEGMENT_REMOVED = 1;
/** The segment state: its name leads to a newer segment. */
export const SEGMENT_SUPERSEDED = 2;

/** Records begin at multiples of this. */
export const RECORD_ALIGNMENT = 16;
/** Bytes of length and flags before the payload. */
export const RECORD_HEADER_BYTES = 8;
/** Record flag: the message goes on in the next record. */
export const FLAG_MORE = 1;
/** Record flag: the record goes on with the message of the record before. A message of one record has flags 0. */
export const FLAG_CONTINUED = 2;
