import { TIMESPEC } from "./abi/current.ts";
import { lazyBind } from "./bind.ts";
import { checkInt32 } from "./check.ts";
import { scratch } from "./scratch.ts";
import { getMember } from "./struct.ts";
import { failedCall } from "./system-error.ts";

const calls = lazyBind({
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
});

/**
 * `int clock_gettime(clockid_t clockid, struct timespec *tp)` — What a clock says.
 *
 * @param clock such as `CLOCK_MONOTONIC` (since boot, never set) or `CLOCK_REALTIME` (since 1970, may be set)
 * @returns milliseconds, with fractions
 * @throws {SystemError} `EINVAL` no such clock
 * @see https://man7.org/linux/man-pages/man2/clock_gettime.2.html
 */
export function clockGettime(clock: number): number {
  checkInt32("clock", clock);
  if (calls().clock_gettime(clock, scratch) !== 0) throw failedCall("clock_gettime");
  return getMember(scratch, TIMESPEC.tv_sec) * 1000 + getMember(scratch, TIMESPEC.tv_nsec) / 1e6;
}
