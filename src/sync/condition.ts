import { IpcError } from "../errors.ts";
import { CLOCK_MONOTONIC, PTHREAD_COND } from "../ffi/abi/current.ts";
import { type BlockingCall, callBlocking, startBlocking } from "../ffi/off-thread/blocking-call.ts";
import {
  pthreadCondBroadcast,
  pthreadCondClockwait,
  pthreadCondDestroy,
  pthreadCondInit,
  pthreadCondSignal,
} from "../ffi/pthread-cond.ts";
import {
  OWNER_DIED,
  pthreadMutexClocklock,
  pthreadMutexInit,
  pthreadMutexLock,
  pthreadMutexUnlock,
} from "../ffi/pthread-mutex.ts";
import { recommendedLibrary } from "../ffi/recommended.ts";
import { TIMED_OUT } from "../ffi/results.ts";
import { beforeBlocking } from "../objects/before-blocking.ts";
import {
  abortedError,
  checkSyncOptions,
  checkWaitOptions,
  timeoutError,
  type WaitOptions,
} from "../wait/wait-options.ts";
import { Mutex } from "./mutex.ts";
import { mutexFailure } from "./mutex-failure.ts";
import { MutexGuard, resumeGuard, suspendGuard } from "./mutex-guard.ts";
import { placeAddress, type SharedPlace } from "./place.ts";

/** Longest time for a thread of the library's to come to the wait, in milliseconds; it takes microseconds, or tens of milliseconds once. */
const LONGEST_START = 30_000;
/** Milliseconds after which a wait that is aborted is woken again. */
const AGAIN_AFTER = 5;

/**
 * Lets a thread wait, without the lock of a {@link Mutex}, until another one says that something changed: glibc's `pthread_cond_t` in
 * shared memory, which C programs use as well.
 *
 * A wait may end without a reason (POSIX allows it), so look at what was waited for, again and again: see the example.
 *
 * It is not robust. A process that is killed (SIGKILL) while it waits, or signals, may leave glibc's object in a state in which `signal`,
 * `broadcast` and `destroy` block for ever, in all processes. A process that ends in another way takes its waits back first.
 *
 * @example Wait until a number is there
 * ```ts
 * import { Condition, Mutex, SharedMemory } from "millrace";
 *
 * using memory = SharedMemory.create("condition-example", 4096);
 * const mutex = Mutex.create(memory, 0);
 * const changed = Condition.create(memory, 64);
 *
 * async function consumer() {
 *   using guard = await mutex.lock();
 *   while (memory.bytes[128] === 0) await changed.wait(guard);
 *   console.log(memory.bytes[128]);
 * }
 *
 * const done = consumer();
 * await mutex.withLock(() => {
 *   memory.bytes[128] = 17;
 *   changed.signal();
 * });
 * await done;
 * memory.remove();
 * // Output: 17
 * ```
 * @see https://man7.org/linux/man-pages/man3/pthread_cond_wait.3p.html
 */
export class Condition {
  /** Bytes that a condition takes. */
  static readonly bytes: number = PTHREAD_COND.sizeof;

  /** Native address. */
  readonly address: number;
  readonly #name: string;

  /**
   * Makes a condition. Make it before others use the memory, and once.
   *
   * @param memory shared memory
   * @param offset where in it, in bytes; a multiple of 8, with {@link Condition.bytes} bytes that nobody else uses
   * @throws {TypeError | RangeError} when it would not lie there
   * @see https://man7.org/linux/man-pages/man3/pthread_cond_init.3p.html
   */
  static create(memory: SharedPlace, offset: number): Condition {
    const condition = new Condition(memory, offset);
    pthreadCondInit(condition.address, CLOCK_MONOTONIC);
    return condition;
  }

  /**
   * A condition that exists, made by {@link Condition.create} or a C program (with `PTHREAD_PROCESS_SHARED`), perhaps in another process.
   * Nothing tells whether there is one.
   *
   * @param memory shared memory
   * @param offset where in it, in bytes
   * @throws {TypeError | RangeError} as {@link Condition.create}
   */
  static at(memory: SharedPlace, offset: number): Condition {
    return new Condition(memory, offset);
  }

  private constructor(memory: SharedPlace, offset: number) {
    this.address = placeAddress(memory, offset, Condition.bytes, 8);
    this.#name = `the condition at byte ${offset}`;
  }

  /**
   * Gives the lock up, waits for {@link Condition.signal} or {@link Condition.broadcast}, and takes the lock again. The event loop goes on.
   * What is signalled after the lock was given up is not missed.
   *
   * The guard has the lock again when this returns and when it throws, except for `IPC_OWNER_DIED`. To get the lock again may take longer
   * than `timeout`. Meanwhile an owner may have died with it: look at `guard.ownerDied`.
   *
   * When the signal aborts the wait, all who wait on the condition are woken, since that is how it ends.
   *
   * @param guard a lock of this thread's; of a recursive mutex the only one
   * @throws {IpcError} `IPC_TIMEOUT`, `IPC_ABORTED`
   * @throws {IpcError} `IPC_OWNER_DIED` when the guard's last owner died and was not `repaired()`; or, without the lock, when the mutex
   * became useless meanwhile
   * @throws {IpcError} `IPC_WORKER_CRASHED` when the thread that waits ended by itself
   * @throws {TypeError} when the guard has no lock
   */
  async wait(guard: MutexGuard, options: WaitOptions = {}): Promise<void> {
    checkGuard(guard);
    checkWaitOptions(options);
    const { timeout = Number.POSITIVE_INFINITY, signal } = options;
    const what = `wait() on ${this.#name}`;
    const end = performance.now() + timeout;
    if (signal?.aborted) throw abortedError(what, signal);
    const gate = new Int32Array(new SharedArrayBuffer(Math.max(64, Mutex.bytes)));
    // with the lock, has a thread at hand that runs already: below, this one blocks until it has come to the wait
    if (guard.isLocked) await callBlocking("awaitUnlocked", [gate, 0, 0]);
    let call: BlockingCall | undefined;
    suspendGuard(guard, () => {
      call = this.#begin(gate, Math.max(0, end - performance.now()));
      pthreadMutexUnlock(guard.mutex.address);
    });
    let result = 0;
    let aborted = false;
    let again: ReturnType<typeof setTimeout> | undefined;
    const abort = () => {
      // pthread_cond_wait does not end by a signal handler. It may end without a reason, so waking everybody is allowed, and what was
      // meant for somebody else and came to this wait is with them too
      aborted = true;
      pthreadCondBroadcast(this.address);
      again = setTimeout(abort, AGAIN_AFTER);
    };
    pending.set(gate, this.address);
    listen();
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
    try {
      ({ result } = await (call as unknown as BlockingCall).over);
    } finally {
      pending.delete(gate);
      clearTimeout(again);
      signal?.removeEventListener("abort", abort);
      await this.#relock(guard);
    }
    if (aborted) throw abortedError(what, signal as AbortSignal);
    if (result === TIMED_OUT) throw timeoutError(what, timeout);
  }

