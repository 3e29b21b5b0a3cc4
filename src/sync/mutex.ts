/* Longer than most: half of it is what its users need to know of each call. */

import { domainError } from "../error-table.ts";
import { IpcError } from "../errors.ts";
import { CLOCK_MONOTONIC, FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS, PTHREAD_MUTEX } from "../ffi/abi/current.ts";
import { ENOTRECOVERABLE } from "../ffi/abi/errno.ts";
import { futexWake } from "../ffi/futex.ts";
import { gettid } from "../ffi/ids.ts";
import { callBlocking } from "../ffi/off-thread/blocking-call.ts";
import { LOOK_AT_LOCK_AFTER } from "../ffi/off-thread/blocking-sequences.ts";
import {
  OWNER_DIED,
  pthreadMutexClocklock,
  pthreadMutexDestroy,
  pthreadMutexInit,
  pthreadMutexTimedlock,
  pthreadMutexTrylock,
} from "../ffi/pthread-mutex.ts";
import { TIMED_OUT, WOULD_BLOCK } from "../ffi/results.ts";
import { SystemError } from "../ffi/system-error.ts";
import { beforeBlocking } from "../objects/before-blocking.ts";
import { checkOptionNames } from "../objects/check-option-names.ts";
import { TimeLimit } from "../wait/time-limit.ts";
import { checkSyncOptions, checkWaitOptions, timeoutError, type WaitOptions } from "../wait/wait-options.ts";
import { mutexFailure } from "./mutex-failure.ts";
import { MutexGuard } from "./mutex-guard.ts";
import { placeAddress, placeWord, type SharedPlace } from "./place.ts";

/** How {@link Mutex.create} makes a mutex. */
export interface MutexOptions {
  /**
   * What locking it again by the thread that has it does: `"errorcheck"`, the default, fails with `EDEADLK`; `"normal"` blocks for ever;
   * `"recursive"` counts. `tryLock` and `lock` count as well with `"recursive"`, so it does not keep the tasks of one thread apart.
   */
  type?: "normal" | "errorcheck" | "recursive";
  /** Whether the next one gets the lock when the owner ends with it. Default: true. Without it that one waits for ever. */
  robust?: boolean;
}

/** What glibc has in `__kind`, the same on all its platforms, since processes of several versions share it. */
const KIND_ROBUST = 16;
const KIND_INHERITS_PRIORITY = 32;
const KIND_PROTECTS_PRIORITY = 64;
const KIND_SHARED = 128;
/** What glibc has in `__owner` once nobody repaired the data. */
const NOT_RECOVERABLE = 0x7fff_fffe;

/**
 * A lock that one thread of all processes has at a time: glibc's `pthread_mutex_t` in shared memory, which C programs use as well.
 *
 * By default it is robust: when a process ends with the lock, be it by SIGKILL, the next one gets it, with
 * {@link MutexGuard.ownerDied} set.
 *
 * The lock belongs to the thread. The tasks of one thread keep each other out with `lock()`, which waits for the guard of the other
 * task; `lockSync()` would wait for itself there, and fails with `EDEADLK`. Whoever waits longest is not served first.
 *
 * The mutex holds no resource but its place in the memory, which has to stay mapped while anybody here has the lock or waits for it.
 *
 * @example Count in two processes
 * ```ts
 * import { Mutex, SharedMemory } from "millrace";
 *
 * using memory = SharedMemory.create("mutex-example", 4096);
 * const mutex = Mutex.create(memory, 0); // the other process: Mutex.at(memory, 0)
 * await mutex.withLock((guard) => {
 *   if (guard.ownerDied) guard.repaired();
 *   memory.bytes[64] = (memory.bytes[64] ?? 0) + 1;
 * });
 * console.log(memory.bytes[64]);
 * memory.remove();
 * // Output: 1
 * ```
 * @see https://man7.org/linux/man-pages/man3/pthread_mutex_lock.3p.html
 */
export class Mutex {
  /** Bytes that a mutex takes. */
  static readonly bytes: number = PTHREAD_MUTEX.sizeof;

  /** Native address. */
  readonly address: number;
  /** Whether the next one gets the lock when the owner ends with it. */
  readonly robust: boolean;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #lock: number;
  readonly #owner: number;
  readonly #kindAt: number;
  readonly #kind: number;
  readonly #name: string;

  /**
   * Makes a mutex. Make it before others use the memory, and once.
   *
   * @param memory shared memory
   * @param offset where in it, in bytes; a multiple of 8, with {@link Mutex.bytes} bytes that nobody else uses
   * @throws {TypeError | RangeError} when it would not lie there, or an option is of the wrong type
   * @see https://man7.org/linux/man-pages/man3/pthread_mutex_init.3p.html
   */
  static create(memory: SharedPlace, offset: number, options: MutexOptions = {}): Mutex {
    checkOptionNames("Mutex.create()", options, { type: "", robust: "boolean" });
    const { type = "errorcheck", robust = true } = options;
    pthreadMutexInit(placeAddress(memory, offset, Mutex.bytes, 8), { type, robust });
    return new Mutex(memory, offset);
  }

