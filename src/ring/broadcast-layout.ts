/**
 * The bytes of a broadcast ring, version 2, as far as they differ from those of a ring with one consumer (`layout.ts`):
 * one producer, any number of consumers, and the producer waits for none of them. `docs/broadcast.md` says the same in words.
 *
 * ```text
 *       0  line 0, as in layout.ts; the kind is 2
 *     128  line 1  | head | ... | 152: sequence |   the producer writes it
 *     256  line 2  | tail |               the producer writes this one too
 *     384  line 3  reserved: the producer never sleeps
 *     512  line 4  | consumers' waiter |  any consumer sets it, the producer clears it and wakes all of them
 *     640  line 5  | producer state | pid | sessions |   the producer, while it holds the role; sessions is 0 or 1
 *     768  line 6  | consumer state | pid | sessions |   the consumer that came last, under the setup lock
 *     896  line 7  | segment state |
 *    1024  line 8  | 0 | carry | messages lo | messages hi | bytes lo | bytes hi | 0 | wakes |   the producer writes it
 *  header  +----------------------------------------+----------------------------------------+
 *   bytes  | data: `capacity` bytes                 | the same bytes once more               |
 *          +----------------------------------------+----------------------------------------+
 *
 *          record, at a multiple of 16 in the data
 *          +--------+-------+-------------+-------------+--------------- - - ---+------------------+
 *          | length | flags | sequence lo | sequence hi | `length` bytes        | padding up to 16 |
 *          +--------+-------+-------------+-------------+--------------- - - ---+------------------+
 * ```
 *
 * Publish rule: **the tail is moved past a record before the first byte of it is overwritten**, and the head is moved past a record after
 * its last byte is written. So what a consumer has copied from index `p` is whole if `tail <= p` still holds after copying.
 */

/** Bytes of length, flags and sequence before the payload. */
export const BROADCAST_RECORD_HEADER_BYTES = 16;
/** From the head to the low word of the number of messages that lie before it; stored after the head. */
export const FROM_HEAD_TO_SEQUENCE = 24;
/** The largest record is this part of the capacity, its header included. */
export const BROADCAST_LARGEST_PART = 4;
/** The producer gives up old records so much at a time, so that the tail moves seldom. */
export const BROADCAST_ROOM_PART = 8;