  /**
   * As {@link Condition.wait}, but blocks the thread.
   *
   * @param options `timeout` in milliseconds
   * @throws as {@link Condition.wait}
   */
  waitSync(guard: MutexGuard, options: { timeout?: number } = {}): void {
    checkGuard(guard);
    checkSyncOptions(options);
    const { timeout = Number.POSITIVE_INFINITY } = options;
    suspendGuard(guard, () => {});
    let result: number;
    try {
      if (timeout > 0) beforeBlocking();
      result = pthreadCondClockwait(this.address, guard.mutex.address, CLOCK_MONOTONIC, timeout);
    } catch (error) {
      resumeGuard(guard, undefined);
      throw mutexFailure(guard.mutex, error);
    }
    resumeGuard(guard, result === OWNER_DIED);
    if (result === TIMED_OUT) throw timeoutError(`waitSync() on ${this.#name}`, timeout);
  }

  /**
   * Wakes at least one of those who wait, if there are any.
   *
   * @see https://man7.org/linux/man-pages/man3/pthread_cond_signal.3p.html
   */
  signal(): void {
    pthreadCondSignal(this.address);
  }

  /**
   * Wakes all who wait.
   *
   * @see https://man7.org/linux/man-pages/man3/pthread_cond_broadcast.3p.html
   */
  broadcast(): void {
    pthreadCondBroadcast(this.address);
  }

  /**
   * Ends the condition for everybody. Nobody may wait on it: blocks the thread until those who were woken have gone on.
   *
   * @see https://man7.org/linux/man-pages/man3/pthread_cond_destroy.3p.html
   */
  destroy(): void {
    pthreadCondDestroy(this.address);
  }

  /** For messages. */
  toString(): string {
    return this.#name;
  }

  /**
   * Has another thread wait, and returns once it is among those who wait, so that the lock can be given up without missing a signal.
   *
   * That thread waits with a mutex of its own, which nobody else knows, and which this one locks for it (glibc asks neither who unlocks a
   * normal mutex, nor with which mutex others wait): pthread_cond_wait first enters the condition and then unlocks the mutex. So when this
   * thread can lock it a second time, the other one is among those who wait, or done.
   *
   * @param gate memory for that mutex
   */
  #begin(gate: Int32Array<SharedArrayBuffer>, timeout: number): BlockingCall {
    const mutex = recommendedLibrary().address(gate);
    pthreadMutexInit(mutex);
    pthreadMutexLock(mutex);
    const call = startBlocking("awaitCondition", [this.address, gate, timeout]);
    if (pthreadMutexClocklock(mutex, CLOCK_MONOTONIC, LONGEST_START) === TIMED_OUT) {
      call.over.catch(() => {});
      throw new IpcError("IPC_WORKER_CRASHED", `The thread that was to wait on ${this.#name} did not begin`);
    }
    pthreadMutexUnlock(mutex);
    return call;
  }

  async #relock(guard: MutexGuard): Promise<void> {
    try {
      resumeGuard(guard, (await guard.mutex.lock()).ownerDied);
    } catch (error) {
      resumeGuard(guard, undefined);
      throw error;
    }
  }
}

function checkGuard(guard: MutexGuard): void {
  if (guard instanceof MutexGuard) return;
  throw new TypeError("Cannot wait on a condition without a lock: give wait() the guard that lock() of the mutex gave");
}

/** The waits that are under way in this thread. The memory is kept here while the other thread uses it. */
const pending = new Map<Int32Array<SharedArrayBuffer>, number>();
/** Words of the memory with the mutex: `__nusers`, as glibc has it on all 64-bit platforms, and one that nobody uses. */
const USERS = 3;
const NOTHING = 15;
/** How long the end of the process waits for a wait, in steps of a millisecond. */
const LONGEST_END = 2000;
let listening = false;

/** A thread that ends while it waits would stay on glibc's list, and block those who signal. So the waits end first. */
function listen(): void {
  if (listening) return;
  listening = true;
  // before the threads are stopped, in their listener
  process.prependListener("exit", () => {
    for (const [gate, condition] of pending) {
      // its last unlock, which is the thread's, makes the number of users 0. The memory may be unmapped by now: that ends no wait
      for (let tries = 0; Atomics.load(gate, USERS) !== 0 && tries < LONGEST_END; tries++) {
        pthreadCondBroadcast(condition);
        Atomics.wait(gate, NOTHING, 0, 1);
      }
    }
  });
}
