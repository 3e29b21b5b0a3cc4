/* Longer than most: half of it is what its users need to know of each call. */

import { domainError } from "../error-table.ts";
import { IpcError } from "../errors.ts";
import { CLOCK_MONOTONIC, PTHREAD_RWLOCK } from "../ffi/abi/current.ts";
import { EDEADLK } from "../ffi/abi/errno.ts";
import { gettid } from "../ffi/ids.ts";
import { callBlocking } from "../ffi/off-thread/blocking-call.ts";
import { pthreadMutexInit, pthreadMutexTrylock } from "../ffi/pthread-mutex.ts";
import {
  pthreadRwlockClockrdlock,
  pthreadRwlockClockwrlock,
  pthreadRwlockDestroy,
  pthreadRwlockInit,
  pthreadRwlockTryrdlock,
  pthreadRwlockTrywrlock,
} from "../ffi/pthread-rwlock.ts";
import { recommendedLibrary } from "../ffi/recommended.ts";
import { TIMED_OUT, WOULD_BLOCK } from "../ffi/results.ts";
import { SystemError } from "../ffi/system-error.ts";
import { beforeBlocking } from "../objects/before-blocking.ts";
import { TimeLimit } from "../wait/time-limit.ts";
import { checkSyncOptions, checkWaitOptions, timeoutError, type WaitOptions } from "../wait/wait-options.ts";
import { placeAddress, placeWord, type SharedPlace } from "./place.ts";
import { RwLockGuard } from "./rw-lock-guard.ts";

type Mode = RwLockGuard["mode"];

/** A task of this thread that waits while another thread takes the lock for it. */
interface Wait {
  readonly lock: number;
  readonly mode: Mode;
  readonly claim: number;
  readonly stop: AbortController;
  /** Whether this thread has locked `claim`. */
  givenUp: boolean;
}

const waits = new Set<Wait>();

/**
 * A lock for many readers or one writer of all processes: glibc's `pthread_rwlock_t` in shared memory, which C programs use as well.
 *
 * Readers come before writers that wait, as glibc has it by default, so a writer waits until there is a moment without readers.
 *
 * It is not robust: a process that ends with the lock, or is killed while it waits to write, leaves it locked for ever. Use a `Mutex`
 * where processes may be killed.
 *
 * A lock to write belongs to the thread. The tasks of one thread keep each other out with `write()` and `read()`; the forms that block
 * fail with `EDEADLK` when this thread writes, and wait for ever when it reads and wants to write.
 *
 * The lock holds no resource but its place in the memory, which has to stay mapped while anybody here has the lock or waits for it.
 *
 * @example Two readers, then a writer
 * ```ts
 * import { RwLock, SharedMemory } from "millrace";
 *
 * using memory = SharedMemory.create("rw-lock-example", 4096);
 * const lock = RwLock.create(memory, 0); // the other process: RwLock.at(memory, 0)
 * {
 *   using one = await lock.read();
 *   using two = await lock.read();
 *   console.log(lock.tryWrite());
 * }
 * using writer = await lock.write({ timeout: 1000 });
 * memory.bytes[64] = 1;
 * memory.remove();
 * // Output: undefined
 * ```
 * @see https://man7.org/linux/man-pages/man3/pthread_rwlock_rdlock.3p.html
 */
export class RwLock {
  /** Bytes that a lock takes. */
  static readonly bytes: number = PTHREAD_RWLOCK.sizeof;

  /** Native address. */
  readonly address: number;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #writer: number;
  readonly #sharedAt: number;
  readonly #name: string;

  /**
   * Makes a lock. Make it before others use the memory, and once.
   *
   * @param memory shared memory
   * @param offset where in it, in bytes; a multiple of 8, with {@link RwLock.bytes} bytes that nobody else uses
   * @throws {TypeError | RangeError} when it would not lie there
   * @see https://man7.org/linux/man-pages/man3/pthread_rwlock_init.3p.html
   */
  static create(memory: SharedPlace, offset: number): RwLock {
    pthreadRwlockInit(placeAddress(memory, offset, RwLock.bytes, 8));
    return new RwLock(memory, offset);
  }

