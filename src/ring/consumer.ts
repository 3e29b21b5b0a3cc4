/**
 * The reading end. It knows nothing of locks, names, processes or how to sleep: whoever makes a `RingConsumer` holds the
 * consumer's role, and parks between `prepareWait` and `cancelWait`.
 *
 * This file is longer than others: reading in place, popping and the fragments share private state, and the hot path must
 * not go through a second object.
 */
import { IpcError } from "../errors.ts";
import { checkSpan, checkState, enterState, readPosition } from "./attach-end.ts";
import { type Copier, ViewCopier } from "./copier.ts";
import { corrupt } from "./corrupt.ts";
import { addToCounter } from "./counter.ts";
import { readOldest } from "./kept-records.ts";
import {
  AWAKE,
  CONSUMER_STATE_OFFSET,
  CONSUMER_WAITER_OFFSET,
  FLAG_CONTINUED,
  FLAG_MORE,
  FROM_INDEX_TO_BYTES,
  FROM_INDEX_TO_CARRY,
  FROM_INDEX_TO_MESSAGES,
  FROM_INDEX_TO_STALLS,
  FROM_INDEX_TO_WAKES,
  HEAD_OFFSET,
  KIND_KEPT,
  PRODUCER_STATE_OFFSET,
  PRODUCER_WAITER_OFFSET,
  RECORD_HEADER_BYTES,
  STATE_CLOSED,
  TAIL_OFFSET,
} from "./layout.ts";
import { loadAfterStore, loadIndex, STORES_IN_ORDER } from "./load-index.ts";
import { MessageAssembly } from "./message-assembly.ts";
import type { RingMemory } from "./ring-memory.ts";
import { type Waiter, type WaitMode, wakePeer } from "./waiter.ts";

/** How a {@link RingConsumer} works. */
export interface RingConsumerOptions {
  /** Bytes of the largest message that `tryPop` and `popInto` accept; 2^30 by default. They drop a larger one. */
  maxMessageBytes?: number;
  /**
   * Bytes of records to collect before their space is given back to the producer together; 0, the default, gives each one
   * back. Whoever sets it calls `flush()` before turning to other work. It makes a fast consumer faster, and spares a
   * producer that sleeps on the full ring from being woken for each record. A consumer that dies gets this much again, at
   * most, through its successor. An eighth of the capacity is good.
   */
  releaseBytes?: number;
  /** The process id to write into the header; 0, the default, if there is none. */
  pid?: number;
  /**
   * For a ring of the kind `KIND_KEPT`, and only for that: where to begin. `"tail"`: with what was not released yet; `"oldest"`: with the oldest
   * record that is still there, which makes everything behind it unread again; `"head"`: with what comes from now on. The producer must not
   * be in `Keeping.exclusively` meanwhile.
   */
  from?: "tail" | "oldest" | "head";
}

// What #size holds when it is no size of a record
const NOTHING = 0;
const CLOSED = -1;

// How the message that is open was taken so far
const CHAIN_NONE = 0;
const CHAIN_POPPED = 1;
const CHAIN_PEEKED = 2;
const CHAIN_DROPPED = 3;

/**
 * The reading end of a ring: whole messages by `tryPop` and `popInto`, or one record after the other in place by `tryPeek`
 * and `release`. Nothing here waits. Only `tryPop`, and messages that come in fragments, allocate.
 *
 * @example Read in place
 * ```ts
 * import { allocateRing, RingConsumer, RingProducer } from "millrace/ring";
 *
 * const memory = allocateRing(4096);
 * const nobodySleeps = { wake() {} };
 * const producer = new RingProducer(memory, nobodySleeps);
 * const consumer = new RingConsumer(memory, nobodySleeps);
 *
 * producer.tryPush(new Uint8Array([7, 8, 9]));
 * const at = consumer.tryPeek();
 * let sum = 0;
 * if (at !== -1) {
 *   for (let i = at; i < at + consumer.peekLength; i++) sum += consumer.bytes[i] ?? 0;
 *   consumer.release();
 * }
 * console.log(sum); // 24
 * ```
 */
