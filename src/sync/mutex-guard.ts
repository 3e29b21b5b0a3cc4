import { IpcError } from "../errors.ts";
import { pthreadMutexConsistent, pthreadMutexUnlock } from "../ffi/pthread-mutex.ts";
import type { Mutex } from "./mutex.ts";

/** For `Condition`: the guard gives its lock up for a while. Set below. */
export let suspendGuard: (guard: MutexGuard, unlock: () => void) => void;
/** For `Condition`: the guard has its lock again, or, with `undefined`, for good not. Set below. */
export let resumeGuard: (guard: MutexGuard, ownerDied: boolean | undefined) => void;

/**
 * A lock that this thread has, from `Mutex`. It ends with {@link MutexGuard.unlock}, or at the end of its block with `using`.
 *
 * It belongs to the thread that took it, and cannot be sent to another one.
 */
export class MutexGuard {
  /** The mutex that is locked. */
  readonly mutex: Mutex;
  #ownerDied: boolean;
  #state: "locked" | "waiting" | "unlocked" = "locked";

  /** For `Mutex`, which has taken the lock. */
  constructor(mutex: Mutex, ownerDied: boolean) {
    this.mutex = mutex;
    this.#ownerDied = ownerDied;
  }

  static {
    suspendGuard = (guard, unlock) => {
      guard.#checkLocked("wait with");
      if (guard.#ownerDied) {
        throw new IpcError(
          "IPC_OWNER_DIED",
          `Cannot wait with ${guard.mutex}: its last owner died with it. Make the data right and call repaired() first`,
        );
      }
      unlock();
      guard.#state = "waiting";
    };
    resumeGuard = (guard, ownerDied) => {
      guard.#state = ownerDied === undefined ? "unlocked" : "locked";
      guard.#ownerDied = ownerDied ?? false;
    };
  }

  /** Whether this guard has the lock. */
  get isLocked(): boolean {
    return this.#state === "locked";
  }

  /**
   * Whether the last owner ended while it had the lock (robust mutexes only), so that the data may be half changed. Make it right, and
   * say so with {@link MutexGuard.repaired}.
   */
  get ownerDied(): boolean {
    return this.#ownerDied;
  }

  /**
   * Says that the data is right again after {@link MutexGuard.ownerDied}. Without it the unlock makes the mutex useless for everybody.
   *
   * @throws {TypeError} when no owner died, or the guard has no lock
   * @see https://man7.org/linux/man-pages/man3/pthread_mutex_consistent.3.html
   */
  repaired(): void {
    this.#checkLocked("repair");
    if (!this.#ownerDied) {
      throw new TypeError(
        `Cannot repair ${this.mutex}: no owner died with it. Call repaired() only when ownerDied is true`,
      );
    }
    pthreadMutexConsistent(this.mutex.address);
    this.#ownerDied = false;
  }

  /**
   * Gives the lock up. Idempotent.
   *
   * After {@link MutexGuard.ownerDied} without {@link MutexGuard.repaired}, nobody can lock the mutex any more: all get `IPC_OWNER_DIED`.
   *
   * @throws {SystemError} `EPERM` when this thread does not have the lock any more, because it was unlocked without this guard
   * @throws {TypeError} while `Condition.wait` is under way with this guard
   */
  unlock(): void {
    if (this.#state === "unlocked") return;
    this.#checkLocked("unlock");
    this.#state = "unlocked";
    pthreadMutexUnlock(this.mutex.address);
  }

  [Symbol.dispose](): void {
    this.unlock();
  }

  #checkLocked(what: string): void {
    if (this.#state === "locked") return;
    const why =
      this.#state === "waiting" ? "a wait on a condition is under way with its guard" : "its guard is unlocked";
    throw new TypeError(`Cannot ${what} ${this.mutex}: ${why}`);
  }
}
