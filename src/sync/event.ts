/**
 * An event in shared memory, our own object of 8 bytes on the kernel's futex. C programs can join: this is all there is to it.
 *
 * ```
 *   byte 0  state     0                                                            31
 *                     +-----+------+------+----------------------------------------+
 *                     | SET | AUTO | MADE | generation: one more with every set()  |
 *                     +-----+------+------+----------------------------------------+
 *   byte 4  waiters   how many threads sleep on the state, or are about to
 * ```
 *
 * Both words are 32 bits in the machine's byte order, on a multiple of 4, and are only touched with sequentially consistent atomic operations.
 * AUTO and MADE never change. Any process may change the other bits of the state, by compare-and-swap, and add to the waiters.
 *
 * - set: unless SET is there, put SET and the next generation, in one step. Then, in any case, if the waiters are not 0, FUTEX_WAKE all of
 *   them on the state (not FUTEX_PRIVATE_FLAG).
 * - reset: take SET away.
 * - wait, without AUTO: over when SET is there, or the generation is another than at its beginning.
 * - wait, with AUTO: over when its own compare-and-swap took SET away.
 * - to sleep: add 1 to the waiters, load the state, look whether the wait is over, FUTEX_WAIT on the state for the value loaded,
 *   again until it is over; then subtract 1 from the waiters.
 *
 * No wake-up is lost: a set changes the state and then loads the waiters, a wait adds to the waiters and then loads the state. One of the
 * two comes first in the single order of all these operations. If the set did, the wait sees the new state; if the wait did, the set sees the
 * waiter, and FUTEX_WAKE comes either after FUTEX_WAIT slept, or before the kernel compared the state, which then is another one.
 *
 * With AUTO all sleepers are woken although one of them gets the event: so it does not matter when one that was woken is given up or killed
 * before it took SET away, since the others had their turn too, and none needs a wake-up handed on.
 *
 * A process that is killed while it sleeps leaves the waiters too high, which costs a needless system call at each set. One that is
 * killed in the middle of set() may leave SET without having woken the sleepers; the next set(), of anybody, wakes them.
 */

import { IpcError } from "../errors.ts";
import { CLOCK_MONOTONIC, FUTEX_BITSET_MATCH_ANY, FUTEX_WAIT_BITSET, SYS_futex } from "../ffi/abi/current.ts";
import { EAGAIN, EINTR } from "../ffi/abi/errno.ts";
import { clockGettime } from "../ffi/clock.ts";
import { futexWaitBitset, futexWake } from "../ffi/futex.ts";
import { SystemError } from "../ffi/system-error.ts";
import { beforeBlocking } from "../objects/before-blocking.ts";
import { checkOptionNames } from "../objects/check-option-names.ts";
import { TimeLimit } from "../wait/time-limit.ts";
import { checkSyncOptions, checkWaitOptions, timeoutError, type WaitOptions } from "../wait/wait-options.ts";
import { OffThreadWaits } from "./off-thread-waits.ts";
import { placeAddress, placeWord, type SharedPlace } from "./place.ts";

const SET = 1;
const AUTO = 2;
const MADE = 4;
const ONE_GENERATION = 8;
const FLAGS = ONE_GENERATION - 1;

const BYTES = 8;
const ALIGNMENT = 4;
const WAITERS_OFFSET = 4;
const ALL = 0x7fff_ffff;

/** What kind of event. */
export interface EventOptions {
  /** Whether a wait that ends resets the event, so that each `set()` releases exactly one. Default: false. */
  readonly autoReset?: boolean;
}

/**
 * Something that happens, and that processes wait for. It is set or not: a wait ends when it is set.
 *
 * Manual reset (the default): it stays set until `reset()`, and a `set()` releases everybody who waits, also when `reset()` follows at once.
 * Auto reset: a `set()` releases exactly one wait, now or later, and further ones before that add nothing.
 *
 * @example Wait until somebody is ready
 * ```ts
 * import { Event, SharedMemory } from "millrace";
 *
 * using memory = SharedMemory.anonymous(4096);
 * using ready = Event.create(memory, 0);
 * setTimeout(() => ready.set(), 1);
 * await ready.wait({ timeout: 5000 });
 * console.log(ready.isSet); // true
 * // Output:
 * // true
 * ```
 *
 * @see https://man7.org/linux/man-pages/man7/futex.7.html
 */
