/**
 * The writing end. It knows nothing of locks, names, processes or how to sleep: whoever makes a `RingProducer` holds the
 * producer's role, and parks between `prepareWait` and `cancelWait`.
 *
 * This file is longer than others: the claims, the fragments and the publication share private state, and the hot path
 * must not go through a second object.
 */
import { IpcError } from "../errors.ts";
import { checkSpan, checkState, enterState, readPosition } from "./attach-end.ts";
import { type Copier, ViewCopier } from "./copier.ts";
import { addToCounter } from "./counter.ts";
import { type Keeping, KeptRecords, readOldest } from "./kept-records.ts";
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
import { loadAfterStore, loadIndex } from "./load-index.ts";
import type { RingMemory } from "./ring-memory.ts";
import { type Waiter, type WaitMode, wakePeer } from "./waiter.ts";

/** How a {@link RingProducer} works. */
export interface RingProducerOptions {
  /**
   * Bytes of records to collect before they are made visible together; 0, the default, publishes each message. Whoever
   * sets it calls `flush()` before turning to other work.
   */
  batchBytes?: number;
  /** The process id to write into the header; 0, the default, if there is none. */
  pid?: number;
  /** For a ring of the kind `KIND_KEPT`, and only for that: what it needs from outside. */
  keeping?: Keeping;
}

// What #claimed holds when it is no length
const NOTHING = -1;
const MESSAGE = -2;
const CLOSED = -3;

/**
 * The writing end of a ring: whole messages by `tryPush`, space to write in place by `tryClaim` and `commit`, and messages
 * larger than the ring by `beginMessage` and `continueMessage`. Nothing here waits, and nothing on the way of a message
 * allocates, except for messages that go in fragments.
 *
 * @example Write in place
 * ```ts
 * import { allocateRing, RingConsumer, RingProducer } from "millrace/ring";
 *
 * const memory = allocateRing(4096);
 * const nobodySleeps = { wake() {} };
 * const producer = new RingProducer(memory, nobodySleeps);
 * const consumer = new RingConsumer(memory, nobodySleeps);
 *
 * const at = producer.tryClaim(3);
 * if (at !== -1) {
 *   producer.bytes[at] = 7;
 *   producer.bytes[at + 1] = 8;
 *   producer.commit(2); // fewer than claimed is right, too
 * }
 * console.log(consumer.tryPop()); // Uint8Array [ 7, 8 ]
 * ```
 */
export class RingProducer {
  /** The buffer that claims point into. */
  readonly bytes: Uint8Array;
  /** Bytes of the largest payload of one record, and so of the largest claim: half the capacity less 8. */
  readonly largestPayload: number;
  /** The fastest way to copy a payload to the place that a claim names. */
  readonly copier: Copier;
  /** Byte offset in `bytes` of the word on which this end sleeps in mode 1. */
  readonly waiterOffset: number;
  /** Byte offset in `bytes` of the word on which the consumer sleeps in mode 1. */
  readonly peerWaiterOffset: number;

  readonly #words: Int32Array;
  readonly #waiter: Waiter;
  readonly #name: string | undefined;
  #batchBytes: number;
  readonly #capacity: number;
  readonly #mask: number;
  readonly #data: number;
  readonly #headWord: number;
  readonly #tailWord: number;
  readonly #waiterWord: number;
  readonly #peerWaiterWord: number;
  readonly #stateWord: number;
  readonly #peerStateWord: number;
  readonly #kept: KeptRecords | undefined;

  // Indices are int32 here, so that they stay small integers; only differences are looked at
  #head: number;
  #published: number;
  /** What may be overwritten ends here: at the last tail that was seen, or, in a kept ring, at the oldest record. */
  #tail: number;
  #claimed = NOTHING;
  #stalled = false;
  #looks = 0;
  /** Of `peerClosed`, which counts for itself: with one counter for two looks in turns, one of them would never be the 16th. */
  #peerLooks = 0;
  #newMessages = 0;
  #newBytes = 0;
  #message: Uint8Array | undefined;
  #sent = 0;

