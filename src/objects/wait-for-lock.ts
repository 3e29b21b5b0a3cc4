import { type LockType, lockWait, tryLock } from "../ffi/lock.ts";
import { beforeBlocking } from "./before-blocking.ts";

/** {@link lockWait} for a process that owns objects: a signal that ends processes ends this one also while it waits. */
export function waitForLock(fd: number, type: LockType, start: number, length: number): void {
  if (tryLock(fd, type, start, length)) return;
  beforeBlocking();
  lockWait(fd, type, start, length);
}
