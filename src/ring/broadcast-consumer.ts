/**
 * A reading end of a broadcast. Any number of them read the same memory; none of them is known to the producer, and all that one writes is
 * that somebody sleeps. It knows nothing of locks, names, processes or how to sleep.
 *
 * This file is longer than others for its comments: a consumer reads what the producer may be overwriting, and each access says why that is safe.
 */
import { IpcError } from "../errors.ts";
import { checkState, enterState, readPosition } from "./attach-end.ts";
import { BROADCAST_LARGEST_PART, BROADCAST_RECORD_HEADER_BYTES, FROM_HEAD_TO_SEQUENCE } from "./broadcast-layout.ts";
import { copyInto, copyOut } from "./copy.ts";
import { corrupt } from "./corrupt.ts";
import { readCounter } from "./counter.ts";
import { keepOrder } from "./keep-order.ts";
import {
  CONSUMER_STATE_OFFSET,
  CONSUMER_WAITER_OFFSET,
  FROM_INDEX_TO_CARRY,
  FROM_INDEX_TO_MESSAGES,
  HEAD_OFFSET,
  KIND_BROADCAST,
  PRODUCER_STATE_OFFSET,
  RECORD_ALIGNMENT,
  STATE_CLOSED,
  TAIL_OFFSET,
} from "./layout.ts";
import { loadIndex } from "./load-index.ts";
import type { RingMemory } from "./ring-memory.ts";
import type { WaitMode } from "./waiter.ts";

/** How a {@link BroadcastConsumer} works. */
export interface BroadcastConsumerOptions {
  /** Where to begin: with the oldest message that is still there (the default), or with the next one to be sent. */
  from?: "oldest" | "now";
  /** Bytes of the largest message that `tryPop` and `popInto` accept; 2^30 by default. They drop a larger one. */
  maxMessageBytes?: number;
  /** The process id to write into the header; 0, the default, if there is none. */
  pid?: number;
}

/** How often something is tried again that only a producer can disturb that is very fast, or broken. */
const MOST_TRIES = 1000;

const NOTHING = -1;

/**
 * A reading end of a broadcast: each one gets every message, in order, unless the producer overwrites it first. Then the consumer goes on
 * with the oldest message that is still whole, which loses least, and `missed` says how many were lost. Nothing here waits.
 *
 * @example What was missed is counted
 * ```ts
 * import { allocateRing, BroadcastConsumer, BroadcastProducer, KIND_BROADCAST } from "millrace/ring";
 *
 * const memory = allocateRing(4096, KIND_BROADCAST);
 * const producer = new BroadcastProducer(memory, { wake() {} });
 * const consumer = new BroadcastConsumer(memory);
 * for (let i = 0; i < 100; i++) producer.tryPush(new Uint8Array(100).fill(i));
 * let received = 0;
 * while (consumer.tryPop() !== undefined) received++;
 * console.log(received + consumer.missed);
 * // Output:
 * // 100
 * ```
 */
export class BroadcastConsumer {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #name: string | undefined;
  readonly #maxMessageBytes: number;
  readonly #capacity: number;
  readonly #mask: number;
  readonly #largestPayload: number;
  readonly #data: number;
  readonly #headWord: number;
  readonly #tailWord: number;
  readonly #waiterWord: number;
  readonly #peerStateWord: number;

  // Indices and sequences are int32 here, so that they stay small integers; only differences are looked at
  #head: number;
  #at: number;
  #sequenceLow = 0;
  #sequenceHigh = 0;
  /** False until the sequence of the next message is known, which it nearly always is from the beginning. */
  #knowsSequence = false;
  #missed = 0;
  #looks = 0;
  #closed = false;

  /**
   * Joins a broadcast.
   *
   * @param memory the broadcast's memory
   * @param options see {@link BroadcastConsumerOptions}
   * @throws {RangeError} if the memory or an option does not fit
   * @throws {IpcError} `IPC_CORRUPT` if the header or an index is wrong
   */
  constructor(memory: RingMemory, options: BroadcastConsumerOptions = {}) {
    const { words, bytes, offset, capacity, name } = memory;
    const { from = "oldest", maxMessageBytes = 2 ** 30, pid = 0 } = options;
    if (!Number.isInteger(maxMessageBytes) || maxMessageBytes < 0) {
      throw new RangeError(`Cannot limit messages to ${maxMessageBytes} bytes: an integer from 0 would be right`);
    }
    const { data } = readPosition(memory, KIND_BROADCAST, false);
    this.#words = words;
    this.#bytes = bytes;
    this.#name = name;
    this.#maxMessageBytes = maxMessageBytes;
    this.#capacity = capacity;
    this.#mask = capacity - 1;
    this.#largestPayload = capacity / BROADCAST_LARGEST_PART - BROADCAST_RECORD_HEADER_BYTES;
    this.#data = data;
    this.#headWord = (offset + HEAD_OFFSET) >>> 2;
    this.#tailWord = (offset + TAIL_OFFSET) >>> 2;
    this.#waiterWord = (offset + CONSUMER_WAITER_OFFSET) >>> 2;
    this.#peerStateWord = (offset + PRODUCER_STATE_OFFSET) >>> 2;
    this.#head = 0;
    this.#at = 0;
    this.#readPosition();
    if (from === "oldest") this.#beginWithOldest();
    else this.#join();
    enterState(words, (offset + CONSUMER_STATE_OFFSET) >>> 2, pid);
  }