export class RingConsumer {
  /** The buffer that peeks point into. Writing into it is wrong. */
  readonly bytes: Uint8Array;
  /** The fastest way to copy a payload from the place that a peek names. */
  readonly copier: Copier;
  /** Byte offset in `bytes` of the word on which this end sleeps in mode 1. */
  readonly waiterOffset: number;
  /** Byte offset in `bytes` of the word on which the producer sleeps in mode 1. */
  readonly peerWaiterOffset: number;

  readonly #words: Int32Array;
  readonly #waiter: Waiter;
  readonly #name: string | undefined;
  readonly #maxMessageBytes: number;
  #releaseBytes: number;
  readonly #capacity: number;
  readonly #mask: number;
  readonly #largestPayload: number;
  readonly #data: number;
  readonly #headWord: number;
  readonly #tailWord: number;
  readonly #waiterWord: number;
  readonly #peerWaiterWord: number;
  readonly #stateWord: number;
  readonly #peerStateWord: number;

  // Indices are int32 here, so that they stay small integers; only differences are looked at
  #head: number;
  #tail: number;
  #released: number;
  /** The last tail that was stored in order with the look at the waiter word. */
  #ordered: number;
  #stalled = false;
  #looks = 0;
  /** Records given back by `#giveBack`. */
  #unordered = 0;
  #newMessages = 0;
  #newBytes = 0;
  /** What was passed since `keep` is not given back. */
  #keeping = false;

  // The record looked at
  #size = NOTHING;
  #payload = 0;
  #length = 0;
  #flags = 0;

  // The message that it belongs to
  #chain = CHAIN_NONE;
  #resumed: boolean;
  #discarded = 0;
  readonly #assembly = new MessageAssembly();
  #held: Uint8Array<ArrayBuffer> | undefined;

