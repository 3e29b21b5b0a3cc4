/**
 * The reading end of a funnel. It knows nothing of locks, names, processes or how to sleep: whoever makes a `FunnelConsumer` holds the
 * consumer's role, parks between `prepareWait` and `cancelWait`, and asks the kernel whether the `claimant` still lives.
 * `funnel-layout.ts` has the rules that make it safe.
 */
import { IpcError } from "../errors.ts";
import { enterState, readPosition } from "./attach-end.ts";
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
  FUNNEL_CONTROL_OFFSET,
  FUNNEL_END_OFFSET,
  FUNNEL_GENERATION_OFFSET,
  FUNNEL_PRESENT_OFFSET,
  FUNNEL_READ_OFFSET,
  FUNNEL_SLEEPERS_OFFSET,
  FUNNEL_SLOTS,
  FUNNEL_UNIT_BYTES,
  funnelLargestPayload,
  GENERATION_MASK,
  KIND_FUNNEL,
  unitsOf,
} from "./funnel-layout.ts";
import { keepOrder } from "./keep-order.ts";
import {
  AWAKE,
  CONSUMER_STATE_OFFSET,
  CONSUMER_WAITER_OFFSET,
  FROM_INDEX_TO_BYTES,
  FROM_INDEX_TO_CARRY,
  FROM_INDEX_TO_MESSAGES,
  FROM_INDEX_TO_STALLS,
  FROM_INDEX_TO_WAKES,
  FROM_STATE_TO_SESSIONS,
  PRODUCER_STATE_OFFSET,
  STATE_CLOSED,
  TAIL_OFFSET,
} from "./layout.ts";
import { loadAfterStore, loadIndex } from "./load-index.ts";
import type { RingMemory } from "./ring-memory.ts";

/** How a {@link FunnelConsumer} works. */
export interface FunnelConsumerOptions {
  /** Bytes of the largest message that `tryPop` and `popInto` accept; 2^30 by default. They drop a larger one. */
  maxMessageBytes?: number;
  /** Bytes of records to collect before their room is given back together; 0, the default, gives each one back. Whoever sets it calls `flush()` before turning to other work. */
  releaseBytes?: number;
  /** The process id to write into the header; 0, the default, if there is none. */
  pid?: number;
}

/** What a {@link FunnelConsumer} needs from outside: a way to wake a producer. */
export interface FunnelProducerWaker {
  /** Wakes the producer that has this slot. It may be awake again, or another one: that must do no harm. */
  wake(slot: number): void;
}

// What #size holds when it is no size of a record
const NOTHING = 0;
const CLOSED = -1;

/**
 * The reading end of a funnel: whole messages by `tryPop` and `popInto`, or in place by `tryPeek` and `release`, in the order in which their
 * producers claimed them. Nothing here waits, and only `tryPop` allocates.
 *
 * @example What a dead producer claimed is passed over
 * ```ts
 * import { allocateRing, FunnelConsumer, FunnelProducer, KIND_FUNNEL } from "millrace/ring";
 *
 * const memory = allocateRing(4096, KIND_FUNNEL);
 * const consumer = new FunnelConsumer(memory, { wake() {} });
 * const [dies, lives] = [0, 1].map((slot) => new FunnelProducer(memory, slot, { wake() {} }));
 * dies?.tryClaim(100);
 * lives?.tryPush(new Uint8Array(7));
 * console.log(consumer.tryPop(), consumer.claimant);
 * // the kernel says that nobody holds slot 0 any more
 * consumer.passOver();
 * console.log(consumer.tryPop()?.length);
 * // Output:
 * // undefined 0
 * // 7
 * ```
 */
export class FunnelConsumer {
  /** The buffer that peeks point into. Writing into it is wrong. */
  readonly bytes: Uint8Array;
  /** The fastest way to copy a payload from the place that a peek names. */
  readonly copier: Copier;

