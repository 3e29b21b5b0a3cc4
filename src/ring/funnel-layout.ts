/**
 * The bytes of a funnel, version 2, as far as they differ from those of a ring with one producer (`layout.ts`): any number of producers up
 * to 64, one consumer, one order for all messages. `docs/ring-layout.md` says the same in words.
 *
 * ```text
 *       0  line 0, as in layout.ts; the kind is 3
 *     128  line 1  | end |                any producer moves it on, by compare-and-exchange
 *     256  line 2  | tail | ... | 288: read | generation |   the consumer writes them
 *     384  line 3  | sleepers lo | sleepers hi |  a bit for each slot: a producer sets its own, the consumer clears and wakes
 *     512  line 4  | consumer's waiter |          0, or the number of its sleep: a producer wakes it, then clears the word
 *     640  line 5  | producers' state | pid | sessions | deaths | present lo | present hi | told |
 *     768  line 6  | consumer state | pid | sessions |
 *     896  line 7  | segment state | ... |
 *    1152  line 9, the consumer's counters, as in layout.ts
 *    1280  64 slots of 128 bytes, each written by the producer that holds the slot
 *          +-----+----------+-------+-------+-------------+-------------+----------+----------+--------+-------+
 *          | pid | sessions | claim | carry | messages lo | messages hi | bytes lo | bytes hi | stalls | wakes |
 *          +-----+----------+-------+-------+-------------+-------------+----------+----------+--------+-------+
 *    9472  control words, one for each 64 bytes of data
 *  header  +----------------------------------------+----------------------------------------+
 *   bytes  | data: `capacity` bytes                 | the same bytes once more               |
 *          +----------------------------------------+----------------------------------------+
 *
 *          control word of the unit where a record begins; the other units of a record keep what they had
 *          +---+-------------------------------------------------+
 *          | 0 | generation, 31 bits                             |   free
 *          +---+---+---+--------------+--------------------------+
 *          | 1 | 0 | 0 | slot, 6 bits | length in bytes, 23 bits |   claimed: its producer writes, or died
 *          | 1 | 0 | 1 |              |                          |   committed: a message
 *          | 1 | 1 | 0 |              |                          |   skipped: given up
 *          +---+---+---+--------------+--------------------------+
 * ```
 *
 * `end`, `tail`, `read` and `claim` count units of 64 bytes since the beginning, modulo 2^32. A record of `length` bytes takes
 * `max(1, ceil(length / 64))` units; it begins with the first byte of its first unit and has no header in the data.
 *
 * Claim rule: one compare-and-exchange of the control word at the end of the chain, from what it was to "claimed", takes the room and says
 * who has it and how much. `end` is a hint that anybody may move on past a record that is there.
 *
 * Publish rule: the payload first, then one sequentially consistent store of "committed".
 */

/** The kind of ring: any number of producers, one consumer. */
export const KIND_FUNNEL = 3;

/** Bytes of data for each control word; records begin at multiples of it. */
export const FUNNEL_UNIT_BYTES = 64;
/** The most producers at a time. */
export const FUNNEL_SLOTS = 64;

/** Line 1: where the next record begins, as far as known; a hint. */
export const FUNNEL_END_OFFSET = 128;
/** Line 2: what the consumer has passed; it frees the control words up to there, and then stores the tail. */
export const FUNNEL_READ_OFFSET = 288;
/** Line 2: what free control words get. It grows with each round of the tail. */
export const FUNNEL_GENERATION_OFFSET = 292;
/** Line 3: two words, a bit for each slot whose producer sleeps. */
export const FUNNEL_SLEEPERS_OFFSET = 384;
/** Line 5: producers that died, as far as somebody noticed. */
export const FUNNEL_DEATHS_OFFSET = 652;
/** Line 5: two words, a bit for each slot whose producer has neither closed nor been buried. */
export const FUNNEL_PRESENT_OFFSET = 656;
/** Line 5: how many deaths receivers were told. */
export const FUNNEL_TOLD_OFFSET = 664;

/** The first slot. */
export const FUNNEL_SLOTS_OFFSET = 1280;
export const FUNNEL_SLOT_BYTES = 128;
export const FROM_SLOT_TO_PID = 0;
export const FROM_SLOT_TO_SESSIONS = 4;
/** Where the producer claims, written before it does. */
export const FROM_SLOT_TO_CLAIM = 8;
export const FROM_SLOT_TO_CARRY = 12;
export const FROM_SLOT_TO_MESSAGES = 16;
export const FROM_SLOT_TO_BYTES = 24;
export const FROM_SLOT_TO_STALLS = 32;
export const FROM_SLOT_TO_WAKES = 36;

/** The first control word. */
export const FUNNEL_CONTROL_OFFSET = 9472;

/** The bits of a control word that say what it is; all of them 0 also when it is free. */
export const CONTROL_STATE: number = 0xe000_0000 | 0;
export const CONTROL_CLAIMED: number = 0x8000_0000 | 0;
export const CONTROL_COMMITTED: number = 0xa000_0000 | 0;
export const CONTROL_SKIPPED: number = 0xc000_0000 | 0;
export const CONTROL_SLOT_SHIFT = 23;
export const CONTROL_LENGTH = 0x007f_ffff;
/** What a generation is counted modulo. */
export const GENERATION_MASK = 0x7fff_ffff;

/** The longest message whatever the capacity, in bytes. */
export const FUNNEL_MOST_BYTES: number = 2 ** 23 - FUNNEL_UNIT_BYTES;

/**
 * Units of a record.
 *
 * @param length bytes, from 0
 */
export function unitsOf(length: number): number {
  return (length + FUNNEL_UNIT_BYTES - 1) >>> 6 || 1;
}

/**
 * Bytes of the longest message: half the capacity, and at most 2^23 - 64.
 *
 * @param capacity bytes of the data
 */
export function funnelLargestPayload(capacity: number): number {
  return Math.min(capacity / 2, FUNNEL_MOST_BYTES);
}