  /**
   * Takes the consumer's end. It goes on with the first record that the last consumer had not released, so that one's last
   * messages may come again. The rest of a message that the last one had taken in part is dropped.
   *
   * @param memory the ring
   * @param waiter wakes the producer
   * @param options see {@link RingConsumerOptions}
   * @throws {RangeError} if the memory or an option does not fit
   * @throws {IpcError} `IPC_CORRUPT` if the header or an index is wrong
   */
  constructor(memory: RingMemory, waiter: Waiter, options: RingConsumerOptions = {}) {
    const { words, bytes, offset, capacity, name } = memory;
    const { maxMessageBytes = 2 ** 30, releaseBytes = 0, pid = 0, from } = options;
    const { data, head, tail } = readPosition(memory, from === undefined ? undefined : KIND_KEPT);
    if (!Number.isInteger(maxMessageBytes) || maxMessageBytes < 0) {
      throw new RangeError(`Cannot limit messages to ${maxMessageBytes} bytes: an integer from 0 would be right`);
    }
    checkReleaseBytes(releaseBytes, capacity);
    this.bytes = bytes;
    this.waiterOffset = offset + CONSUMER_WAITER_OFFSET;
    this.peerWaiterOffset = offset + PRODUCER_WAITER_OFFSET;
    this.#words = words;
    this.copier = memory.copier ?? new ViewCopier(memory);
    this.#waiter = waiter;
    this.#name = name;
    this.#maxMessageBytes = maxMessageBytes;
    this.#releaseBytes = releaseBytes;
    this.#capacity = capacity;
    this.#mask = capacity - 1;
    this.#largestPayload = capacity / 2 - RECORD_HEADER_BYTES;
    this.#data = data;
    this.#headWord = (offset + HEAD_OFFSET) >>> 2;
    this.#tailWord = (offset + TAIL_OFFSET) >>> 2;
    this.#waiterWord = this.waiterOffset >>> 2;
    this.#peerWaiterWord = this.peerWaiterOffset >>> 2;
    this.#stateWord = (offset + CONSUMER_STATE_OFFSET) >>> 2;
    this.#peerStateWord = (offset + PRODUCER_STATE_OFFSET) >>> 2;
    this.#head = head;
    this.#tail = tail;
    this.#released = tail;
    this.#ordered = tail;
    // The consumer before this one may have died asleep; pairs with the exchange in wakePeer
    Atomics.store(words, this.#waiterWord, AWAKE);
    this.#resumed = enterState(words, this.#stateWord, pid) > 0;
    if (from !== undefined && from !== "tail") this.#begin(from, readOldest(memory, head, tail));
  }

  /**
   * Bytes of the ring with records that are published and not read yet. A message of n bytes takes n + 8, rounded up to 16.
   *
   * @throws {IpcError} `IPC_CORRUPT` if the producer's index is wrong
   */
  get available(): number {
    // Pairs with the store in producer.ts flush
    const head = loadIndex(this.#words, this.#headWord);
    checkSpan(this.#name, head, this.#tail, this.#capacity);
    return (head - this.#tail) >>> 0;
  }

  /** Bytes of records to give back together, see {@link RingConsumerOptions}. Setting 0 gives back what is released. */
  get releaseBytes(): number {
    return this.#releaseBytes;
  }

  set releaseBytes(value: number) {
    checkReleaseBytes(value, this.#capacity);
    this.#releaseBytes = value;
    if (value === 0) this.flush();
  }

  /** Bytes of records released, but not yet given back to the producer. */
  get pending(): number {
    return (this.#tail - this.#released) >>> 0;
  }

  /** Whether what was passed since `keep` waits for `releaseKept`. */
  get keeping(): boolean {
    return this.#keeping;
  }

  /** Payload bytes of the record that `tryPeek` found; valid until `release`. */
  get peekLength(): number {
    return this.#length;
  }

  /** Whether the record that `tryPeek` found begins a message; valid until `release`. */
  get peekFirst(): boolean {
    return (this.#flags & FLAG_CONTINUED) === 0;
  }

  /** Whether the message goes on after the record that `tryPeek` found; valid until `release`. */
  get peekMore(): boolean {
    return (this.#flags & FLAG_MORE) !== 0;
  }

  /** Whether a message has come in part. After the producer's end it never gets complete. */
  get inMessage(): boolean {
    return this.#chain !== CHAIN_NONE;
  }

  /** Messages dropped by this consumer because a part was missing or because they were too large. */
  get discarded(): number {
    return this.#discarded;
  }

  /**
   * What the producer's end says of itself: 0 never attached, 1 attached, 2 closed. A producer that died says 1; its role
   * lock knows better.
   *
   * @throws {IpcError} `IPC_CORRUPT` if it is none of these
   */
  get peerState(): number {
    // Pairs with the stores in enterState and producer.ts close
    return checkState(this.#name, loadIndex(this.#words, this.#peerStateWord));
  }

  /**
   * Whether the producer has closed and everything is read.
   *
   * @throws {IpcError} `IPC_CORRUPT` if the producer's words are wrong
   */
  get ended(): boolean {
    // The state first: after a closed state the head does not move any more
    return this.peerState === STATE_CLOSED && this.available === 0 && this.#held === undefined;
  }

  /**
   * Takes the next message, as a copy.
   *
   * @returns the message, or `undefined` if no whole one is there; fragments that are there are taken and kept
   * @throws {TypeError} in the middle of a message that `tryPeek` and `release` took in part
   * @throws {IpcError} `IPC_TOO_LARGE` if the message passes `maxMessageBytes`; it is dropped, the next call goes on.
   *   `IPC_CORRUPT` if a word or a record is wrong; every further call says so again. `IPC_CLOSED` after `close()`
   */
  tryPop(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#held !== undefined) return this.#takeHeld();
    if (this.#size <= NOTHING && !this.#look()) return undefined;
    if (this.#flags !== 0) return this.#popFragments();
    if (this.#length > this.#maxMessageBytes) this.#refuseLarge(this.#length);
    const message = this.copier.copyOut(this.#payload, this.#length);
    this.#advance(CHAIN_POPPED);
    return message;
  }

  /**
   * Takes the next message into a given array, which allocates nothing unless it comes in fragments.
   *
   * @param target where the bytes go
   * @param start index in `target` of the first byte
   * @returns the message's size in bytes, or -1 if no whole one is there
   * @throws {RangeError} if the message does not fit; it stays the next one
   * @throws {TypeError} in the middle of a message that `tryPeek` and `release` took in part
   * @throws {IpcError} as `tryPop`
   */
  popInto(target: Uint8Array, start = 0): number {
    if (this.#held !== undefined) return this.#popHeldInto(target, start);
    if (this.#size <= NOTHING && !this.#look()) return -1;
    if (this.#flags !== 0) {
      this.#held = this.#popFragments();
      return this.#held === undefined ? -1 : this.#popHeldInto(target, start);
    }
    const length = this.#length;
    if (length > this.#maxMessageBytes) this.#refuseLarge(length);
    checkRoom(target, start, length);
    this.copier.copyInto(this.#payload, target, start, length);
    this.#advance(CHAIN_POPPED);
    return length;
  }

  /**
   * Looks at the next record in place: `peekLength` bytes of `bytes`. They stay until `release`; calling again before that
   * finds the same record. A message that is larger than half the ring is several records, see `peekFirst` and
   * `peekMore`; a record with `peekFirst` after one with `peekMore` means that the message before was given up.
   *
   * @returns the byte offset of the payload, a multiple of 8, or -1 if nothing is there
   * @throws {TypeError} in the middle of a message that `tryPop` or `popInto` took in part
   * @throws {IpcError} `IPC_CORRUPT` if a word or a record is wrong; every further call says so again. `IPC_CLOSED` after
   *   `close()`
   */
  tryPeek(): number {
    if (this.#size <= NOTHING && !this.#look()) return -1;
    if (this.#chain === CHAIN_POPPED || this.#held !== undefined) {
      throw new TypeError("Cannot peek: the message was popped in part, tryPop() takes the rest");
    }
    return this.#payload;
  }

  /**
   * Gives the record that `tryPeek` found back. The producer gets the space when nothing else is known to read, or when
   * `releaseBytes` are collected, which by default is at once.
   *
   * @throws {TypeError} if no record was looked at
   * @throws {IpcError} `IPC_CORRUPT` if the producer's waiter word is wrong; the space is given back nevertheless
   */
  release(): void {
    if (this.#size <= NOTHING) throw new TypeError("Cannot release: no record was looked at, tryPeek() comes first");
    this.#advance(CHAIN_PEEKED);
  }

  /**
   * Passes the record that `tryPeek` found, as `release` does, but its bytes stay as they are until `releaseKept()`, so that several records can
   * be read in place together. Nothing is given back meanwhile, whatever takes it: `pending` says how much that is, and a producer that needs
   * the space waits. What is kept when this end closes, or dies, comes again to a successor.
   *
   * @throws {TypeError} if no record was looked at
   * @throws {IpcError} as `flush`, which is called first
   */
  keep(): void {
    if (this.#size <= NOTHING) throw new TypeError("Cannot keep: no record was looked at, tryPeek() comes first");
    if (!this.#keeping) {
      this.flush();
      this.#keeping = true;
    }
    this.#advance(CHAIN_PEEKED);
  }

  /**
   * Gives back all that was passed since `keep`. A record that was looked at behind it stays looked at.
   *
   * @throws {IpcError} as `flush`
   */
  releaseKept(): void {
    this.#keeping = false;
    this.flush();
  }

  /**
   * Forgets the parts of a message that has not come whole. The consumer does this by itself when another message begins;
   * whoever knows that the producer is dead may do it at the end. Does nothing if no message is open.
   */
  discardPartial(): void {
    if (this.#chain === CHAIN_NONE) return;
    if (this.#chain !== CHAIN_DROPPED) this.#discarded++;
    this.#chain = CHAIN_NONE;
    this.#assembly.clear();
  }

  /**
   * Gives all released space back to the producer, and wakes it if it sleeps. Releasing does so by itself when
   * `releaseBytes` are collected or nothing else is known to read. Does nothing between `keep` and `releaseKept`.
   *
   * @throws {IpcError} `IPC_CORRUPT` if the producer's waiter word is wrong; the space is given back nevertheless
   */
  flush(): void {
    const tail = this.#tail;
    if (tail === this.#ordered || this.#keeping) return;
    const words = this.#words;
    this.#count(words);
    this.#ordered = tail;
    this.#released = tail;
    // Pairs with the loads in producer.ts: #makeRoom may overwrite from here on, prepareWait sees this or is seen below
    Atomics.store(words, this.#tailWord, tail);
    // Pairs with the store in producer.ts prepareWait
    if (loadAfterStore(words, this.#peerWaiterWord) !== AWAKE) this.#wakeProducer();
  }

  /**
   * One look before sleeping, for a caller that spins a little: cheap, and without side effects. A plain look, except for each 16th, see
   * the note on polling in docs/ring-layout.md. Call `flush()` before the first one.
   *
   * @returns true if there is something to read or the producer has closed, so that `prepareWait` would say false
   */
  poll(): boolean {
    if (this.#size !== NOTHING || this.#held !== undefined) return true;
    const words = this.#words;
    if ((++this.#looks & 15) !== 0) return words[this.#headWord] !== this.#tail;
    // Pair with the stores in producer.ts flush and close
    return loadIndex(words, this.#headWord) !== this.#tail || loadIndex(words, this.#peerStateWord) === STATE_CLOSED;
  }

  /**
   * Announces that this end is about to sleep until there is something to read. Everything released is given back first.
   *
   * @param mode how it will sleep: 1 in futex(2) on the word at `waiterOffset` while that is 1; 2 until its bell rings
   * @returns true if it may sleep, and then calls `cancelWait()` when awake; false if there is something to read, or if
   *   the producer has closed: try again, and look at `ended`
   * @throws {IpcError} `IPC_CORRUPT` if the producer's waiter word is wrong; `IPC_CLOSED` after `close()`
   */
  prepareWait(mode: WaitMode): boolean {
    if (this.#size === CLOSED) this.#refuse();
    this.flush();
    if (this.#size !== NOTHING || this.#held !== undefined) return false;
    const words = this.#words;
    // Pairs with the load in producer.ts flush and close: that one sees this word, or the loads below see its store
    Atomics.store(words, this.#waiterWord, mode);
    // Pair with the stores in producer.ts flush and close
    if (
      Atomics.load(words, this.#headWord) === this.#tail &&
      Atomics.load(words, this.#peerStateWord) !== STATE_CLOSED
    ) {
      return true;
    }
    Atomics.store(words, this.#waiterWord, AWAKE);
    return false;
  }

  /**
   * Ends a wait, whoever ended it.
   *
   * @returns true if the producer has taken the wait up: its wake has come or is about to come (in mode 2, a byte in the bell)
   */
  cancelWait(): boolean {
    // Pairs with the exchange in wakePeer
    return Atomics.exchange(this.#words, this.#waiterWord, AWAKE) === AWAKE;
  }

  /**
   * Gives all released space back, says that this end is closed and wakes the producer. What is not released stays for a
   * successor. Closing again does nothing. The memory stays as it is.
   *
   * @throws {IpcError} `IPC_CORRUPT` if the producer's waiter word is wrong; this end is closed nevertheless
   */
  close(): void {
    if (this.#size === CLOSED) return;
    this.#size = CLOSED;
    this.#chain = CHAIN_NONE;
    this.#held = undefined;
    this.#assembly.clear();
    try {
      this.flush();
    } finally {
      // Pairs with the loads in producer.ts peerState and prepareWait
      Atomics.store(this.#words, this.#stateWord, STATE_CLOSED);
      // Pairs with the store in producer.ts prepareWait
      if (Atomics.load(this.#words, this.#peerWaiterWord) !== AWAKE) this.#wakeProducer();
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Begins somewhere else than at the tail, and perhaps in the middle of a message. */
  #begin(from: "oldest" | "head", oldest: number): void {
    this.#resumed = true;
    this.#tail = from === "head" ? this.#head : oldest;
    if (from === "head") {
      this.flush();
    } else {
      this.#released = oldest;
      this.#ordered = oldest;
      // Pairs with the load in kept-records.ts giveUp
      Atomics.store(this.#words, this.#tailWord, oldest);
    }
  }

  /** Finds and checks the next record, and drops those that belong to no message. */
  #look(): boolean {
    if (this.#size === CLOSED) this.#refuse();
    if (this.#tail === this.#head && !this.#refill()) return false;
    const words = this.#words;
    let renewed = false;
    do {
      const at = this.#data + (this.#tail & this.#mask);
      const word = at >>> 2;
      // Each is read once: the peer could change it between a check and a use
      const length = (words[word] as number) >>> 0;
      const flags = words[word + 1] as number;
      const size = (length + 23) & ~15;
      if (length > this.#largestPayload || size > (this.#head - this.#tail) >>> 0) this.#refuseRecord(length);
      if ((flags | this.#chain) === 0 || this.#joins(flags, size)) {
        this.#payload = at + RECORD_HEADER_BYTES;
        this.#length = length;
        this.#flags = flags;
        this.#size = size;
        this.#resumed = false;
        return true;
      }
      // A message may stand behind what was dropped. Once, so that no peer can keep this loop going.
      if (!renewed) this.#refill();
      renewed = true;
    } while (this.#tail !== this.#head);
    return false;
  }

  /** Looks at the producer's index again, since everything known is read. */
  #refill(): boolean {
    const words = this.#words;
    // A plain look first, see the note on polling in docs/ring-layout.md; it may be hoisted, so each 16th look is an ordered one
    let head = words[this.#headWord] as number;
    if (head !== this.#tail || (++this.#looks & 15) === 0) {
      // Pairs with the store in producer.ts flush: the records before it are complete
      head = loadIndex(words, this.#headWord);
    }
    if (head === this.#tail) {
      if (!this.#stalled) {
        this.#stalled = true;
        const stallsWord = this.#tailWord + (FROM_INDEX_TO_STALLS >> 2);
        words[stallsWord] = ((words[stallsWord] as number) + 1) | 0;
      }
      return false;
    }
    checkSpan(this.#name, head, this.#tail, this.#capacity);
    this.#head = head;
    this.#stalled = false;
    return true;
  }

  /** Whether a record with these flags is to be delivered; if not, it is dropped here. */
  #joins(flags: number, size: number): boolean {
    if ((flags & ~(FLAG_MORE | FLAG_CONTINUED)) !== 0) {
      throw corrupt(this.#name, `the flags word of the record at index ${this.#tail >>> 0}`, flags >>> 0, "0 to 3");
    }
    if ((flags & FLAG_CONTINUED) === 0) {
      // Whoever began the open message died or gave it up
      if (this.#chain !== CHAIN_NONE) this.discardPartial();
      return true;
    }
    if (this.#chain === CHAIN_NONE) {
      if (!this.#resumed) {
        const right = "0 or 1, since no message is open";
        throw corrupt(this.#name, `the flags word of the record at index ${this.#tail >>> 0}`, flags >>> 0, right);
      }
      this.#chain = CHAIN_DROPPED;
      this.#discarded++;
    }
    if (this.#chain !== CHAIN_DROPPED) return true;
    if ((flags & FLAG_MORE) === 0) {
      this.#chain = CHAIN_NONE;
      this.#resumed = false;
    }
    this.#pass(size);
    return false;
  }

  /** Counts the record looked at, and passes it. */
  #advance(chain: number): void {
    this.#newBytes += this.#length;
    if ((this.#flags & FLAG_MORE) === 0) {
      this.#newMessages++;
      this.#chain = CHAIN_NONE;
    } else {
      this.#chain = chain;
    }
    this.#pass(this.#size);
  }

  /** Moves the tail on, and gives space back if it is time. */
  #pass(size: number): void {
    this.#size = NOTHING;
    const tail = (this.#tail + size) | 0;
    this.#tail = tail;
    if (this.#keeping) return;
    if (this.#releaseBytes === 0 && STORES_IN_ORDER) this.#giveBack(tail);
    else if (tail === this.#head || ((tail - this.#released) | 0) >= this.#releaseBytes) this.flush();
  }

  /**
   * Gives one record back without waiting until the store has left this processor, which takes longer than all the rest when the producer has
   * the cache line. The look at the waiter word may come before the store then and miss a producer that falls asleep in that
   * moment; that one looks again a little later, see `lookAgain` in producer.ts.
   */
  #giveBack(tail: number): void {
    const words = this.#words;
    const last = tail === this.#head || (++this.#unordered & 15) === 0;
    if (!last) {
      this.#count(words);
      this.#released = tail;
      words[this.#tailWord] = tail;
    }
    if (last || words[this.#peerWaiterWord] !== AWAKE) this.flush();
  }

  /** Adds what was taken since the last time to the counters. */
  #count(words: Int32Array): void {
    const carryWord = this.#tailWord + (FROM_INDEX_TO_CARRY >> 2);
    addToCounter(words, this.#tailWord + (FROM_INDEX_TO_MESSAGES >> 2), carryWord, this.#newMessages);
    addToCounter(words, this.#tailWord + (FROM_INDEX_TO_BYTES >> 2), carryWord, this.#newBytes);
    this.#newMessages = 0;
    this.#newBytes = 0;
  }

  /** Takes the fragments that are known, up to the end of a message (which may be the next one, if this one was given up). */
  #popFragments(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#chain === CHAIN_PEEKED) {
      throw new TypeError("Cannot pop: the message was peeked in part, tryPeek() finds the rest");
    }
    // All that is published by now, but no more, so that no peer can keep this loop going
    this.#refill();
    const end = this.#head;
    do {
      const length = this.#length;
      if (this.#assembly.length + length > this.#maxMessageBytes) this.#refuseLarge(this.#assembly.length + length);
      this.#assembly.append(this.bytes, this.#payload, length);
      const more = (this.#flags & FLAG_MORE) !== 0;
      if (!more) {
        const message = this.#assembly.take();
        this.#advance(CHAIN_NONE);
        return message;
      }
      this.#advance(CHAIN_POPPED);
    } while (this.#tail !== end && this.#look());
    return undefined;
  }

  #takeHeld(): Uint8Array<ArrayBuffer> | undefined {
    const held = this.#held;
    this.#held = undefined;
    return held;
  }

  #popHeldInto(target: Uint8Array, start: number): number {
    const held = this.#held as Uint8Array;
    checkRoom(target, start, held.length);
    target.set(held, start);
    this.#held = undefined;
    return held.length;
  }

  #wakeProducer(): void {
    const wakesWord = this.#tailWord + (FROM_INDEX_TO_WAKES >> 2);
    wakePeer(this.#words, this.#peerWaiterWord, wakesWord, this.#waiter, this.#name);
  }

  #refuse(): never {
    throw new IpcError(
      "IPC_CLOSED",
      `Cannot receive from ring ${JSON.stringify(this.#name ?? "")}: this end is closed`,
    );
  }

  #refuseRecord(length: number): never {
    const published = ((this.#head - this.#tail) >>> 0) - RECORD_HEADER_BYTES;
    const right = `at most ${Math.min(this.#largestPayload, published)}`;
    throw corrupt(this.#name, `the length word of the record at index ${this.#tail >>> 0}`, length, right);
  }

  /** Drops the message of the record looked at, with all that follows of it. */
  #refuseLarge(seen: number): never {
    this.#discarded++;
    this.#assembly.clear();
    const more = (this.#flags & FLAG_MORE) !== 0;
    this.#chain = more ? CHAIN_DROPPED : CHAIN_NONE;
    this.#pass(this.#size);
    throw new IpcError(
      "IPC_TOO_LARGE",
      `Cannot receive a message of ${more ? `${seen} bytes or more` : `${seen} bytes`} from ring ${JSON.stringify(this.#name ?? "")}: maxMessageBytes is ${this.#maxMessageBytes}`,
    );
  }
}

function checkReleaseBytes(releaseBytes: number, capacity: number): void {
  if (!Number.isInteger(releaseBytes) || releaseBytes < 0 || releaseBytes > capacity / 2) {
    throw new RangeError(
      `Cannot release ${releaseBytes} bytes at a time: an integer from 0 to ${capacity / 2} would be right`,
    );
  }
}

/** Refuses a target that is too small, before anything is taken. */
function checkRoom(target: Uint8Array, start: number, length: number): void {
  if (start >>> 0 !== start || start + length > target.length) {
    throw new RangeError(
      `Cannot pop ${length} bytes to index ${start} of an array of ${target.length}: ${length} more bytes would be right`,
    );
  }
}
