/**
 * One of the writing ends of a funnel. It knows nothing of locks, names, processes or how to sleep: whoever makes a `FunnelProducer` holds
 * the slot, alone, and parks between `prepareWait` and `cancelWait`. `funnel-layout.ts` has the rules that make it safe.
 */
import { IpcError } from "../errors.ts";
import { checkState, readPosition } from "./attach-end.ts";
import { type Copier, ViewCopier } from "./copier.ts";
import { corrupt } from "./corrupt.ts";
import { addToCounter } from "./counter.ts";
import {
  CONTROL_CLAIMED,
  CONTROL_COMMITTED,
  CONTROL_LENGTH,
  CONTROL_SKIPPED,
  CONTROL_SLOT_SHIFT,
  CONTROL_STATE,
  FROM_SLOT_TO_BYTES,
  FROM_SLOT_TO_CARRY,
  FROM_SLOT_TO_CLAIM,
  FROM_SLOT_TO_MESSAGES,
  FROM_SLOT_TO_PID,
  FROM_SLOT_TO_SESSIONS,
  FROM_SLOT_TO_STALLS,
  FROM_SLOT_TO_WAKES,
  FUNNEL_CONTROL_OFFSET,
  FUNNEL_END_OFFSET,
  FUNNEL_PRESENT_OFFSET,
  FUNNEL_READ_OFFSET,
  FUNNEL_SLEEPERS_OFFSET,
  FUNNEL_SLOT_BYTES,
  FUNNEL_SLOTS,
  FUNNEL_SLOTS_OFFSET,
  FUNNEL_UNIT_BYTES,
  funnelLargestPayload,
  KIND_FUNNEL,
  unitsOf,
} from "./funnel-layout.ts";
import { keepOrder } from "./keep-order.ts";
import {
  AWAKE,
  CONSUMER_STATE_OFFSET,
  CONSUMER_WAITER_OFFSET,
  FROM_STATE_TO_PID,
  FROM_STATE_TO_SESSIONS,
  PRODUCER_STATE_OFFSET,
  STATE_ATTACHED,
  STATE_CLOSED,
  TAIL_OFFSET,
} from "./layout.ts";
import { loadAfterStore, loadIndex } from "./load-index.ts";
import type { RingMemory } from "./ring-memory.ts";

/** How a {@link FunnelProducer} works. */
export interface FunnelProducerOptions {
  /** The process id to write into the header; 0, the default, if there is none. */
  pid?: number;
}

/** What a {@link FunnelProducer} needs from outside: a way to wake the consumer. */
export interface FunnelConsumerWaker {
  /** Wakes the consumer, which has said that it sleeps. Others may do so at the same time, and it may be awake again: that must do no harm. */
  wake(): void;
}

// What #claimed holds when it is no length
const NOTHING = -1;
const CLOSED = -2;

/** A producer that fails so often has others pushing like mad, or a memory into which somebody writes at random. */
const MOST_TRIES = 10_000;

/**
 * One of the writing ends of a funnel: whole messages by `tryPush`, or in place by `tryClaim` and `commit`. Nothing here waits or
 * allocates, and no producer waits for another one: one that dies between claiming and committing leaves room that the consumer passes over.
 *
 * @example Two writers, one reader
 * ```ts
 * import { allocateRing, FunnelConsumer, FunnelProducer, KIND_FUNNEL } from "millrace/ring";
 *
 * const memory = allocateRing(4096, KIND_FUNNEL);
 * const consumer = new FunnelConsumer(memory, { wake() {} });
 * const writers = [0, 1].map((slot) => new FunnelProducer(memory, slot, { wake() {} }));
 * for (const writer of writers) writer.tryPush(new Uint8Array([writer.slot]));
 * console.log(consumer.tryPop()?.[0], consumer.tryPop()?.[0], consumer.tryPop());
 * // Output:
 * // 0 1 undefined
 * ```
 */
export class FunnelProducer {
  /** The buffer that claims point into. */
  readonly bytes: Uint8Array;
  /** Bytes of the largest message: half the capacity, at most 2^23 - 64. */
  readonly largestPayload: number;
  /** Which of the 64 slots it has. */
  readonly slot: number;
  /** The fastest way to copy a payload to the place that a claim names. */
  readonly copier: Copier;

