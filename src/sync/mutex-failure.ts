import { domainError } from "../error-table.ts";
import type { SystemError } from "../ffi/system-error.ts";
import type { Mutex } from "./mutex.ts";

/** What to throw when C could not lock a mutex. */
export function mutexFailure(mutex: Mutex, error: unknown): unknown {
  const why =
    (error as SystemError).code === "ENOTRECOVERABLE"
      ? ": an owner died with it, and the next one unlocked it without repaired(). Nobody can use it any more; make a new one"
      : "";
  return domainError("lock", error, `Cannot lock ${mutex}${why}`);
}
