/**
 * The writing end of a broadcast. It knows nothing of locks, names, processes or how anybody sleeps: whoever makes a
 * `BroadcastProducer` holds the producer's role. `broadcast-layout.ts` has the rule that makes it safe.
 */
import { IpcError } from "../errors.ts";
import { enterState, readPosition } from "./attach-end.ts";
import {
  BROADCAST_LARGEST_PART,
  BROADCAST_RECORD_HEADER_BYTES,
  BROADCAST_ROOM_PART,
  FROM_HEAD_TO_SEQUENCE,
} from "./broadcast-layout.ts";
import { copyIn } from "./copy.ts";
import { corrupt } from "./corrupt.ts";
import { addToCounter } from "./counter.ts";
import { keepOrder } from "./keep-order.ts";
import {
  AWAKE,
  CONSUMER_WAITER_OFFSET,
  FROM_INDEX_TO_BYTES,
  FROM_INDEX_TO_CARRY,
  FROM_INDEX_TO_MESSAGES,
  FROM_INDEX_TO_WAKES,
  HEAD_OFFSET,
  KIND_BROADCAST,
  PRODUCER_STATE_OFFSET,
  RECORD_ALIGNMENT,
  STATE_CLOSED,
  STATE_NEVER,
  TAIL_OFFSET,
} from "./layout.ts";
import { loadAfterStore } from "./load-index.ts";
import type { RingMemory } from "./ring-memory.ts";

/** How a {@link BroadcastProducer} works. */
export interface BroadcastProducerOptions {
  /** Bytes of records to collect before they are made visible together, up to an eighth of the capacity; 0, the default, publishes each message. */
  batchBytes?: number;
  /** The process id to write into the header; 0, the default, if there is none. */
  pid?: number;
}

/** What a {@link BroadcastProducer} needs from outside: a way to wake those who sleep. */
export interface BroadcastWaker {
  /** Wakes every consumer that sleeps. Called once for all of them, and possibly for nobody. */
  wake(): void;
}

// What #claimed holds when it is no length
const NOTHING = -1;
const CLOSED = -2;

/**
 * The writing end of a broadcast: whole messages by `tryPush`, or in place by `tryClaim` and `commit`. Both always find room, since they
 * overwrite the oldest messages. Nothing here waits or allocates.
 *
 * @example Two readers of one message
 * ```ts
 * import { allocateRing, BroadcastConsumer, BroadcastProducer, KIND_BROADCAST } from "millrace/ring";
 *
 * const memory = allocateRing(4096, KIND_BROADCAST);
 * const producer = new BroadcastProducer(memory, { wake() {} });
 * const readers = [new BroadcastConsumer(memory), new BroadcastConsumer(memory)];
 * producer.tryPush(new Uint8Array([1, 2, 3]));
 * console.log(readers.map((reader) => reader.tryPop()?.length));
 * // Output:
 * // [ 3, 3 ]
 * ```
 */
export class BroadcastProducer {
  /** The buffer that claims point into. */
  readonly bytes: Uint8Array;
  /** Bytes of the largest message: a quarter of the capacity less 16. */
  readonly largestPayload: number;

  readonly #words: Int32Array;
  readonly #waker: BroadcastWaker;
  readonly #name: string | undefined;
  readonly #capacity: number;
  readonly #mask: number;
  readonly #data: number;
  readonly #headWord: number;
  readonly #tailWord: number;
  readonly #waiterWord: number;
  readonly #stateWord: number;
  #batchBytes: number;

  // Indices and sequences are int32 here, so that they stay small integers; only differences are looked at
  #head: number;
  #published: number;
  #tail: number;
  #sequenceLow = 0;
  #sequenceHigh = 0;
  #claimed = NOTHING;
  #newMessages = 0;
  #newBytes = 0;