  readonly #words: Int32Array;
  readonly #waker: FunnelProducerWaker;
  readonly #name: string | undefined;
  readonly #maxMessageBytes: number;
  #releaseBytes: number;
  readonly #units: number;
  readonly #largestPayload: number;
  readonly #data: number;
  readonly #control: number;
  readonly #endWord: number;
  readonly #tailWord: number;
  readonly #readWord: number;
  readonly #generationWord: number;
  readonly #sleepersWord: number;
  readonly #presentWord: number;
  readonly #waiterWord: number;
  readonly #sessionsWord: number;
  readonly #stateWord: number;

  // Indices are int32 here, so that they stay small integers; only differences are looked at
  #tail: number;
  #released: number;
  #generation: number;
  #sleep: number;
  #stalled = false;
  #looks = 0;
  #newMessages = 0;
  #newBytes = 0;
  /** What was passed since `keep` is not given back. */
  #keeping = false;
  #discarded = 0;

  // The record looked at, in units and bytes
  #size = NOTHING;
  #payload = 0;
  #length = 0;

  /**
   * Takes the consumer's end. It goes on with the first record that the last consumer had not released, so that one's last messages may come again.
   *
   * @param memory the funnel's memory
   * @param waker wakes producers
   * @param options see {@link FunnelConsumerOptions}
   * @throws {RangeError} if the memory or an option does not fit
   * @throws {IpcError} `IPC_CORRUPT` if the header or an index is wrong
   */
  constructor(memory: RingMemory, waker: FunnelProducerWaker, options: FunnelConsumerOptions = {}) {
    const { words, bytes, offset, capacity, name } = memory;
    const { maxMessageBytes = 2 ** 30, releaseBytes = 0, pid = 0 } = options;
    const { data, tail } = readPosition(memory, KIND_FUNNEL, false);
    if (!Number.isInteger(maxMessageBytes) || maxMessageBytes < 0) {
      throw new RangeError(`Cannot limit messages to ${maxMessageBytes} bytes: an integer from 0 would be right`);
    }
    checkReleaseBytes(releaseBytes, capacity);
    this.bytes = bytes;
    this.#words = words;
    this.copier = memory.copier ?? new ViewCopier(memory);
    this.#waker = waker;
    this.#name = name;
    this.#maxMessageBytes = maxMessageBytes;
    this.#releaseBytes = releaseBytes;
    this.#units = capacity / FUNNEL_UNIT_BYTES;
    this.#largestPayload = funnelLargestPayload(capacity);
    this.#data = data;
    this.#control = (offset + FUNNEL_CONTROL_OFFSET) >>> 2;
    this.#endWord = (offset + FUNNEL_END_OFFSET) >>> 2;
    this.#tailWord = (offset + TAIL_OFFSET) >>> 2;
    this.#readWord = (offset + FUNNEL_READ_OFFSET) >>> 2;
    this.#generationWord = (offset + FUNNEL_GENERATION_OFFSET) >>> 2;
    this.#sleepersWord = (offset + FUNNEL_SLEEPERS_OFFSET) >>> 2;
    this.#presentWord = (offset + FUNNEL_PRESENT_OFFSET) >>> 2;
    this.#waiterWord = (offset + CONSUMER_WAITER_OFFSET) >>> 2;
    this.#sessionsWord = (offset + PRODUCER_STATE_OFFSET + FROM_STATE_TO_SESSIONS) >>> 2;
    this.#stateWord = (offset + CONSUMER_STATE_OFFSET) >>> 2;
    this.#released = tail;
    this.#tail = words[this.#readWord] as number;
    this.#generation = (words[this.#generationWord] as number) & GENERATION_MASK;
    if ((this.#tail - tail) >>> 0 > this.#units) {
      const right = `at most ${this.#units} ahead of the tail, which is ${tail >>> 0}`;
      throw corrupt(name, `the read index (byte ${FUNNEL_READ_OFFSET})`, this.#tail >>> 0, right);
    }
    // The consumer before this one may have died asleep, and a producer may still be about to clear the word of that sleep
    Atomics.store(words, this.#waiterWord, AWAKE);
    this.#sleep = enterState(words, this.#stateWord, pid) << 20;
    // The consumer before this one may have died while it gave this back
    this.flush();
  }

  /**
   * Bytes of the funnel with records that are claimed and not read yet, about: a message of n bytes takes n, rounded up to 64, and at least 64.
   */
  get available(): number {
    const used = (loadIndex(this.#words, this.#endWord) - this.#tail) >>> 0;
    return used > this.#units ? 0 : used * FUNNEL_UNIT_BYTES;
  }

  /** Bytes of records to give back together, see {@link FunnelConsumerOptions}. Setting 0 gives back what is released. */
  get releaseBytes(): number {
    return this.#releaseBytes;
  }

  set releaseBytes(value: number) {
    checkReleaseBytes(value, this.#units * FUNNEL_UNIT_BYTES);
    this.#releaseBytes = value;
    if (value === 0) this.flush();
  }

  /** Bytes of records released, but not yet given back to the producers. */
  get pending(): number {
    return ((this.#tail - this.#released) >>> 0) * FUNNEL_UNIT_BYTES;
  }

  /** Whether what was passed since `keep` waits for `releaseKept`. */
  get keeping(): boolean {
    return this.#keeping;
  }

  /** Payload bytes of the record that `tryPeek` found; valid until `release`. */
  get peekLength(): number {
    return this.#length;
  }

  /** Messages dropped by this consumer because they were too large. */
  get discarded(): number {
    return this.#discarded;
  }

  /** How often a producer has come, modulo 2^32. */
  get sessions(): number {
    // Pairs with the addition in funnel-producer.ts #enter
    return loadIndex(this.#words, this.#sessionsWord) >>> 0;
  }

  /** Whether there are producers that have not closed. One that died counts as one until somebody buries it. */
  get producers(): boolean {
    // Pair with funnel-producer.ts #enter and close
    return (loadIndex(this.#words, this.#presentWord) | loadIndex(this.#words, this.#presentWord + 1)) !== 0;
  }

  /**
   * Whether there were producers, all of them have closed, and everything is read.
   *
   * @throws {IpcError} `IPC_CORRUPT` if a word is wrong
   */
  get ended(): boolean {
    // The producers first: after the last has closed, nothing is committed any more
    return this.sessions > 0 && !this.producers && this.#size === NOTHING && !this.#look(true) && this.claimant === -1;
  }

  /**
   * Who holds up everything behind the next record: the slot of the producer that has claimed it and not committed it yet; -1 if there is
   * none. If nobody holds that slot, `passOver()` goes on.
   */
  get claimant(): number {
    const found = loadIndex(this.#words, this.#control + (this.#tail & (this.#units - 1)));
    return (found & CONTROL_STATE) === CONTROL_CLAIMED ? (found >>> CONTROL_SLOT_SHIFT) & (FUNNEL_SLOTS - 1) : -1;
  }

  /**
   * Takes the next message, as a copy.
   *
   * @returns the message, or `undefined` if none is there, or if the next one is not committed yet
   * @throws {IpcError} `IPC_TOO_LARGE` if the message passes `maxMessageBytes`; it is dropped, the next call goes on.
   *   `IPC_CORRUPT` if a word is wrong; every further call says so again. `IPC_CLOSED` after `close()`
   */
  tryPop(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#size <= NOTHING && !this.#look()) return undefined;
    if (this.#length > this.#maxMessageBytes) this.#refuseLarge();
    const message = this.copier.copyOut(this.#payload, this.#length);
    this.release();
    return message;
  }

  /**
   * Takes the next message into a given array, which allocates nothing.
   *
   * @param target where the bytes go
   * @param start index in `target` of the first byte
   * @returns the message's size in bytes, or -1 if none is there
   * @throws {RangeError} if the message does not fit; it stays the next one
   * @throws {IpcError} as `tryPop`
   */
  popInto(target: Uint8Array, start = 0): number {
    if (this.#size <= NOTHING && !this.#look()) return -1;
    const length = this.#length;
    if (length > this.#maxMessageBytes) this.#refuseLarge();
    if (!Number.isInteger(start) || start < 0 || start + length > target.length) {
      throw new RangeError(`Cannot pop ${length} bytes to index ${start} of an array of ${target.length} bytes`);
    }
    this.copier.copyInto(this.#payload, target, start, length);
    this.release();
    return length;
  }

  /**
   * Looks at the next message in place: `peekLength` bytes of `bytes`. They stay until `release`; calling again before that finds the same one.
   *
   * @returns the byte offset of the payload, a multiple of 64, or -1 if nothing is there
   * @throws {IpcError} as `tryPop`, but for `IPC_TOO_LARGE`
   */
  tryPeek(): number {
    if (this.#size <= NOTHING && !this.#look()) return -1;
    return this.#payload;
  }

  /**
   * Gives the record that `tryPeek` found back. The producers get the room when nothing else is there to read, or when `releaseBytes` are
   * collected, which by default is at once.
   *
   * @throws {TypeError} if no record was looked at
   */
  release(): void {
    const size = this.#size;
    if (size <= NOTHING) throw new TypeError("Cannot release: no record was looked at, tryPeek() comes first");
    this.#size = NOTHING;
    this.#newMessages++;
    this.#newBytes += this.#length;
    this.#pass(size);
  }

  /**
   * Passes the record that `tryPeek` found, as `release` does, but its bytes stay as they are until `releaseKept()`, so that several records can
   * be read in place together. Nothing is given back meanwhile, whatever takes it: `pending` says how much that is, and producers that need
   * the room wait. What is kept when this end closes, or dies, comes again to a successor.
   *
   * @throws {TypeError} if no record was looked at
   */
  keep(): void {
    if (this.#size <= NOTHING) throw new TypeError("Cannot keep: no record was looked at, tryPeek() comes first");
    if (!this.#keeping) {
      this.flush();
      this.#keeping = true;
    }
    this.release();
  }

  /** Gives back all that was passed since `keep`. A record that was looked at behind it stays looked at. */
  releaseKept(): void {
    this.#keeping = false;
    this.flush();
  }

  /**
   * Passes over the next record, whose `claimant` is dead, unless it was committed after all.
   *
   * @returns false if there is no claim to pass over: look again
   * @throws {IpcError} `IPC_CORRUPT` if its length is wrong
   */
  passOver(): boolean {
    if (this.#size === CLOSED) this.#refuse();
    // Looked at again after it is known that its producer writes no more
    const found = Atomics.load(this.#words, this.#control + (this.#tail & (this.#units - 1)));
    if ((found & CONTROL_STATE) !== CONTROL_CLAIMED) return false;
    this.#pass(this.#sizeOf(found));
    return true;
  }

  /** Gives all released room back to the producers, and wakes those that sleep. Does nothing between `keep` and `releaseKept`. */
  flush(): void {
    const end = this.#tail;
    if (end === this.#released || this.#keeping) return;
    const words = this.#words;
    const mask = this.#units - 1;
    const carryWord = this.#tailWord + (FROM_INDEX_TO_CARRY >> 2);
    addToCounter(words, this.#tailWord + (FROM_INDEX_TO_MESSAGES >> 2), carryWord, this.#newMessages);
    addToCounter(words, this.#tailWord + (FROM_INDEX_TO_BYTES >> 2), carryWord, this.#newBytes);
    this.#newMessages = 0;
    this.#newBytes = 0;
    // Before the words are free, pairs with funnel-producer.ts #reserve: one that is free again is told from one that was never claimed. And a
    // consumer that dies from here on leaves a successor that frees the words up to there once more
    words[this.#readWord] = end;
    keepOrder();
    for (let index = this.#released; index !== end; index = (index + 1) | 0) {
      if ((index & mask) === 0) {
        this.#generation = (this.#generation + 1) & GENERATION_MASK;
        words[this.#generationWord] = this.#generation;
      }
      words[this.#control + (index & mask)] = this.#generation;
    }
    this.#released = end;
    // Pairs with the loads in funnel-producer.ts: #reserve may claim from here on, prepareWait sees this or is seen below
    Atomics.store(words, this.#tailWord, end);
    // Pair with the stores in funnel-producer.ts prepareWait
    if (loadAfterStore(words, this.#sleepersWord) !== 0) this.#wakeProducers(0);
    if (loadAfterStore(words, this.#sleepersWord + 1) !== 0) this.#wakeProducers(1);
  }

  /**
   * One look before sleeping, for a caller that spins a little: cheap, and without side effects. Call `flush()` before the first one.
   *
   * @returns true if there is something to read or the last producer has closed, so that `prepareWait` would say false
   */
  poll(): boolean {
    if (this.#size !== NOTHING) return true;
    const words = this.#words;
    const word = this.#control + (this.#tail & (this.#units - 1));
    if ((++this.#looks & 15) !== 0) return isComplete(words[word] as number);
    // Pair with the stores in funnel-producer.ts #publish and close
    return isComplete(loadIndex(words, word)) || (!this.producers && this.sessions > 0);
  }

  /**
   * Announces that this end is about to sleep until there is something to read. Everything released is given back first.
   *
   * @param _mode 2: until its bell rings, the only way
   * @returns true if it may sleep, and then calls `cancelWait()` when awake; false if there is something to read, or if the last producer
   *   has closed: try again, and look at `ended`
   * @throws {IpcError} `IPC_CLOSED` after `close()`
   */
  prepareWait(_mode?: number): boolean {
    if (this.#size === CLOSED) this.#refuse();
    this.flush();
    if (this.#size !== NOTHING) return false;
    const words = this.#words;
    // Each sleep has a number of its own, so that who was about to end an earlier one does not end this one
    this.#sleep = (this.#sleep + 1) | 0 || 1;
    // Pairs with the loads in funnel-producer.ts #publish and close: that one sees this word, or the loads below see its store
    Atomics.store(words, this.#waiterWord, this.#sleep);
    // Pair with the stores in funnel-producer.ts #publish and close
    const found = Atomics.load(words, this.#control + (this.#tail & (this.#units - 1)));
    const present = Atomics.load(words, this.#presentWord) | Atomics.load(words, this.#presentWord + 1);
    if (!isComplete(found) && (present !== 0 || Atomics.load(words, this.#sessionsWord) === 0)) return true;
    Atomics.store(words, this.#waiterWord, AWAKE);
    return false;
  }

  /**
   * Ends a wait, whoever ended it.
   *
   * @returns true if a producer has taken the wait up: its wake has come
   */
  cancelWait(): boolean {
    // Pairs with the exchange in funnel-producer.ts #wakeConsumer
    return Atomics.exchange(this.#words, this.#waiterWord, AWAKE) === AWAKE;
  }

  /** Gives all released room back, says that this end is closed and wakes the producers. What is not released stays for a successor. Closing again does nothing. */
  close(): void {
    if (this.#size === CLOSED) return;
    this.#size = CLOSED;
    try {
      this.flush();
    } finally {
      // Pairs with the loads in funnel-producer.ts peerState and prepareWait
      Atomics.store(this.#words, this.#stateWord, STATE_CLOSED);
      this.#wakeProducers(0);
      this.#wakeProducers(1);
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Finds and checks the next record, and passes those that were given up. `surely`: with an ordered look. */
  #look(surely = false): boolean {
    if (this.#size === CLOSED) this.#refuse();
    // All is kept, and the words at the tail are those of the first record that is
    if (this.#keeping && this.pending === this.#units * FUNNEL_UNIT_BYTES) return false;
    const words = this.#words;
    // Ends by itself: what was passed and is not given back yet is at most the capacity, or #sizeOf throws
    for (;;) {
      const index = this.#tail & (this.#units - 1);
      const word = this.#control + index;
      let found = words[word] as number;
      if (!isComplete(found)) {
        // A plain look first, see the note on polling in docs/ring-layout.md; it may be hoisted, so each 16th look is an ordered one
        if (!surely && (++this.#looks & 15) !== 0) return this.#stall();
        // Pairs with the store in funnel-producer.ts #publish
        found = loadIndex(words, word);
        if (!isComplete(found)) return this.#stall();
      }
      // The payload is not read before the control word
      keepOrder();
      const size = this.#sizeOf(found);
      if ((found & CONTROL_STATE) === CONTROL_COMMITTED) {
        this.#payload = this.#data + index * FUNNEL_UNIT_BYTES;
        this.#length = found & CONTROL_LENGTH;
        this.#size = size;
        this.#stalled = false;
        return true;
      }
      this.#pass(size);
    }
  }

  /** Units of a record, after a look at whether it can be one. The word was read once: its producer could change it meanwhile. */
  #sizeOf(found: number): number {
    const length = found & CONTROL_LENGTH;
    const size = unitsOf(length);
    const room = this.#units - ((this.#tail - this.#released) >>> 0);
    const state = found & CONTROL_STATE;
    const isKnown = state === CONTROL_COMMITTED || state === CONTROL_SKIPPED || state === CONTROL_CLAIMED;
    if (isKnown && length <= this.#largestPayload && size <= room) return size;
    const right = `a record of at most ${Math.min(this.#largestPayload, room * FUNNEL_UNIT_BYTES)} bytes`;
    throw corrupt(this.#name, `the control word at index ${this.#tail >>> 0}`, found >>> 0, right);
  }

  #stall(): false {
    if (!this.#stalled) {
      this.#stalled = true;
      this.#count(FROM_INDEX_TO_STALLS);
    }
    return false;
  }

  /** Moves on, and gives room back if it is time. */
  #pass(size: number): void {
    this.#tail = (this.#tail + size) | 0;
    if (this.#keeping) return;
    if (
      this.pending >= this.#releaseBytes ||
      // nothing else is known to read
      !isComplete(this.#words[this.#control + (this.#tail & (this.#units - 1))] as number)
    ) {
      this.flush();
    }
  }

  /** Wakes all producers of one word of slots that sleep: each looks itself whether there is room for what it has. */
  #wakeProducers(which: 0 | 1): void {
    // Pairs with funnel-producer.ts prepareWait and cancelWait
    let sleepers = Atomics.exchange(this.#words, this.#sleepersWord + which, 0);
    while (sleepers !== 0) {
      const bit = 31 - Math.clz32(sleepers);
      sleepers &= ~(1 << bit);
      this.#count(FROM_INDEX_TO_WAKES);
      this.#waker.wake(which * 32 + bit);
    }
  }

  #count(offset: number): void {
    const word = this.#tailWord + (offset >> 2);
    this.#words[word] = ((this.#words[word] as number) + 1) | 0;
  }

  #refuse(): never {
    throw new IpcError(
      "IPC_CLOSED",
      `Cannot receive from funnel ${JSON.stringify(this.#name ?? "")}: this end is closed`,
    );
  }

  /** Drops the message looked at. */
  #refuseLarge(): never {
    const length = this.#length;
    const size = this.#size;
    this.#size = NOTHING;
    this.#discarded++;
    this.#pass(size);
    throw new IpcError(
      "IPC_TOO_LARGE",
      `Cannot receive a message of ${length} bytes from funnel ${JSON.stringify(this.#name ?? "")}: maxMessageBytes is ${this.#maxMessageBytes}`,
    );
  }
}

/** Whether the record there is a message, or was given up. What is neither is corrupt, which the one who looks closer says. */
function isComplete(control: number): boolean {
  return (control & CONTROL_STATE) < 0 && (control & CONTROL_STATE) !== CONTROL_CLAIMED;
}

function checkReleaseBytes(releaseBytes: number, capacity: number): void {
  if (!Number.isInteger(releaseBytes) || releaseBytes < 0 || releaseBytes > capacity / 2) {
    throw new RangeError(
      `Cannot release ${releaseBytes} bytes at a time: an integer from 0 to ${capacity / 2} would be right`,
    );
  }
}