  /** Messages that were overwritten before this consumer had read them. Known when the next message is read. */
  get missed(): number {
    return this.#missed;
  }

  /** Bytes of records that lie in front of this consumer, as far as they are not overwritten; at most the capacity. */
  get available(): number {
    // Pairs with the store in broadcast-producer.ts flush
    return Math.min((loadIndex(this.#words, this.#headWord) - this.#at) >>> 0, this.#capacity);
  }

  /**
   * What the producer's end says of itself: 0 never attached, 1 attached, 2 closed.
   *
   * @throws {IpcError} `IPC_CORRUPT` if it is none of these
   */
  get peerState(): number {
    // Pairs with the stores in enterState and broadcast-producer.ts close
    return checkState(this.#name, loadIndex(this.#words, this.#peerStateWord));
  }

  /**
   * Whether the producer has closed and everything is read.
   *
   * @throws {IpcError} `IPC_CORRUPT` if the producer's state is wrong
   */
  get ended(): boolean {
    // The state first: after a closed state the head does not move any more
    return this.peerState === STATE_CLOSED && this.available === 0;
  }

  /**
   * Takes the next message, as a copy.
   *
   * @returns the message, or `undefined` if none is there
   * @throws {IpcError} `IPC_TOO_LARGE` if the message passes `maxMessageBytes`; it is dropped, the next call goes on.
   *   `IPC_CORRUPT` if a word or a record is wrong; every further call says so again. `IPC_CLOSED` after `close()`
   */
  tryPop(): Uint8Array<ArrayBuffer> | undefined {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const length = this.#look();
      if (length === NOTHING) return undefined;
      // A copy of what may be overwritten meanwhile: the length was checked, so nothing outside of the data is read, and #accept throws
      // the bytes away unless they were whole
      const message = copyOut(this.#words, this.#bytes, this.#payload(), length);
      if (this.#accept(length)) return message;
    }
    return undefined;
  }

  /**
   * Takes the next message into a given array, which allocates nothing.
   *
   * @param target where the bytes go; after an error, or -1, its content is undefined
   * @param start index in `target` of the first byte
   * @returns the message's size in bytes, or -1 if none is there
   * @throws {RangeError} if the message does not fit; it stays the next one
   * @throws {IpcError} as `tryPop`
   */
  popInto(target: Uint8Array, start = 0): number {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const length = this.#look();
      if (length === NOTHING) return -1;
      if (!Number.isInteger(start) || start < 0 || start + length > target.length) {
        // The length may be that of a record that is being overwritten
        if (!this.#isWhole()) continue;
        throw new RangeError(`Cannot pop ${length} bytes to index ${start} of an array of ${target.length} bytes`);
      }
      copyInto(this.#words, this.#bytes, this.#payload(), target, start, length);
      if (this.#accept(length)) return length;
    }
    return -1;
  }

  /**
   * One look before sleeping, for a caller that spins a little: cheap, and without side effects. A plain look, except for each 16th, see
   * the note on polling in docs/ring-layout.md.
   *
   * @returns true if there is something to read or the producer has closed, so that `prepareWait` would say false
   */
  poll(): boolean {
    const words = this.#words;
    if ((++this.#looks & 15) !== 0) return words[this.#headWord] !== this.#at;
    // Pair with the stores in broadcast-producer.ts flush and close
    return loadIndex(words, this.#headWord) !== this.#at || loadIndex(words, this.#peerStateWord) === STATE_CLOSED;
  }

  /**
   * Announces that this end is about to sleep until there is something to read.
   *
   * @param mode 2: until the bell rings, the only way
   * @returns true if it may sleep; false if there is something to read, or if the producer has closed
   */
  prepareWait(mode: WaitMode): boolean {
    const words = this.#words;
    // Pairs with the loads in broadcast-producer.ts flush and close: that one sees this word, or the loads below see its store
    Atomics.store(words, this.#waiterWord, mode);
    // Pair with the stores in broadcast-producer.ts flush and close. The waiter word stays as it is, since others may sleep: that costs
    // the producer one wake too many
    return (
      Atomics.load(words, this.#headWord) === this.#at && Atomics.load(words, this.#peerStateWord) !== STATE_CLOSED
    );
  }

  /** Ends a wait. There is nothing to take back: the waiter word may be somebody else's as well. */
  cancelWait(): boolean {
    return false;
  }

  /** Gives up this end, which nobody else notices. Idempotent. */
  close(): void {
    this.#closed = true;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Finds the next record.
   *
   * @returns its length, which is in range but may be that of a record that is being overwritten; -1 if there is none
   */
  #look(): number {
    if (this.#closed) {
      throw new IpcError(
        "IPC_CLOSED",
        `Cannot receive from broadcast ${JSON.stringify(this.#name ?? "")}: this end is closed`,
      );
    }
    const words = this.#words;
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      if (this.#at === this.#head) {
        // Pairs with the store in broadcast-producer.ts flush: all records before it can be read
        const head = loadIndex(words, this.#headWord);
        if (head === this.#at) return NOTHING;
        this.#head = head;
        if (head % RECORD_ALIGNMENT !== 0) throw corrupt(this.#name, "head (byte 128)", head >>> 0, "a multiple of 16");
        // Further ahead than the ring is large: this consumer was overtaken
        if ((head - this.#at) >>> 0 > this.#capacity) {
          this.#readPosition();
          continue;
        }
      }
      // Read once, plainly: it races with the producer if that has overtaken this consumer, and then #isWhole says so
      const length = (words[(this.#data + (this.#at & this.#mask)) >>> 2] as number) >>> 0;
      if (length <= this.#largestPayload && length <= this.#maxMessageBytes) return length;
      if (!this.#isWhole()) continue;
      if (length > this.#largestPayload) {
        throw corrupt(this.#name, "the length of a record", length, `at most ${this.#largestPayload}`);
      }
      if (!this.#accept(length)) continue;
      throw new IpcError(
        "IPC_TOO_LARGE",
        `A message of broadcast ${JSON.stringify(this.#name ?? "")} has ${length} bytes, and this end takes ${this.#maxMessageBytes}: it was dropped`,
      );
    }
    return NOTHING;
  }

  /** Byte offset of the payload of the next record. */
  #payload(): number {
    return this.#data + (this.#at & this.#mask) + BROADCAST_RECORD_HEADER_BYTES;
  }

  /**
   * After the next record was used: says whether it was whole all the time, and then goes on behind it.
   *
   * @throws {IpcError} `IPC_CORRUPT` if it was whole and wrong
   */
  #accept(length: number): boolean {
    const words = this.#words;
    const word = (this.#data + (this.#at & this.#mask)) >>> 2;
    // After the payload: when 2^32 bytes went by while it was copied, the tail looks right again, but another record lies here
    keepOrder();
    const lengthAgain = (words[word] as number) >>> 0;
    const flags = words[word + 1] as number;
    const low = words[word + 2] as number;
    const high = words[word + 3] as number;
    if (!this.#isWhole()) return false;
    // Whole now. It was whole while the payload was copied, too, if the sequence is the one expected, since that never comes again. If it
    // is a later one, 2^32 bytes may have gone by during the copy: take the sequence, and copy again
    if (lengthAgain !== length) {
      if (this.#knowsSequence && this.#distance(low, high) === 0) {
        throw corrupt(this.#name, "the length of a record, looked at again,", lengthAgain, String(length));
      }
      return false;
    }
    if (flags !== 0) throw corrupt(this.#name, "the flags of a record", flags >>> 0, "0");
    const size = (BROADCAST_RECORD_HEADER_BYTES + length + RECORD_ALIGNMENT - 1) & -RECORD_ALIGNMENT;
    if (size > (this.#head - this.#at) >>> 0) {
      throw corrupt(
        this.#name,
        "the size of a record",
        size,
        `at most ${(this.#head - this.#at) >>> 0}, up to the head`,
      );
    }
    if (!this.#knowsSequence || this.#distance(low, high) !== 0) {
      this.#countMissed(low, high);
      return false;
    }
    this.#sequenceLow = (low + 1) | 0;
    if (this.#sequenceLow === 0) this.#sequenceHigh = (high + 1) | 0;
    this.#at = (this.#at + size) | 0;
    return true;
  }

  /** Takes the sequence of the record at hand for the one expected, and what lies in between for missed. */
  #countMissed(low: number, high: number): void {
    if (this.#knowsSequence) {
      const missed = this.#distance(low, high);
      // Sequences only grow, so a broken producer cannot keep a consumer here: 2^53 is more than it can send
      if (missed < 0 || missed > Number.MAX_SAFE_INTEGER) {
        const expected = (this.#sequenceHigh >>> 0) * 2 ** 32 + (this.#sequenceLow >>> 0);
        throw corrupt(
          this.#name,
          "the sequence of a record",
          (high >>> 0) * 2 ** 32 + (low >>> 0),
          `${expected} or more`,
        );
      }
      this.#missed += missed;
    }
    this.#sequenceLow = low;
    this.#sequenceHigh = high;
    this.#knowsSequence = true;
  }

  /** How far a sequence is ahead of the one expected. */
  #distance(low: number, high: number): number {
    return ((high >>> 0) - (this.#sequenceHigh >>> 0)) * 2 ** 32 + ((low >>> 0) - (this.#sequenceLow >>> 0));
  }

  /** Whether the producer has left the next record alone until now. If not, this consumer goes to the oldest one that is whole. */
  #isWhole(): boolean {
    // What was read of the record stays in front of the load of the tail. If the producer had written one of the bytes read, it had stored a
    // tail behind the record before, and that one is seen here. Pairs with the store in broadcast-producer.ts #giveUpOldest
    keepOrder();
    const tail = loadIndex(this.#words, this.#tailWord);
    if ((this.#at - tail) >>> 0 <= this.#capacity) return true;
    this.#readPosition();
    return false;
  }

  /** Goes to the oldest record that is whole. */
  #readPosition(): void {
    const words = this.#words;
    for (let tries = 0; ; tries++) {
      // Pair with the stores in broadcast-producer.ts #giveUpOldest and flush
      const tail = loadIndex(words, this.#tailWord);
      const head = loadIndex(words, this.#headWord);
      // The same tail twice: both belonged together when the head was loaded
      if (loadIndex(words, this.#tailWord) !== tail && tries < MOST_TRIES) continue;
      const used = (head - tail) >>> 0;
      if (tail % RECORD_ALIGNMENT !== 0) throw corrupt(this.#name, "tail (byte 256)", tail >>> 0, "a multiple of 16");
      if (head % RECORD_ALIGNMENT !== 0) throw corrupt(this.#name, "head (byte 128)", head >>> 0, "a multiple of 16");
      if (used > this.#capacity) {
        throw corrupt(this.#name, "the distance from tail to head", used, `at most the capacity of ${this.#capacity}`);
      }
      this.#at = tail;
      this.#head = head;
      return;
    }
  }

  /** Notes which message the oldest one is, so that what is missed from now on can be told. */
  #beginWithOldest(): void {
    const words = this.#words;
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      if (this.#at === this.#head) {
        this.#join();
        return;
      }
      const word = (this.#data + (this.#at & this.#mask)) >>> 2;
      this.#sequenceLow = words[word + 2] as number;
      this.#sequenceHigh = words[word + 3] as number;
      // As for any record: read first, then asked whether it was whole
      if (!this.#isWhole()) continue;
      this.#knowsSequence = true;
      return;
    }
  }

  /** Goes behind the last message that was sent. */
  #join(): void {
    const words = this.#words;
    const messagesWord = this.#headWord + (FROM_INDEX_TO_MESSAGES >> 2);
    const carryWord = this.#headWord + (FROM_INDEX_TO_CARRY >> 2);
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      // The producer stores the messages, then the head, then the sequence; they are read the other way round. The same number on both sides
      // of the head says that this was the head behind so many messages
      const sequence = loadIndex(words, this.#headWord + (FROM_HEAD_TO_SEQUENCE >> 2));
      const head = loadIndex(words, this.#headWord);
      const messages = readCounter(words, messagesWord, carryWord);
      this.#head = head;
      this.#at = head;
      if ((messages | 0) !== sequence) continue;
      this.#sequenceLow = sequence;
      this.#sequenceHigh = Math.floor(messages / 2 ** 32) | 0;
      this.#knowsSequence = true;
      break;
    }
    // Otherwise the producer died in between, and there will be no message; or it is broken
    if (this.#head % RECORD_ALIGNMENT !== 0) {
      throw corrupt(this.#name, "head (byte 128)", this.#head >>> 0, "a multiple of 16");
    }
  }
}
