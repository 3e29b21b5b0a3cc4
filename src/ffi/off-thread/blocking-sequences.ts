import { CLOCK_MONOTONIC, FUTEX_OWNER_DIED, FUTEX_WAITERS } from "../abi/current.ts";
import { clockGettime } from "../clock.ts";
import { futexWait, futexWake } from "../futex.ts";
import type { NativeFunction } from "../library.ts";
import { readNative } from "../native-memory.ts";
import { pthreadCondClockwait } from "../pthread-cond.ts";
import { pthreadMutexTrylock, pthreadMutexUnlock } from "../pthread-mutex.ts";
import { pthreadRwlockClockrdlock, pthreadRwlockClockwrlock, pthreadRwlockUnlock } from "../pthread-rwlock.ts";
import { INTERRUPTED, TIMED_OUT } from "../results.ts";
import { setPendingRobust } from "../robust-list.ts";
import { SystemError } from "../system-error.ts";
import type { BlockingSequence } from "./blocking-functions.ts";

/**
 * Waits for locks of the C library's, as the blocking threads make them. Each sequence returns 0, {@link TIMED_OUT} or
 * {@link INTERRUPTED}, or, as the C library's functions for threads do, an errno.
 */

/**
 * A look at a lock, once in so many milliseconds, by a thread that C would not give back otherwise, or that would sleep on when a wake-up
 * was lost with a process that was killed: see sync/mutex.ts.
 */
export const LOOK_AT_LOCK_AFTER = 250;

const word = new DataView(new ArrayBuffer(4));

/** @param cancelled whether the sequence that runs shall end; a signal comes with it, which ends the C call, where C allows that */
export function blockingSequences(cancelled: () => boolean): Record<BlockingSequence, NativeFunction> {
  return { awaitUnlocked, awaitCondition, lockRwlock };

  /**
   * Waits until nobody has a mutex; does not take it. The caller has set the mark that says to the owner that somebody waits.
   *
   * An unlock clears the mark and wakes one waiter, which is expected to take the lock with the mark set, for those who still sleep.
   * This one does not take it, so it wakes the next at once; that one may be a thread in C which keeps the rule. It need not do so, and
   * sleeps on, when somebody has the lock again and the mark is there: whoever unlocks it then wakes the next.
   *
   * When this process is killed between its wake-up and that, the kernel wakes the next one, if the mutex is robust and nobody has it
   * then. When somebody has it, whose lock has no mark, the wake-up is lost: so it looks again after a while.
   *
   * @param address native address of the lock word
   * @param robust 1 when the word holds a thread id with flags, 0 when it is 0 free, 1 taken, 2 taken and marked
   * @param timeout milliseconds
   */
  function awaitUnlocked(address: number, robust: number, timeout: number): number {
    const end = clockGettime(CLOCK_MONOTONIC) + timeout;
    if (robust === 0) return sleepUntilUnlocked(address, robust, end);
    setPendingRobust(address);
    try {
      return sleepUntilUnlocked(address, robust, end);
    } finally {
      setPendingRobust(0);
    }
  }

  function sleepUntilUnlocked(address: number, robust: number, end: number): number {
    let woken = false;
    for (;;) {
      const value = readWord(address);
      if (!(robust === 1 ? isMarkedRobust(value) : value > 1)) {
        // sleepers there may be, which the mark does not tell of any more
        if (woken) futexWake(address, 1);
        return 0;
      }
      if (cancelled()) return INTERRUPTED;
      const left = Math.max(0, end - clockGettime(CLOCK_MONOTONIC));
      const result = futexWait(address, value, Math.min(left, LOOK_AT_LOCK_AFTER));
      if (result === "timeout" && left <= LOOK_AT_LOCK_AFTER) return TIMED_OUT;
      if (result === "woken") woken = true;
    }
  }

  /** Waits on a condition; a signal does not end it. `mutex` is free afterwards. @param timeout milliseconds */
  function awaitCondition(cond: number, mutex: number, timeout: number): number {
    const result = pthreadCondClockwait(cond, mutex, CLOCK_MONOTONIC, timeout);
    pthreadMutexUnlock(mutex);
    return result;
  }

  /**
   * Takes a lock for readers and writers. C waits for it whatever signals come, so this thread looks up now and then.
   *
   * @param write 1 to write, 0 to read
   * @param timeout milliseconds
   * @param claim a normal mutex that is never unlocked: this thread locks it once it has the lock, which is the caller's then. When the
   * caller has locked it before, it does not want the lock any more, and this thread gives it up
   */
  function lockRwlock(rwlock: number, write: number, timeout: number, claim: number): number {
    const lock = write === 1 ? pthreadRwlockClockwrlock : pthreadRwlockClockrdlock;
    const end = clockGettime(CLOCK_MONOTONIC) + timeout;
    try {
      while (!cancelled()) {
        const left = Math.max(0, end - clockGettime(CLOCK_MONOTONIC));
        if (lock(rwlock, CLOCK_MONOTONIC, Math.min(left, LOOK_AT_LOCK_AFTER)) === 0) {
          if (pthreadMutexTrylock(claim) === 0) return 0;
          pthreadRwlockUnlock(rwlock);
          return INTERRUPTED;
        }
        if (left <= LOOK_AT_LOCK_AFTER) return TIMED_OUT;
      }
      return INTERRUPTED;
    } catch (error) {
      if (error instanceof SystemError) return -error.errno;
      throw error;
    }
  }
}

/** A thread has it, is alive, and somebody waits. */
function isMarkedRobust(value: number): boolean {
  return (value & FUTEX_WAITERS) !== 0 && (value & FUTEX_OWNER_DIED) === 0;
}

function readWord(address: number): number {
  readNative(word, address, 4);
  return word.getUint32(0, true);
}
