import { pthreadRwlockUnlock } from "../ffi/pthread-rwlock.ts";
import type { RwLock } from "./rw-lock.ts";

/**
 * A lock that this thread has, from `RwLock`. It ends with {@link RwLockGuard.unlock}, or at the end of its block with `using`.
 *
 * It belongs to the thread that took it, and cannot be sent to another one.
 */
export class RwLockGuard {
  /** What is locked. */
  readonly rwLock: RwLock;
  /** `"write"`: alone. `"read"`: together with other readers. */
  readonly mode: "read" | "write";
  #locked = true;

  /** For `RwLock`, which has taken the lock. */
  constructor(rwLock: RwLock, mode: "read" | "write") {
    this.rwLock = rwLock;
    this.mode = mode;
  }

  /** Whether this guard has the lock. */
  get isLocked(): boolean {
    return this.#locked;
  }

  /** Gives the lock up. Idempotent. */
  unlock(): void {
    if (!this.#locked) return;
    this.#locked = false;
    pthreadRwlockUnlock(this.rwLock.address);
  }

  [Symbol.dispose](): void {
    this.unlock();
  }
}