  readonly #words: Int32Array;
  readonly #waker: FunnelConsumerWaker;
  readonly #name: string | undefined;
  readonly #units: number;
  readonly #data: number;
  readonly #control: number;
  readonly #endWord: number;
  readonly #tailWord: number;
  readonly #readWord: number;
  readonly #sleepersWord: number;
  readonly #presentWord: number;
  readonly #bit: number;
  readonly #waiterWord: number;
  readonly #slotWord: number;
  readonly #peerStateWord: number;

  // Indices are int32 here, so that they stay small integers; only differences are looked at
  #at = 0;
  #claimed = NOTHING;
  #stalled = false;
  /** The tail, and the units wanted, when there was no room. */
  #fullTail = 0;
  #wanted = 0;
  #looks = 0;

  /**
   * Takes a slot. What its last producer had claimed and not committed is given up; what it had committed arrives.
   *
   * @param memory the funnel's memory
   * @param slot from 0 to 63; nobody else has it
   * @param waker wakes the consumer
   * @param options see {@link FunnelProducerOptions}
   * @throws {RangeError} if the memory or the slot does not fit
   * @throws {IpcError} `IPC_CORRUPT` if the header is wrong
   */
  constructor(memory: RingMemory, slot: number, waker: FunnelConsumerWaker, options: FunnelProducerOptions = {}) {
    const { words, bytes, offset, capacity, name } = memory;
    const { pid = 0 } = options;
    const { data } = readPosition(memory, KIND_FUNNEL, false);
    if (!Number.isInteger(slot) || slot < 0 || slot >= FUNNEL_SLOTS) {
      throw new RangeError(`Cannot take slot ${slot}: an integer from 0 to ${FUNNEL_SLOTS - 1} would be right`);
    }
    this.bytes = bytes;
    this.largestPayload = funnelLargestPayload(capacity);
    this.slot = slot;
    this.#words = words;
    this.copier = memory.copier ?? new ViewCopier(memory);
    this.#waker = waker;
    this.#name = name;
    this.#units = capacity / FUNNEL_UNIT_BYTES;
    this.#data = data;
    this.#control = (offset + FUNNEL_CONTROL_OFFSET) >>> 2;
    this.#endWord = (offset + FUNNEL_END_OFFSET) >>> 2;
    this.#tailWord = (offset + TAIL_OFFSET) >>> 2;
    this.#readWord = (offset + FUNNEL_READ_OFFSET) >>> 2;
    this.#sleepersWord = ((offset + FUNNEL_SLEEPERS_OFFSET) >>> 2) + (slot >>> 5);
    this.#presentWord = ((offset + FUNNEL_PRESENT_OFFSET) >>> 2) + (slot >>> 5);
    this.#bit = 1 << (slot & 31);
    this.#waiterWord = (offset + CONSUMER_WAITER_OFFSET) >>> 2;
    this.#slotWord = (offset + FUNNEL_SLOTS_OFFSET + slot * FUNNEL_SLOT_BYTES) >>> 2;
    this.#peerStateWord = (offset + CONSUMER_STATE_OFFSET) >>> 2;
    this.#giveUpClaim();
    this.#enter((offset + PRODUCER_STATE_OFFSET) >>> 2, pid);
  }