  /**
   * Takes the producer's end. It goes on where the last producer's publications ended; what that one had not published
   * is gone, and a message that it left unfinished never arrives.
   *
   * @param memory the ring
   * @param waiter wakes the consumer
   * @param options see {@link RingProducerOptions}
   * @throws {RangeError} if the memory or `batchBytes` does not fit
   * @throws {IpcError} `IPC_CORRUPT` if the header or an index is wrong
   */
  constructor(memory: RingMemory, waiter: Waiter, options: RingProducerOptions = {}) {
    const { batchBytes = 0, pid = 0, keeping } = options;
    const { words, bytes, offset, capacity, name } = memory;
    const { data, head, tail } = readPosition(memory, keeping === undefined ? undefined : KIND_KEPT);
    checkBatchBytes(batchBytes, capacity);
    this.bytes = bytes;
    this.largestPayload = capacity / 2 - RECORD_HEADER_BYTES;
    this.waiterOffset = offset + PRODUCER_WAITER_OFFSET;
    this.peerWaiterOffset = offset + CONSUMER_WAITER_OFFSET;
    this.#words = words;
    this.copier = memory.copier ?? new ViewCopier(memory);
    this.#waiter = waiter;
    this.#name = name;
    this.#batchBytes = batchBytes;
    this.#capacity = capacity;
    this.#mask = capacity - 1;
    this.#data = data;
    this.#headWord = (offset + HEAD_OFFSET) >>> 2;
    this.#tailWord = (offset + TAIL_OFFSET) >>> 2;
    this.#waiterWord = this.waiterOffset >>> 2;
    this.#peerWaiterWord = this.peerWaiterOffset >>> 2;
    this.#stateWord = (offset + PRODUCER_STATE_OFFSET) >>> 2;
    this.#peerStateWord = (offset + CONSUMER_STATE_OFFSET) >>> 2;
    this.#head = head;
    this.#published = head;
    this.#kept = keeping === undefined ? undefined : new KeptRecords(memory, data, keeping);
    this.#tail = keeping === undefined ? tail : readOldest(memory, head, tail);
    // The producer before this one may have died asleep; pairs with the exchange in wakePeer
    Atomics.store(words, this.#waiterWord, AWAKE);
    enterState(words, this.#stateWord, pid);
  }

  /**
   * Bytes of the ring that are free now. A message of n bytes takes n + 8, rounded up to 16.
   *
   * @throws {IpcError} `IPC_CORRUPT` if the consumer's index is wrong
   */
  get free(): number {
    // Pairs with the store in consumer.ts flush. The cached tail stays: prepareWait needs the one that was too small.
    const tail = loadIndex(this.#words, this.#tailWord);
    checkSpan(this.#name, this.#head, tail, this.#capacity);
    return this.#capacity - ((this.#head - tail) >>> 0);
  }

  /** Bytes of records to collect before they are made visible together, see {@link RingProducerOptions}. Setting 0 publishes. */
  get batchBytes(): number {
    return this.#batchBytes;
  }

  set batchBytes(value: number) {
    checkBatchBytes(value, this.#capacity);
    this.#batchBytes = value;
    if (value === 0) this.flush();
  }

  /** Bytes of records committed, but not yet visible to the consumer. */
  get pending(): number {
    return (this.#head - this.#published) >>> 0;
  }

  /**
   * What the consumer's end says of itself: 0 never attached, 1 attached, 2 closed. A consumer that died says 1; its role
   * lock knows better.
   *
   * @throws {IpcError} `IPC_CORRUPT` if it is none of these
   */
  get peerState(): number {
    // Pairs with the stores in enterState and consumer.ts close
    return checkState(this.#name, loadIndex(this.#words, this.#peerStateWord));
  }

  /**
   * Whether the consumer has closed, for a caller that looks before each message: a plain look, except for each 16th, see the note on polling
   * in docs/ring-layout.md.
   *
   * @throws {IpcError} `IPC_CORRUPT` as `peerState`, at an ordered look
   */
  get peerClosed(): boolean {
    if ((++this.#peerLooks & 15) !== 0) return this.#words[this.#peerStateWord] === STATE_CLOSED;
    return this.peerState === STATE_CLOSED;
  }

  /** Whether a message from `beginMessage` is not finished. */
  get inMessage(): boolean {
    return this.#claimed === MESSAGE;
  }

  /**
   * Sends a whole message, or nothing. One that is larger than `largestPayload` goes in fragments, all at once.
   *
   * @param message the bytes; they may be reused when this returns
   * @returns false if the ring has no room for it now
   * @throws {TypeError} if a claim or a message is open
   * @throws {IpcError} `IPC_TOO_LARGE` if it would not even fit in the empty ring: `beginMessage` sends it in steps;
   *   `IPC_CLOSED` after `close()`; `IPC_CORRUPT` if the consumer's words are wrong
   */
  tryPush(message: Uint8Array): boolean {
    const length = message.length;
    if (this.#claimed !== NOTHING) this.#refuse();
    if (length > this.largestPayload) return this.#tryPushFragments(message);
    const size = (length + 23) & ~15;
    if (((this.#head - this.#tail) | 0) + size > this.#capacity && !this.#makeRoom(size)) return false;
    const at = this.#data + (this.#head & this.#mask);
    this.copier.copyIn(at + RECORD_HEADER_BYTES, message, length);
    this.#append(at, length, size, 0);
    return true;
  }

  /**
   * Claims room for a message, to be written in place: bytes `offset` to `offset + length - 1` of `bytes`, which hold old
   * data. The claim lasts until `commit` or `abort`.
   *
   * @param length the largest size that the message may get, in bytes, up to `largestPayload`
   * @returns the byte offset, a multiple of 8, or -1 if the ring has no room for it now
   * @throws {TypeError} if a claim or a message is open
   * @throws {RangeError} if the length is not an integer from 0
   * @throws {IpcError} `IPC_TOO_LARGE` beyond `largestPayload`; `IPC_CLOSED` after `close()`; `IPC_CORRUPT` if the
   *   consumer's words are wrong
   */
  tryClaim(length: number): number {
    if (this.#claimed !== NOTHING) this.#refuse();
    if (length >>> 0 !== length || length > this.largestPayload) this.#refuseLength(length);
    const size = (length + 23) & ~15;
    if (((this.#head - this.#tail) | 0) + size > this.#capacity && !this.#makeRoom(size)) return -1;
    this.#claimed = length;
    return this.#data + (this.#head & this.#mask) + RECORD_HEADER_BYTES;
  }

  /**
   * Sends what was written into the claim.
   *
   * @param length the message's size in bytes, up to the length claimed, which is the default
   * @throws {TypeError} if nothing is claimed
   * @throws {RangeError} if the length is not an integer from 0 to the length claimed; the claim stays
   * @throws {IpcError} `IPC_CORRUPT` if the consumer's waiter word is wrong; the message is sent nevertheless
   */
  commit(length: number = this.#claimed): void {
    if (this.#claimed < 0) throw new TypeError("Cannot commit: nothing is claimed, tryClaim() comes first");
    if (length >>> 0 !== length || length > this.#claimed) {
      throw new RangeError(`Cannot commit ${length} bytes: an integer from 0 to ${this.#claimed} would be right`);
    }
    this.#claimed = NOTHING;
    this.#append(this.#data + (this.#head & this.#mask), length, (length + 23) & ~15, 0);
  }

  /** Gives a claim back without sending. Does nothing if nothing is claimed. */
  abort(): void {
    if (this.#claimed >= 0) this.#claimed = NOTHING;
  }

  /**
   * Begins a message of any size. `continueMessage` sends it, as far as there is room at each call. Until it is finished
   * or abandoned, nothing else can be sent.
   *
   * @param message the bytes, which must not change until the message is finished
   * @throws {TypeError} if a claim or a message is open
   * @throws {IpcError} `IPC_CLOSED` after `close()`
   *
   * @example A message of ten times the ring
   * ```ts
   * import { allocateRing, RingConsumer, RingProducer } from "millrace/ring";
   *
   * const memory = allocateRing(4096);
   * const nobodySleeps = { wake() {} };
   * const producer = new RingProducer(memory, nobodySleeps);
   * const consumer = new RingConsumer(memory, nobodySleeps);
   *
   * let received: Uint8Array | undefined;
   * producer.beginMessage(new Uint8Array(40_960));
   * while (!producer.continueMessage()) received = consumer.tryPop(); // here a real caller waits
   * received ??= consumer.tryPop();
   * console.log(received?.length); // 40960
   * ```
   */
  beginMessage(message: Uint8Array): void {
    if (this.#claimed !== NOTHING) this.#refuse();
    this.#message = message;
    this.#sent = 0;
    this.#claimed = MESSAGE;
  }

  /**
   * Sends as much of the message as there is room for.
   *
   * @returns true when the message is finished; false if it needs more room: wait and call again
   * @throws {TypeError} if no message was begun
   * @throws {IpcError} `IPC_CORRUPT` if the consumer's words are wrong
   */
  continueMessage(): boolean {
    const message = this.#message;
    if (message === undefined) throw new TypeError("Cannot continue: no message was begun");
    const length = message.length;
    // Quarters, so that the consumer empties one while the next is written
    const largest = length <= this.largestPayload ? length : this.#fragmentPayload();
    do {
      const rest = length - this.#sent;
      const piece = rest < largest ? rest : largest;
      const size = (piece + 23) & ~15;
      if (((this.#head - this.#tail) | 0) + size > this.#capacity && !this.#makeRoom(size)) return false;
      const at = this.#data + (this.#head & this.#mask);
      const part = piece === length ? message : message.subarray(this.#sent, this.#sent + piece);
      this.copier.copyIn(at + RECORD_HEADER_BYTES, part, piece);
      const flags = (this.#sent === 0 ? 0 : FLAG_CONTINUED) | (piece === rest ? 0 : FLAG_MORE);
      this.#sent += piece;
      if (piece === rest) this.abandonMessage();
      this.#append(at, piece, size, flags);
    } while (this.#message !== undefined);
    return true;
  }

  /** Copies what is left of a begun message, so that the caller may use its bytes again. Does nothing if no message is open. */
  keepMessage(): void {
    // Whole, because the flags of the next fragment depend on what was sent. Not slice(), which is no copy for a Buffer.
    if (this.#message !== undefined) this.#message = new Uint8Array(this.#message);
  }

  /**
   * Gives a begun message up. If fragments of it are out, the consumer drops them when it sees the next message. Does
   * nothing if no message is open.
   */
  abandonMessage(): void {
    if (this.#claimed !== MESSAGE) return;
    this.#message = undefined;
    this.#claimed = NOTHING;
  }

  /**
   * Makes everything committed visible to the consumer, and wakes it if it sleeps. Committing does so by itself when the
   * batch is full or the consumer sleeps.
   *
   * @throws {IpcError} `IPC_CORRUPT` if the consumer's waiter word is wrong; everything is visible nevertheless
   */
  flush(): void {
    if (this.#head === this.#published) return;
    const words = this.#words;
    const carryWord = this.#headWord + (FROM_INDEX_TO_CARRY >> 2);
    addToCounter(words, this.#headWord + (FROM_INDEX_TO_MESSAGES >> 2), carryWord, this.#newMessages);
    addToCounter(words, this.#headWord + (FROM_INDEX_TO_BYTES >> 2), carryWord, this.#newBytes);
    this.#newMessages = 0;
    this.#newBytes = 0;
    if (this.#kept !== undefined) this.#kept.publishing(this.#published, this.#head);
    this.#published = this.#head;
    // Pairs with the loads in consumer.ts: #refill sees the records complete, prepareWait sees this or is seen below
    Atomics.store(words, this.#headWord, this.#head);
    // Pairs with the store in consumer.ts prepareWait
    if (loadAfterStore(words, this.#peerWaiterWord) !== AWAKE) this.#wakeConsumer();
  }

  /**
   * One look before sleeping, for a caller that spins a little: cheap, and without side effects. A plain look, except for each 16th, see
   * the note on polling in docs/ring-layout.md. Call `flush()` before the first one.
   *
   * @returns true if the consumer has moved since the ring was last found full, or has closed, so that `prepareWait` would say false
   */
  poll(): boolean {
    if (!this.#stalled) return true;
    const words = this.#words;
    if ((++this.#looks & 15) !== 0) return words[this.#tailWord] !== this.#tail;
    // Pair with the stores in consumer.ts flush and close
    return loadIndex(words, this.#tailWord) !== this.#tail || loadIndex(words, this.#peerStateWord) === STATE_CLOSED;
  }

  /**
   * Announces that this end is about to sleep until there is room. Everything committed is published first.
   *
   * @param mode how it will sleep: 1 in futex(2) on the word at `waiterOffset` while that is 1; 2 until its bell rings
   * @returns true if it may sleep, and then calls `cancelWait()` when awake; false if something has changed since the ring
   *   was last found full: try again instead
   * @throws {IpcError} `IPC_CORRUPT` if the consumer's waiter word is wrong
   */
  prepareWait(mode: WaitMode): boolean {
    if (this.#claimed === CLOSED) this.#refuse();
    this.flush();
    if (!this.#stalled) return false;
    const words = this.#words;
    // Pairs with the load in consumer.ts flush and close: that one sees this word, or the loads below see its store
    Atomics.store(words, this.#waiterWord, mode);
    // Pair with the stores in consumer.ts flush and close
    const tail = Atomics.load(words, this.#tailWord);
    if (tail === this.#tail && Atomics.load(words, this.#peerStateWord) !== STATE_CLOSED) return true;
    Atomics.store(words, this.#waiterWord, AWAKE);
    return false;
  }

  /**
   * One more look while asleep, some milliseconds after `prepareWait`: a consumer that gave room back in the moment in which this end fell
   * asleep may have missed it. By then its store has arrived, and all that it does later finds this end asleep; so one look is enough.
   *
   * @returns true if there is room now or the consumer has closed: call `cancelWait()` and try again
   */
  lookAgain(): boolean {
    const words = this.#words;
    // Pair with the stores in consumer.ts #giveBack and close
    return (
      Atomics.load(words, this.#tailWord) !== this.#tail || Atomics.load(words, this.#peerStateWord) === STATE_CLOSED
    );
  }

  /**
   * Ends a wait, whoever ended it.
   *
   * @returns true if the consumer has taken the wait up: its wake has come or is about to come (in mode 2, a byte in the bell)
   */
  cancelWait(): boolean {
    // Pairs with the exchange in wakePeer
    return Atomics.exchange(this.#words, this.#waiterWord, AWAKE) === AWAKE;
  }

  /**
   * Publishes what is committed, gives open claims and messages up, says that this end is closed and wakes the consumer.
   * Closing again does nothing. The memory stays as it is.
   *
   * @throws {IpcError} `IPC_CORRUPT` if the consumer's waiter word is wrong; this end is closed nevertheless
   */
  close(): void {
    if (this.#claimed === CLOSED) return;
    this.#message = undefined;
    this.#claimed = CLOSED;
    try {
      this.flush();
    } finally {
      // Pairs with the loads in consumer.ts ended and prepareWait; after the head, so that who sees this sees all messages
      Atomics.store(this.#words, this.#stateWord, STATE_CLOSED);
      // Pairs with the store in consumer.ts prepareWait
      if (Atomics.load(this.#words, this.#peerWaiterWord) !== AWAKE) this.#wakeConsumer();
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Writes the record header, moves the head on, and publishes if it is time. */
  #append(at: number, length: number, size: number, flags: number): void {
    const words = this.#words;
    const word = at >>> 2;
    words[word] = length;
    words[word + 1] = flags;
    this.#head = (this.#head + size) | 0;
    this.#newBytes += length;
    if ((flags & FLAG_MORE) === 0) this.#newMessages++;
    // The plain look at the waiter word may come too early, which makes the batch wait for the next message or flush;
    // the look that decides is in flush
    if (((this.#head - this.#published) | 0) >= this.#batchBytes || words[this.#peerWaiterWord] !== AWAKE) this.flush();
  }

  /** Looks at the consumer's index again, since the ring seemed full. */
  #makeRoom(size: number): boolean {
    const words = this.#words;
    // A plain look first, see the note on polling in docs/ring-layout.md; it may be hoisted, so each 16th look is an ordered one
    if (words[this.#tailWord] !== this.#tail || (++this.#looks & 15) === 0) {
      // Pairs with the store in consumer.ts flush: the consumer has read what lies before it
      const tail = loadIndex(words, this.#tailWord);
      checkSpan(this.#name, this.#head, tail, this.#capacity);
      const kept = tail === this.#tail ? undefined : this.#kept;
      this.#tail = kept === undefined ? tail : kept.giveUp(this.#head, size);
      if (((this.#head - this.#tail) >>> 0) + size <= this.#capacity) {
        this.#stalled = false;
        return true;
      }
    }
    if (!this.#stalled) {
      this.#stalled = true;
      const stallsWord = this.#headWord + (FROM_INDEX_TO_STALLS >> 2);
      words[stallsWord] = ((words[stallsWord] as number) + 1) | 0;
    }
    // What the consumer cannot see it will never release
    this.flush();
    return false;
  }

  #tryPushFragments(message: Uint8Array): boolean {
    const payload = this.#fragmentPayload();
    const fullOnes = Math.floor((message.length - 1) / payload);
    const last = message.length - fullOnes * payload;
    const size = fullOnes * (payload + RECORD_HEADER_BYTES) + ((last + 23) & ~15);
    if (size > this.#capacity) {
      throw new IpcError(
        "IPC_TOO_LARGE",
        `Cannot push ${message.length} bytes at once into ring ${JSON.stringify(this.#name ?? "")}: its capacity of ${this.#capacity} holds up to ${this.#capacity - 4 * RECORD_HEADER_BYTES}, more must wait for the consumer`,
      );
    }
    if (((this.#head - this.#tail) | 0) + size > this.#capacity && !this.#makeRoom(size)) return false;
    this.beginMessage(message);
    return this.continueMessage();
  }

  #fragmentPayload(): number {
    return this.#capacity / 4 - RECORD_HEADER_BYTES;
  }

  #wakeConsumer(): void {
    const wakesWord = this.#headWord + (FROM_INDEX_TO_WAKES >> 2);
    wakePeer(this.#words, this.#peerWaiterWord, wakesWord, this.#waiter, this.#name);
  }

  #refuse(): never {
    if (this.#claimed === CLOSED) {
      throw new IpcError("IPC_CLOSED", `Cannot send to ring ${JSON.stringify(this.#name ?? "")}: this end is closed`);
    }
    if (this.#claimed === MESSAGE) {
      throw new TypeError("Cannot send: a message is not finished, continueMessage() or abandonMessage() comes first");
    }
    throw new TypeError(`Cannot send: ${this.#claimed} bytes are claimed, commit() or abort() comes first`);
  }

  #refuseLength(length: number): never {
    if (Number.isInteger(length) && length > this.largestPayload) {
      throw new IpcError(
        "IPC_TOO_LARGE",
        `Cannot claim ${length} bytes in ring ${JSON.stringify(this.#name ?? "")}: at most ${this.largestPayload} fit in one record`,
      );
    }
    throw new RangeError(`Cannot claim ${length} bytes: an integer from 0 to ${this.largestPayload} would be right`);
  }
}

function checkBatchBytes(batchBytes: number, capacity: number): void {
  if (!Number.isInteger(batchBytes) || batchBytes < 0 || batchBytes > capacity / 2) {
    throw new RangeError(`Cannot batch ${batchBytes} bytes: an integer from 0 to ${capacity / 2} would be right`);
  }
}