  /**
   * A mutex that exists, made by {@link Mutex.create} or a C program, perhaps in another process.
   *
   * @param memory shared memory
   * @param offset where in it, in bytes
   * @throws {TypeError | RangeError} as {@link Mutex.create}
   * @throws {IpcError} `IPC_NOT_FOUND` when there is no mutex which processes share
   * @throws {IpcError} `IPC_UNSUPPORTED` when it changes priorities (`PTHREAD_PRIO_INHERIT`, `PTHREAD_PRIO_PROTECT`)
   */
  static at(memory: SharedPlace, offset: number): Mutex {
    placeAddress(memory, offset, Mutex.bytes, 8);
    return new Mutex(memory, offset);
  }

  private constructor(memory: SharedPlace, offset: number) {
    this.address = placeAddress(memory, offset, Mutex.bytes, 8);
    this.#name = `the mutex at byte ${offset}`;
    this.#words = memory.arena.words;
    this.#lock = placeWord(memory, offset + PTHREAD_MUTEX.__data___lock.offset);
    this.#owner = placeWord(memory, offset + PTHREAD_MUTEX.__data___owner.offset);
    this.#kindAt = placeWord(memory, offset + PTHREAD_MUTEX.__data___kind.offset);
    this.#kind = Atomics.load(this.#words, this.#kindAt);
    // -1 after pthread_mutex_destroy, 0 in fresh memory
    if (this.#kind < 0 || (this.#kind & KIND_SHARED) === 0) {
      throw new IpcError(
        "IPC_NOT_FOUND",
        `Cannot use ${this.#name}: there is none that processes share. Make it with Mutex.create first`,
      );
    }
    if ((this.#kind & (KIND_INHERITS_PRIORITY | KIND_PROTECTS_PRIORITY)) !== 0) {
      throw new IpcError("IPC_UNSUPPORTED", `Cannot use ${this.#name}: it changes priorities, which is not supported`);
    }
    this.robust = (this.#kind & KIND_ROBUST) !== 0;
  }

  /**
   * Takes the lock if it is free.
   *
   * @returns `undefined` when somebody has it, also another task of this thread
   * @throws {IpcError} `IPC_OWNER_DIED` when an owner died and the next one unlocked it without `repaired()`; nobody can use it any more
   * @throws {IpcError} `IPC_NOT_FOUND` when it was destroyed, or the memory is not mapped any more
   * @throws {IpcError} `IPC_LIMIT` when it is recursive and locked too often
   */
  tryLock(): MutexGuard | undefined {
    this.#check();
    let result: number;
    try {
      result = pthreadMutexTrylock(this.address);
    } catch (error) {
      const { code } = error as SystemError;
      // so says a robust one of this thread's own
      if (code === "EDEADLK") return undefined;
      if (code === "ENOTRECOVERABLE") this.#letGo();
      throw mutexFailure(this, error);
    }
    return result === WOULD_BLOCK ? undefined : new MutexGuard(this, result === OWNER_DIED);
  }

  /**
   * Takes the lock, and waits until it is free. The event loop goes on.
   *
   * @throws {IpcError} `IPC_TIMEOUT`, `IPC_ABORTED`: the lock was not taken
   * @throws {IpcError} as {@link Mutex.tryLock}; `IPC_WORKER_CRASHED` when the thread that waits ended by itself
   */
  async lock(options: WaitOptions = {}): Promise<MutexGuard> {
    checkWaitOptions(options);
    const limit = new TimeLimit(`lock() of ${this.#name}`, options);
    limit.throwIfAborted();
    const free = this.tryLock();
    if (free !== undefined) return free;
    for (;;) {
      limit.throwIfOver();
      // Only this thread can take the lock for this thread, so the other one only waits: see awaitUnlocked in blocking-sequences.ts
      if (this.#mark()) {
        const timeout = limit.left()?.timeout ?? Number.POSITIVE_INFINITY;
        await callBlocking("awaitUnlocked", [this.address, this.robust ? 1 : 0, timeout], options.signal);
        limit.throwIfAborted();
      }
      const guard = this.tryLock();
      if (guard !== undefined) {
        this.#markOwn();
        return guard;
      }
    }
  }

  /**
   * As {@link Mutex.lock}, but blocks the thread.
   *
   * @param options `timeout` in milliseconds
   * @throws {IpcError} `IPC_TIMEOUT`, and as {@link Mutex.tryLock}
   * @throws {SystemError} `EDEADLK` when this thread has the lock (`errorcheck`)
   * @see https://sourceware.org/glibc/manual/latest/html_node/Waiting-with-Explicit-Clocks.html
   */
  lockSync(options: { timeout?: number } = {}): MutexGuard {
    checkSyncOptions(options);
    const { timeout = Number.POSITIVE_INFINITY } = options;
    if (Atomics.load(this.#words, this.#lock) === 0) {
      const free = this.tryLock();
      if (free !== undefined) return free;
    }
    this.#check();
    if (timeout > 0) beforeBlocking();
    const end = performance.now() + timeout;
    for (;;) {
      const left = Math.max(0, end - performance.now());
      const result = this.#block(Math.min(left, LOOK_AT_LOCK_AFTER), timeout);
      if (result !== TIMED_OUT) return new MutexGuard(this, result === OWNER_DIED);
      if (left <= LOOK_AT_LOCK_AFTER) throw timeoutError(`lockSync() of ${this.#name}`, timeout);
    }
  }

  /**
   * Runs `fn` with the lock, which ends when `fn` does, or what it promises.
   *
   * @param fn gets the guard, to look at `ownerDied`
   * @param options of the wait for the lock
   * @returns what `fn` gives
   * @throws as {@link Mutex.lock}, and what `fn` throws
   */
  async withLock<Value>(fn: (guard: MutexGuard) => Value | Promise<Value>, options: WaitOptions = {}): Promise<Value> {
    if (typeof fn !== "function") throw new TypeError(`withLock() runs a function, not ${String(fn)}`);
    const guard = await this.lock(options);
    try {
      return await fn(guard);
    } finally {
      guard.unlock();
    }
  }

  /**
   * Ends the mutex for everybody. Nobody may use it any more, nor wait for it.
   *
   * @throws {IpcError} `IPC_BUSY` when somebody has the lock
   * @see https://man7.org/linux/man-pages/man3/pthread_mutex_destroy.3p.html
   */
  destroy(): void {
    this.#check(false);
    try {
      // glibc does not look at the lock of a robust one
      const word = Atomics.load(this.#words, this.#lock);
      if (this.robust && word !== 0 && (word & FUTEX_OWNER_DIED) === 0) {
        throw new IpcError(
          "IPC_BUSY",
          `Cannot destroy ${this.#name}: the thread ${word & FUTEX_TID_MASK} has locked it`,
        );
      }
      pthreadMutexDestroy(this.address);
    } catch (error) {
      throw domainError("lock", error, `Cannot destroy ${this.#name}: somebody has locked it`);
    }
  }

  /** For messages. */
  toString(): string {
    return this.#name;
  }

  /**
   * One part of a wait that blocks. A wake-up can be lost with a process that is killed as it is woken: the kernel hands it on only when
   * nobody has the lock then, and the unlock of somebody who has it wakes nobody, as it has no mark. So whoever waits looks again.
   */
  #block(part: number, timeout: number): number {
    try {
      // without a limit, what every glibc has; whether somebody sets that clock matters little then
      if (timeout === Number.POSITIVE_INFINITY) return pthreadMutexTimedlock(this.address, part);
      return pthreadMutexClocklock(this.address, CLOCK_MONOTONIC, part);
    } catch (error) {
      throw mutexFailure(this, error);
    }
  }

  /**
   * Says to the owner that somebody waits, as glibc's waiters do (`FUTEX_WAITERS` of a robust mutex, 2 of others).
   *
   * Pairs with the exchange for 0 in glibc's unlock, which wakes a waiter when it finds the mark, and with the kernel, which does so
   * when an owner of a robust mutex ends. The word can change until the waiter sleeps: then the kernel does not let it.
   *
   * @returns false when the lock is free
   */
  #mark(): boolean {
    for (;;) {
      const word = Atomics.load(this.#words, this.#lock);
      if (word === 0 || (this.robust && (word & FUTEX_OWNER_DIED) !== 0)) return false;
      const marked = this.robust ? word | FUTEX_WAITERS : 2;
      if (word === marked || Atomics.compareExchange(this.#words, this.#lock, word, marked) === word) return true;
    }
  }

  /**
   * Sets the mark on the lock that this thread has just taken after a wait: others may still sleep, whom the one that woke us did not
   * wake. Whoever was woken next finds the mark and goes to sleep again; without it, all who wait would be woken one by one.
   */
  #markOwn(): void {
    if (this.robust) Atomics.or(this.#words, this.#lock, FUTEX_WAITERS);
    else Atomics.store(this.#words, this.#lock, 2);
  }

  /**
   * glibc's pthread_mutex_trylock leaves an unrecoverable mutex with this thread's id in the word: what waits would wait for ever.
   * As glibc's own unlock, this sets 0 and wakes; all that are woken find `ENOTRECOVERABLE`.
   */
  #letGo(): void {
    const word = Atomics.load(this.#words, this.#lock);
    if ((word & FUTEX_TID_MASK) !== gettid()) return;
    Atomics.store(this.#words, this.#lock, 0);
    futexWake(this.address, 0x7fff_ffff);
  }

  /** @param alive whether it has to be of use */
  #check(alive = true): void {
    if (Atomics.load(this.#words, this.#kindAt) !== this.#kind) {
      throw new IpcError(
        "IPC_NOT_FOUND",
        `Cannot use ${this.#name}: it is gone. It was destroyed, or the memory is not mapped any more`,
      );
    }
    // before C is asked: pthread_mutex_lock would wait for a thread that pthread_mutex_trylock left in the word, see letGo
    if (alive && this.robust && Atomics.load(this.#words, this.#owner) === NOT_RECOVERABLE) {
      throw mutexFailure(this, new SystemError("pthread_mutex_lock", ENOTRECOVERABLE));
    }
  }
}