  /** Bytes of the funnel that are free, about: others may take them. A message of n bytes takes n, rounded up to 64, and at least 64. */
  get free(): number {
    const used = (loadIndex(this.#words, this.#endWord) - loadIndex(this.#words, this.#tailWord)) >>> 0;
    return (this.#units - Math.min(used, this.#units)) * FUNNEL_UNIT_BYTES;
  }

  /**
   * What the consumer's end says of itself: 0 never attached, 1 attached, 2 closed.
   *
   * @throws {IpcError} `IPC_CORRUPT` if it is none of these
   */
  get peerState(): number {
    // Pairs with the stores in enterState and funnel-consumer.ts close
    return checkState(this.#name, loadIndex(this.#words, this.#peerStateWord));
  }

  /**
   * Whether the consumer has closed.
   *
   * @throws {IpcError} `IPC_CORRUPT` as `peerState`
   */
  get peerClosed(): boolean {
    return this.peerState === STATE_CLOSED;
  }

  /**
   * Sends a message, or nothing.
   *
   * @param message the bytes; they may be reused when this returns
   * @returns false if the funnel has no room for it now
   * @throws {TypeError} while bytes are claimed
   * @throws {IpcError} `IPC_TOO_LARGE` if it is longer than `largestPayload`; `IPC_CLOSED` after `close()`; `IPC_CORRUPT` if a word that
   *   another end writes is wrong
   */
  tryPush(message: Uint8Array): boolean {
    const { length } = message;
    if (!this.#reserve(length)) return false;
    this.copier.copyIn(this.#payload(), message, length);
    this.#publish(CONTROL_COMMITTED, length);
    return true;
  }

  /**
   * Claims room for a message, to be written in place: bytes `offset` to `offset + length - 1` of `bytes`, which hold old data. Messages of
   * other producers that are claimed later wait behind it, so commit or abort soon.
   *
   * @param length the largest size that the message may get, in bytes
   * @returns the byte offset, a multiple of 64, or -1 if the funnel has no room for it now
   * @throws as `tryPush`, and `RangeError` if `length` is no whole number from 0
   */
  tryClaim(length: number): number {
    if (!Number.isInteger(length) || length < 0) {
      throw new RangeError(`Cannot claim ${length} bytes: an integer from 0 to ${this.largestPayload} would be right`);
    }
    if (!this.#reserve(length)) return -1;
    this.#claimed = length;
    return this.#payload();
  }

  /**
   * Sends the first `length` bytes of the claim, by default all of them.
   *
   * @throws {TypeError} if nothing is claimed
   * @throws {RangeError} if it is more than was claimed; the claim stays
   */
  commit(length: number = this.#claimed): void {
    if (this.#claimed < 0) throw new TypeError("Cannot commit: nothing is claimed, tryClaim() comes first");
    if (!Number.isInteger(length) || length < 0 || length > this.#claimed) {
      throw new RangeError(`Cannot commit ${length} bytes: an integer from 0 to ${this.#claimed} would be right`);
    }
    const used = unitsOf(length);
    const rest = unitsOf(this.#claimed) - used;
    this.#claimed = NOTHING;
    if (rest > 0) {
      // nobody gets there before the commit, and whoever passes over the whole claim frees this word, too
      const restWord = this.#control + ((this.#at + used) & (this.#units - 1));
      this.#words[restWord] = CONTROL_SKIPPED | (rest * FUNNEL_UNIT_BYTES - 1);
    }
    this.#publish(CONTROL_COMMITTED, length);
  }

  /** Gives the claim up; nothing is sent. Does nothing without one. */
  abort(): void {
    if (this.#claimed < 0) return;
    const length = this.#claimed;
    this.#claimed = NOTHING;
    this.#publish(CONTROL_SKIPPED, length);
  }

  /**
   * One look before sleeping, for a caller that spins a little: cheap, and without side effects. A plain look, except for each 16th, see
   * the note on polling in docs/ring-layout.md.
   *
   * @returns true if the consumer has moved since there was no room, or has closed, so that `prepareWait` would say false
   */
  poll(): boolean {
    if (!this.#stalled) return true;
    const words = this.#words;
    if ((++this.#looks & 15) !== 0) return words[this.#tailWord] !== this.#fullTail;
    // Pair with the stores in funnel-consumer.ts flush and close
    return (
      loadIndex(words, this.#tailWord) !== this.#fullTail || loadIndex(words, this.#peerStateWord) === STATE_CLOSED
    );
  }

  /**
   * Announces that this end is about to sleep until there is room.
   *
   * @param _mode 2: until its bell rings, the only way
   * @returns true if it may sleep, and then calls `cancelWait()` when awake; false if there may be room: try again instead
   * @throws {IpcError} `IPC_CLOSED` after `close()`
   */
  prepareWait(_mode?: number): boolean {
    if (this.#claimed === CLOSED) this.#refuse();
    if (!this.#stalled) return false;
    const words = this.#words;
    // Pairs with the loads in funnel-consumer.ts flush and close: that one sees this bit, or the loads below see its store
    Atomics.or(words, this.#sleepersWord, this.#bit);
    // Pair with the stores in funnel-consumer.ts flush and close
    const tail = Atomics.load(words, this.#tailWord);
    const end = Atomics.load(words, this.#endWord);
    const used = (end - tail) >>> 0;
    if (
      used <= this.#units &&
      used + this.#wanted > this.#units &&
      Atomics.load(words, this.#peerStateWord) !== STATE_CLOSED
    ) {
      return true;
    }
    this.cancelWait();
    return false;
  }

  /**
   * Ends a wait, whoever ended it.
   *
   * @returns true if the consumer has taken the wait up: its wake has come or is about to come
   */
  cancelWait(): boolean {
    // Pairs with the exchange in funnel-consumer.ts #wakeProducers
    return (Atomics.and(this.#words, this.#sleepersWord, ~this.#bit) & this.#bit) === 0;
  }

  /** Gives an open claim up, says that this end is closed and wakes the consumer. Closing again does nothing. */
  close(): void {
    if (this.#claimed === CLOSED) return;
    try {
      this.abort();
    } finally {
      this.#claimed = CLOSED;
      // Pairs with the loads in funnel-consumer.ts producers and prepareWait; after the last commit, so that who sees this sees that
      Atomics.and(this.#words, this.#presentWord, ~this.#bit);
      // Pairs with the store in funnel-consumer.ts prepareWait
      if (Atomics.load(this.#words, this.#waiterWord) !== AWAKE) this.#wakeConsumer();
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** The last holder of the slot may have died with a claim, for which the consumer would wait as long as the slot is held. */
  #giveUpClaim(): void {
    const words = this.#words;
    // There is at most one, and its place was written down before it was made
    const at = words[this.#slotWord + (FROM_SLOT_TO_CLAIM >> 2)] as number;
    const word = this.#control + (at & (this.#units - 1));
    const found = Atomics.load(words, word);
    if ((found & CONTROL_STATE) !== CONTROL_CLAIMED || ((found >>> CONTROL_SLOT_SHIFT) & 63) !== this.slot) return;
    Atomics.compareExchange(words, word, found, CONTROL_SKIPPED | (found & ~CONTROL_STATE));
  }

  #enter(producersWord: number, pid: number): void {
    const words = this.#words;
    // The last holder may have died asleep
    Atomics.and(words, this.#sleepersWord, ~this.#bit);
    words[this.#slotWord + (FROM_SLOT_TO_PID >> 2)] = pid;
    const sessionsWord = this.#slotWord + (FROM_SLOT_TO_SESSIONS >> 2);
    words[sessionsWord] = ((words[sessionsWord] as number) + 1) | 0;
    words[producersWord + (FROM_STATE_TO_PID >> 2)] = pid;
    Atomics.or(words, this.#presentWord, this.#bit);
    Atomics.store(words, producersWord, STATE_ATTACHED);
    // Last: a consumer that finds more of them looks who has come. Pairs with the load in funnel-consumer.ts sessions
    Atomics.add(words, producersWord + (FROM_STATE_TO_SESSIONS >> 2), 1);
    // Pairs with the store in funnel-consumer.ts prepareWait
    if (Atomics.load(words, this.#waiterWord) !== AWAKE) this.#wakeConsumer();
  }

  /** Byte offset of the record that is claimed. */
  #payload(): number {
    return this.#data + (this.#at & (this.#units - 1)) * FUNNEL_UNIT_BYTES;
  }

  /**
   * Claims the room for a record at the end of the chain.
   *
   * While the control word there is the same free one as at the first look, nobody has claimed it: a word that was claimed in between is free
   * only with another generation. So what was read between that look and the exchange still holds at the exchange, whatever happened to
   * this thread in between: that the end is here, that the consumer has not passed this place, and that it has left so much room.
   */
  #reserve(length: number): boolean {
    if (this.#claimed !== NOTHING) this.#refuse();
    if (length > this.largestPayload) this.#refuseLarge(length);
    const words = this.#words;
    const units = this.#units;
    const size = unitsOf(length);
    const claim = CONTROL_CLAIMED | (this.slot << CONTROL_SLOT_SHIFT) | length;
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const at = words[this.#endWord] as number;
      const word = this.#control + (at & (units - 1));
      const free = words[word] as number;
      keepOrder();
      // Pair with the stores in funnel-consumer.ts flush: what lies before the tail was read, and its control words are free; those up to
      // the read index may be
      const tail = words[this.#tailWord] as number;
      const read = words[this.#readWord] as number;
      keepOrder();
      if (words[this.#endWord] !== at) continue;
      if (((at - read) | 0) < 0) {
        // The end lags behind what the consumer has passed already: who claimed there died before moving it on
        Atomics.compareExchange(words, this.#endWord, at, read);
        continue;
      }
      if (((at - tail) >>> 0) + size > units) return this.#full(tail, size);
      if (free < 0) {
        this.#helpOn(at, word);
        continue;
      }
      // Before the claim, pairs with #giveUpClaim of a successor: no compiler moves a store over an atomic access
      words[this.#slotWord + (FROM_SLOT_TO_CLAIM >> 2)] = at;
      if (Atomics.compareExchange(words, word, free, claim) !== free) continue;
      // Others do this, too, when they find the record first
      Atomics.compareExchange(words, this.#endWord, at, (at + size) | 0);
      this.#at = at;
      this.#stalled = false;
      return true;
    }
    return this.#full(words[this.#tailWord] as number, size);
  }

  /** Moves the end on past a record that somebody else claimed. */
  #helpOn(at: number, word: number): void {
    // Looked at again behind the tail, which has passed this place in the round before: so this is a record of this round, or of a later
    // one, and then the end is no longer here
    const found = loadIndex(this.#words, word);
    if (found >= 0) return;
    const size = unitsOf(found & CONTROL_LENGTH);
    if (size > unitsOf(this.largestPayload)) {
      throw corrupt(this.#name, `the control word at index ${at >>> 0}`, found >>> 0, "a record that fits");
    }
    Atomics.compareExchange(this.#words, this.#endWord, at, (at + size) | 0);
  }

  #full(tail: number, size: number): false {
    this.#fullTail = tail;
    this.#wanted = size;
    if (!this.#stalled) {
      this.#stalled = true;
      this.#count(FROM_SLOT_TO_STALLS);
    }
    return false;
  }

  /** Says what became of the claim, and wakes the consumer if it sleeps. */
  #publish(state: number, length: number): void {
    const words = this.#words;
    if (state === CONTROL_COMMITTED) {
      const carryWord = this.#slotWord + (FROM_SLOT_TO_CARRY >> 2);
      addToCounter(words, this.#slotWord + (FROM_SLOT_TO_MESSAGES >> 2), carryWord, 1);
      addToCounter(words, this.#slotWord + (FROM_SLOT_TO_BYTES >> 2), carryWord, length);
    }
    const word = this.#control + (this.#at & (this.#units - 1));
    // Pairs with the loads in funnel-consumer.ts: #look sees the record complete, prepareWait sees this or is seen below
    Atomics.store(words, word, state | (this.slot << CONTROL_SLOT_SHIFT) | length);
    // Pairs with the store in funnel-consumer.ts prepareWait
    if (loadAfterStore(words, this.#waiterWord) !== AWAKE) this.#wakeConsumer();
  }

  #wakeConsumer(): void {
    const words = this.#words;
    const sleep = Atomics.load(words, this.#waiterWord);
    if (sleep === AWAKE) return;
    this.#count(FROM_SLOT_TO_WAKES);
    this.#waker.wake();
    // Afterwards, so that a producer that stops in between keeps no other one from waking the consumer; and only this sleep's word
    Atomics.compareExchange(words, this.#waiterWord, sleep, AWAKE);
  }

  #count(offset: number): void {
    const word = this.#slotWord + (offset >> 2);
    this.#words[word] = ((this.#words[word] as number) + 1) | 0;
  }

  #refuse(): never {
    if (this.#claimed === CLOSED) {
      throw new IpcError("IPC_CLOSED", `Cannot send to funnel ${JSON.stringify(this.#name ?? "")}: this end is closed`);
    }
    throw new TypeError(`Cannot send: ${this.#claimed} bytes are claimed, commit() or abort() comes first`);
  }

  #refuseLarge(length: number): never {
    throw new IpcError(
      "IPC_TOO_LARGE",
      `Cannot send ${length} bytes to funnel ${JSON.stringify(this.#name ?? "")}: at most ${this.largestPayload} fit in one record`,
    );
  }
}