export class Event {
  /** Size of an event in shared memory, in bytes. */
  static readonly bytes: number = BYTES;

  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #state: number;
  readonly #waiters: number;
  readonly #address: number;
  readonly #what: string;
  readonly #waits = new OffThreadWaits();
  /** How many of the waiters are waits of this handle. */
  #sleepers = 0;
  #open = true;

  private constructor(memory: SharedPlace, offset: number) {
    this.#address = placeAddress(memory, offset, BYTES, ALIGNMENT);
    this.#words = memory.arena.words;
    this.#state = placeWord(memory, offset);
    this.#waiters = placeWord(memory, offset + WAITERS_OFFSET);
    this.#what = `the event at byte ${offset} of shared memory`;
  }

  /**
   * Makes an event, which is not set. Only one process may do so, before the others use it.
   *
   * @param memory stays mapped while the event is used
   * @param offset in `memory`, in bytes, a multiple of 4; {@link Event.bytes} bytes are used
   * @throws {RangeError} the offset does not fit
   */
  static create(memory: SharedPlace, offset: number, options: EventOptions = {}): Event {
    checkOptionNames("Event.create()", options, { autoReset: "boolean" });
    const { autoReset = false } = options;
    const event = new Event(memory, offset);
    Atomics.store(event.#words, event.#waiters, 0);
    // last: pairs with the load in `at`
    Atomics.store(event.#words, event.#state, MADE | (autoReset ? AUTO : 0));
    return event;
  }

  /**
   * The event that another process made.
   *
   * @param memory stays mapped while the event is used
   * @param offset in `memory`, in bytes, a multiple of 4
   * @throws {IpcError} `IPC_NOT_FOUND` there is none
   * @throws {RangeError} the offset does not fit
   */
  static at(memory: SharedPlace, offset: number): Event {
    const event = new Event(memory, offset);
    // pairs with the last store in `create`
    if ((Atomics.load(event.#words, event.#state) & MADE) === 0) {
      throw new IpcError("IPC_NOT_FOUND", `Cannot use ${event.#what}: there is none. Make it with Event.create first`);
    }
    return event;
  }

  /** Whether a wait that ends resets it. */
  get autoReset(): boolean {
    return (this.#load() & AUTO) !== 0;
  }

  /** Whether it is set at this moment. */
  get isSet(): boolean {
    return (this.#load() & SET) !== 0;
  }

  /** Sets the event. @throws {IpcError} `IPC_CLOSED` this handle is closed */
  set(): void {
    let state = this.#load();
    while ((state & SET) === 0) {
      // publishes what the caller wrote before; pairs with the loads of the state by whoever waits
      const found = this.#swap(state, (state + ONE_GENERATION) | SET | 0);
      if (found === state) break;
      state = found;
    }
    // after the state was changed: pairs with the add in #enter, see above. Also when it was set already: who set it may have died
    if (Atomics.load(this.#words, this.#waiters) !== 0) futexWake(this.#address, ALL);
  }

  /** Makes it not set. @throws {IpcError} `IPC_CLOSED` this handle is closed */
  reset(): void {
    let state = this.#load();
    while ((state & SET) !== 0) {
      // nobody waits for that, so nobody is woken
      const found = this.#swap(state, state & ~SET);
      if (found === state) return;
      state = found;
    }
  }

  /**
   * Waits until the event is set. A wait that is given up has not reset it.
   *
   * @throws {IpcError} `IPC_TIMEOUT`, `IPC_ABORTED`; `IPC_CLOSED` this handle is closed, or was meanwhile
   */
  async wait(options: WaitOptions = {}): Promise<void> {
    const first = this.#load();
    checkWaitOptions(options);
    const what = `wait() for ${this.#what}`;
    const limit = new TimeLimit(what, options);
    limit.throwIfAborted();
    if (this.#take(first)) return;
    limit.throwIfOver();
    this.#enter();
    try {
      for (;;) {
        // after #enter: pairs with the change of the state in set
        const state = this.#load();
        if (this.#take(first)) return;
        limit.throwIfOver();
        if ((state & SET) !== 0) continue;
        const args = [SYS_futex, this.#address, FUTEX_WAIT_BITSET, state, 0, 0, FUTEX_BITSET_MATCH_ANY | 0];
        const { result, errno } = await this.#waits.call(
          what,
          "syscall",
          args,
          limit.left() ?? {},
          options.timeout,
          nothingToGiveBack,
        );
        if (result === -1 && errno !== EAGAIN && errno !== EINTR) throw new SystemError("futex", errno);
      }
    } finally {
      this.#leave();
    }
  }

  /**
   * As {@link Event.wait}, but blocks the thread.
   *
   * @param options `timeout` in milliseconds
   * @throws {IpcError} `IPC_TIMEOUT`; `IPC_CLOSED` this handle is closed
   */
  waitSync(options: Omit<WaitOptions, "signal"> = {}): void {
    const first = this.#load();
    checkSyncOptions(options);
    if (this.#take(first)) return;
    const { timeout = Number.POSITIVE_INFINITY } = options;
    const end = timeout === Number.POSITIVE_INFINITY ? timeout : clockGettime(CLOCK_MONOTONIC) + timeout;
    this.#enter();
    try {
      for (;;) {
        // after #enter: pairs with the change of the state in set
        const state = this.#load();
        if (this.#take(first)) return;
        if ((state & SET) !== 0) continue;
        if (timeout > 0) beforeBlocking();
        // a signal that interrupts it is a reason to look, as a wake is
        if (futexWaitBitset(this.#address, state, end) === "timeout" && !this.#take(first)) {
          throw timeoutError(`waitSync() for ${this.#what}`, timeout);
        }
      }
    } finally {
      this.#leave();
    }
  }

  /**
   * Whether the event is set; one with auto reset is reset by that.
   *
   * @throws {IpcError} `IPC_CLOSED` this handle is closed
   */
  tryWait(): boolean {
    const state = this.#load();
    return (state & SET) !== 0 && this.#take(state);
  }

  /** Gives up the waits of this handle, which end with `IPC_CLOSED`, and closes it. The event stays. Idempotent. */
  close(): void {
    if (!this.#open) return;
    this.#waits.endAll(this.#closed());
    // here and not when the waits resolve: the memory may be gone by then
    if (this.#sleepers > 0) Atomics.sub(this.#words, this.#waiters, this.#sleepers);
    this.#open = false;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Whether the wait that began with the state `first` is over; with auto reset it takes the event. */
  #take(first: number): boolean {
    for (;;) {
      // pairs with the change of the state in set: what was written before that is visible now
      const state = this.#load();
      const isSet = (state & SET) !== 0;
      if ((state & AUTO) === 0) return isSet || (state & ~FLAGS) !== (first & ~FLAGS);
      if (!isSet) return false;
      // of all that see it set exactly one succeeds
      if (this.#swap(state, state & ~SET) === state) return true;
    }
  }

  /** From now on every set() wakes; pairs with the load of the waiters there. */
  #enter(): void {
    Atomics.add(this.#words, this.#waiters, 1);
    this.#sleepers++;
  }

  #leave(): void {
    if (!this.#open) return;
    this.#sleepers--;
    Atomics.sub(this.#words, this.#waiters, 1);
  }

  #load(): number {
    if (!this.#open) throw this.#closed();
    return Atomics.load(this.#words, this.#state);
  }

  #swap(expected: number, next: number): number {
    return Atomics.compareExchange(this.#words, this.#state, expected, next);
  }

  #closed(): IpcError {
    return new IpcError("IPC_CLOSED", `The handle of ${this.#what} is closed. Open it again`);
  }
}

/** A wake-up that reached a wait which is given up: everybody else was woken as well. */
function nothingToGiveBack(): void {}