  /**
   * A lock that exists, made by {@link RwLock.create} or a C program, perhaps in another process.
   *
   * @param memory shared memory
   * @param offset where in it, in bytes
   * @throws {TypeError | RangeError} as {@link RwLock.create}
   * @throws {IpcError} `IPC_NOT_FOUND` when there is no lock which processes share
   */
  static at(memory: SharedPlace, offset: number): RwLock {
    return new RwLock(memory, offset);
  }

  private constructor(memory: SharedPlace, offset: number) {
    this.address = placeAddress(memory, offset, RwLock.bytes, 8);
    this.#name = `the lock at byte ${offset}`;
    this.#words = memory.arena.words;
    this.#writer = placeWord(memory, offset + PTHREAD_RWLOCK.__data___cur_writer.offset);
    this.#sharedAt = placeWord(memory, offset + PTHREAD_RWLOCK.__data___shared.offset);
    this.#check();
  }

  /**
   * Takes the lock to read, if no writer has it.
   *
   * @returns `undefined` when a writer has it
   * @throws {IpcError} `IPC_NOT_FOUND` when the memory is not mapped any more; `IPC_LIMIT` when there are too many readers
   */
  tryRead(): RwLockGuard | undefined {
    return this.#try("read");
  }

  /**
   * Takes the lock to write, if nobody has it.
   *
   * @returns `undefined` when somebody has it
   * @throws {IpcError} `IPC_NOT_FOUND` when the memory is not mapped any more
   */
  tryWrite(): RwLockGuard | undefined {
    return this.#try("write");
  }

  /**
   * Takes the lock to read, and waits until no writer has it. The event loop goes on.
   *
   * @throws {IpcError} `IPC_TIMEOUT`, `IPC_ABORTED`: the lock was not taken
   * @throws {IpcError} as {@link RwLock.tryRead}; `IPC_WORKER_CRASHED` when the thread that waits ended by itself
   */
  read(options: WaitOptions = {}): Promise<RwLockGuard> {
    return this.#lock("read", options);
  }

  /**
   * Takes the lock to write, and waits until nobody has it. The event loop goes on.
   *
   * @throws as {@link RwLock.read}
   */
  write(options: WaitOptions = {}): Promise<RwLockGuard> {
    return this.#lock("write", options);
  }

  /**
   * As {@link RwLock.read}, but blocks the thread.
   *
   * @param options `timeout` in milliseconds
   * @throws {IpcError} `IPC_TIMEOUT`, and as {@link RwLock.tryRead}
   * @throws {SystemError} `EDEADLK` when this thread has the lock to write
   */
  readSync(options: { timeout?: number } = {}): RwLockGuard {
    return this.#lockSync("read", options);
  }

  /**
   * As {@link RwLock.write}, but blocks the thread.
   *
   * @param options `timeout` in milliseconds
   * @throws as {@link RwLock.readSync}
   */
  writeSync(options: { timeout?: number } = {}): RwLockGuard {
    return this.#lockSync("write", options);
  }

  /**
   * Ends the lock. Nobody may have it, nor use it any more; glibc does not check that.
   *
   * @see https://man7.org/linux/man-pages/man3/pthread_rwlock_destroy.3p.html
   */
  destroy(): void {
    this.#check();
    pthreadRwlockDestroy(this.address);
  }

  /** For messages. */
  toString(): string {
    return this.#name;
  }