  /**
   * Takes the producer's end, which can be taken once: a broadcast has one session, so nobody has to make sense of what a producer left
   * that died.
   *
   * @param memory the broadcast's memory
   * @param waker wakes the consumers
   * @param options see {@link BroadcastProducerOptions}
   * @throws {RangeError} if the memory or `batchBytes` does not fit
   * @throws {IpcError} `IPC_CORRUPT` if the header or an index is wrong; `IPC_EXISTS` if there was a producer before
   */
  constructor(memory: RingMemory, waker: BroadcastWaker, options: BroadcastProducerOptions = {}) {
    const { words, bytes, offset, capacity, name } = memory;
    const { batchBytes = 0, pid = 0 } = options;
    const { data, head, tail } = readPosition(memory, KIND_BROADCAST);
    checkBatchBytes(batchBytes, capacity);
    this.bytes = bytes;
    this.largestPayload = capacity / BROADCAST_LARGEST_PART - BROADCAST_RECORD_HEADER_BYTES;
    this.#words = words;
    this.#waker = waker;
    this.#name = name;
    this.#capacity = capacity;
    this.#mask = capacity - 1;
    this.#data = data;
    this.#headWord = (offset + HEAD_OFFSET) >>> 2;
    this.#tailWord = (offset + TAIL_OFFSET) >>> 2;
    this.#waiterWord = (offset + CONSUMER_WAITER_OFFSET) >>> 2;
    this.#stateWord = (offset + PRODUCER_STATE_OFFSET) >>> 2;
    this.#batchBytes = batchBytes;
    this.#head = head;
    this.#published = head;
    this.#tail = tail;
    if (words[this.#stateWord] !== STATE_NEVER || head !== tail) {
      throw new IpcError(
        "IPC_EXISTS",
        `Cannot send to broadcast ${JSON.stringify(name ?? "")}: it has had its producer. Make another one`,
      );
    }
    enterState(words, this.#stateWord, pid);
  }

  /** Bytes of records committed, but not yet visible. */
  get pending(): number {
    return (this.#head - this.#published) >>> 0;
  }

  /** Bytes of records to publish together, see {@link BroadcastProducerOptions}. Setting 0 publishes what is there. */
  get batchBytes(): number {
    return this.#batchBytes;
  }

  set batchBytes(value: number) {
    checkBatchBytes(value, this.#capacity);
    this.#batchBytes = value;
    if (value === 0) this.flush();
  }

  /**
   * Sends a message, by overwriting the oldest ones where there is no other room.
   *
   * @returns true
   * @throws {TypeError} while bytes are claimed
   * @throws {IpcError} `IPC_TOO_LARGE` if it is longer than `largestPayload`; `IPC_CLOSED` after `close()`; `IPC_CORRUPT` if somebody
   *   else wrote into the records
   */
  tryPush(message: Uint8Array): true {
    const { length } = message;
    const at = this.#makeRoom(length);
    copyIn(this.#words, this.bytes, at, message, length);
    this.#append(at, length);
    return true;
  }

  /**
   * Claims room for a message, to be filled by the caller.
   *
   * @param length payload bytes
   * @returns the byte offset in `bytes`, a multiple of 16; the bytes there have any content
   * @throws as `tryPush`, and `RangeError` if `length` is no whole number
   */
  tryClaim(length: number): number {
    if (!Number.isInteger(length) || length < 0) {
      throw new RangeError(`Cannot claim ${length} bytes: an integer from 0 to ${this.largestPayload} would be right`);
    }
    const at = this.#makeRoom(length);
    this.#claimed = length;
    return at;
  }

  /**
   * Sends the first `length` bytes of the claim, by default all of them.
   *
   * @throws {TypeError} if nothing is claimed
   * @throws {RangeError} if it is more than was claimed
   */
  commit(length: number = this.#claimed): void {
    if (this.#claimed < 0) throw new TypeError("Cannot commit: nothing is claimed, tryClaim() comes first");
    if (!Number.isInteger(length) || length < 0 || length > this.#claimed) {
      throw new RangeError(`Cannot commit ${length} bytes: an integer from 0 to ${this.#claimed} would be right`);
    }
    this.#claimed = NOTHING;
    this.#append(this.#data + (this.#head & this.#mask) + BROADCAST_RECORD_HEADER_BYTES, length);
  }

  /** Gives the claim up; nothing is sent. Does nothing without one. */
  abort(): void {
    if (this.#claimed !== CLOSED) this.#claimed = NOTHING;
  }

  /** Makes everything committed visible, and wakes the consumers if one sleeps. */
  flush(): void {
    if (this.#head === this.#published) return;
    const words = this.#words;
    const carryWord = this.#headWord + (FROM_INDEX_TO_CARRY >> 2);
    // Before the head, pairs with #join in broadcast-consumer.ts
    addToCounter(words, this.#headWord + (FROM_INDEX_TO_MESSAGES >> 2), carryWord, this.#newMessages);
    addToCounter(words, this.#headWord + (FROM_INDEX_TO_BYTES >> 2), carryWord, this.#newBytes);
    this.#newMessages = 0;
    this.#newBytes = 0;
    this.#published = this.#head;
    // A release of all records before it; pairs with the loads in broadcast-consumer.ts: #look sees the records complete, prepareWait sees
    // this or is seen below
    Atomics.store(words, this.#headWord, this.#head);
    // After the head (a store is not moved over an atomic store by a compiler; keepOrder does it for processors that would), pairs with #join
    keepOrder();
    words[this.#headWord + (FROM_HEAD_TO_SEQUENCE >> 2)] = this.#sequenceLow;
    // Pairs with the store in broadcast-consumer.ts prepareWait. The plain store in between changes nothing: it is the load that must not
    // come before the store of the head
    if (loadAfterStore(words, this.#waiterWord) !== AWAKE) this.#wakeConsumers();
  }

  /** Publishes what is committed, gives a claim up, says that this end is closed and wakes the consumers. Idempotent. */
  close(): void {
    if (this.#claimed === CLOSED) return;
    this.#claimed = CLOSED;
    try {
      this.flush();
    } finally {
      // Pairs with the loads in broadcast-consumer.ts peerState and prepareWait; after the head, so that who sees this sees all messages
      Atomics.store(this.#words, this.#stateWord, STATE_CLOSED);
      // Pairs with the store in broadcast-consumer.ts prepareWait
      if (Atomics.load(this.#words, this.#waiterWord) !== AWAKE) this.#wakeConsumers();
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Where the payload of the next record goes; nobody looks there any more. */
  #makeRoom(length: number): number {
    if (this.#claimed !== NOTHING) this.#refuse();
    if (length > this.largestPayload) this.#refuseLarge(length);
    const size = recordSize(length);
    if (((this.#head - this.#tail) >>> 0) + size > this.#capacity) this.#giveUpOldest(size);
    return this.#data + (this.#head & this.#mask) + BROADCAST_RECORD_HEADER_BYTES;
  }

  /** Moves the tail on, so that a record of `size` bytes and some more fit before it has to move again. */
  #giveUpOldest(size: number): void {
    const words = this.#words;
    const room = size + this.#capacity / BROADCAST_ROOM_PART;
    let tail = this.#tail;
    let used = (this.#head - tail) >>> 0;
    // At most a quarter and an eighth are made free, and what is not published is at most an eighth and a record; so the tail stays
    // behind the published head
    while (used + room > this.#capacity) {
      // This producer wrote it, but others may write here too, by mistake or on purpose
      const length = (words[(this.#data + (tail & this.#mask)) >>> 2] as number) >>> 0;
      const old = recordSize(length);
      if (length > this.largestPayload || old > used) {
        throw corrupt(this.#name, "the length of the oldest record", length, "what the producer wrote");
      }
      tail = (tail + old) | 0;
      used -= old;
    }
    this.#tail = tail;
    // Pairs with #isWhole in broadcast-consumer.ts: who reads a byte that is written from here on, and then the tail, sees this one
    Atomics.store(words, this.#tailWord, tail);
    keepOrder();
  }

  /** Writes the record's header, moves the head on, and publishes if it is time. */
  #append(at: number, length: number): void {
    const words = this.#words;
    const word = (at - BROADCAST_RECORD_HEADER_BYTES) >>> 2;
    words[word] = length;
    words[word + 1] = 0;
    words[word + 2] = this.#sequenceLow;
    words[word + 3] = this.#sequenceHigh;
    this.#sequenceLow = (this.#sequenceLow + 1) | 0;
    if (this.#sequenceLow === 0) this.#sequenceHigh = (this.#sequenceHigh + 1) | 0;
    this.#head = (this.#head + recordSize(length)) | 0;
    this.#newBytes += length;
    this.#newMessages++;
    // The plain look at the waiter word may come too early, which makes the batch wait for the next message or flush; the look that
    // decides is in flush
    if (((this.#head - this.#published) | 0) >= this.#batchBytes || words[this.#waiterWord] !== AWAKE) this.flush();
  }

  #wakeConsumers(): void {
    // Pairs with the stores in broadcast-consumer.ts prepareWait: a consumer that sets the word after this looks at the head after this, and
    // sees the new one. Whatever the word holds, it asks for one wake: a broken consumer cannot do more than that
    if (Atomics.exchange(this.#words, this.#waiterWord, AWAKE) === AWAKE) return;
    const wakesWord = this.#headWord + (FROM_INDEX_TO_WAKES >> 2);
    this.#words[wakesWord] = ((this.#words[wakesWord] as number) + 1) | 0;
    this.#waker.wake();
  }

  #refuse(): never {
    if (this.#claimed === CLOSED) {
      throw new IpcError(
        "IPC_CLOSED",
        `Cannot send to broadcast ${JSON.stringify(this.#name ?? "")}: this end is closed`,
      );
    }
    throw new TypeError(`Cannot send: ${this.#claimed} bytes are claimed, commit() or abort() comes first`);
  }

  #refuseLarge(length: number): never {
    throw new IpcError(
      "IPC_TOO_LARGE",
      `Cannot send ${length} bytes to broadcast ${JSON.stringify(this.#name ?? "")}: at most ${this.largestPayload} fit, a quarter of its capacity less 16`,
    );
  }
}

function recordSize(length: number): number {
  return (BROADCAST_RECORD_HEADER_BYTES + length + RECORD_ALIGNMENT - 1) & -RECORD_ALIGNMENT;
}

function checkBatchBytes(batchBytes: number, capacity: number): void {
  if (!Number.isInteger(batchBytes) || batchBytes < 0 || batchBytes > capacity / 8) {
    throw new RangeError(`Cannot batch ${batchBytes} bytes: an integer from 0 to ${capacity / 8} would be right`);
  }
}