  #try(mode: Mode): RwLockGuard | undefined {
    this.#check();
    try {
      const result = (mode === "read" ? pthreadRwlockTryrdlock : pthreadRwlockTrywrlock)(this.address);
      return result === 0 ? new RwLockGuard(this, mode) : undefined;
    } catch (error) {
      throw this.#failure(mode, error);
    }
  }

  async #lock(mode: Mode, options: WaitOptions): Promise<RwLockGuard> {
    checkWaitOptions(options);
    const what = `${mode}() of ${this.#name}`;
    const limit = new TimeLimit(what, options);
    limit.throwIfAborted();
    for (;;) {
      const free = this.#try(mode);
      if (free !== undefined) return free;
      limit.throwIfOver();
      const guard = await this.#lockOffThread(mode, what, limit.left() ?? {});
      if (guard !== undefined) return guard;
    }
  }

  /**
   * Another thread takes the lock, as any waiter of glibc's, and this one takes it over. A lock to read belongs to nobody. One to write
   * is its thread's only in so far as glibc has noted the thread's id, which the unlock compares with the caller's; nobody but the
   * owner reads or writes that word for another purpose, so it is set to this thread's id here.
   *
   * glibc does not give a thread that waits for such a lock back before its time is over. So a wait that is aborted goes on for a moment
   * behind the caller's back. Who locks `claim` first, the other thread when it has the lock, or this one when it does not want it any
   * more, decides whose the lock is.
   *
   * @returns `undefined` when the time is over, or the wait was given up for a moment
   */
  async #lockOffThread(
    mode: Mode,
    what: string,
    { timeout = Number.POSITIVE_INFINITY, signal }: WaitOptions,
  ): Promise<RwLockGuard | undefined> {
    const memory = new Int32Array(new SharedArrayBuffer(64));
    const wait: Wait = {
      lock: this.address,
      mode,
      claim: recommendedLibrary().address(memory),
      stop: new AbortController(),
      givenUp: false,
    };
    pthreadMutexInit(wait.claim);
    const call = callBlocking(
      "lockRwlock",
      [this.address, mode === "write" ? 1 : 0, timeout, memory],
      wait.stop.signal,
    );
    waits.add(wait);
    try {
      const { result } = await new TimeLimit(what, signal === undefined ? {} : { signal }).race(call);
      if (result === 0) return this.#takeOver(mode);
      if (result > 0) {
        throw this.#failure(mode, new SystemError(`pthread_rwlock_clock${mode === "read" ? "rd" : "wr"}lock`, result));
      }
      return undefined;
    } catch (error) {
      wait.stop.abort();
      call.catch(() => {});
      if (!wait.givenUp && pthreadMutexTrylock(wait.claim) === WOULD_BLOCK) this.#takeOver(mode).unlock();
      throw error;
    } finally {
      waits.delete(wait);
    }
  }

  #takeOver(mode: Mode): RwLockGuard {
    // pairs with the load in glibc's pthread_rwlock_unlock, on this thread
    if (mode === "write") Atomics.store(this.#words, this.#writer, gettid());
    return new RwLockGuard(this, mode);
  }

  #lockSync(mode: Mode, options: { timeout?: number }): RwLockGuard {
    checkSyncOptions(options);
    const { timeout = Number.POSITIVE_INFINITY } = options;
    this.#check();
    let result: number;
    try {
      this.#giveUpWaits(mode);
      result = (mode === "read" ? pthreadRwlockTryrdlock : pthreadRwlockTrywrlock)(this.address);
      if (result === WOULD_BLOCK) {
        if (timeout > 0) beforeBlocking();
        const lock = mode === "read" ? pthreadRwlockClockrdlock : pthreadRwlockClockwrlock;
        result = lock(this.address, CLOCK_MONOTONIC, timeout);
      }
    } catch (error) {
      throw this.#failure(mode, error);
    }
    if (result === TIMED_OUT) throw timeoutError(`${mode}Sync() of ${this.#name}`, timeout);
    return new RwLockGuard(this, mode);
  }

  /** While this thread blocks, none of its tasks could take over, and give up, what another thread has taken for it: so none may. */
  #giveUpWaits(mode: Mode): void {
    for (const wait of waits) {
      if (wait.lock !== this.address || wait.givenUp) continue;
      if (pthreadMutexTrylock(wait.claim) === 0) {
        wait.givenUp = true;
        wait.stop.abort();
      } else if (mode === "write" || wait.mode === "write") {
        throw new SystemError(`pthread_rwlock_${mode === "read" ? "rd" : "wr"}lock`, EDEADLK);
      }
    }
  }

  #check(): void {
    if (Atomics.load(this.#words, this.#sharedAt) !== 0) return;
    throw new IpcError(
      "IPC_NOT_FOUND",
      `Cannot use ${this.#name}: there is none that processes share. Make it with RwLock.create first, and keep the memory mapped`,
    );
  }

  #failure(mode: Mode, error: unknown): unknown {
    return domainError("lock", error, `Cannot take ${this.#name} to ${mode}`);
  }
}
