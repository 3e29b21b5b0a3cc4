import { RLIM_INFINITY, RLIMIT } from "./abi/current.ts";
import { lazyBind } from "./bind.ts";
import { checkInt32, checkSize } from "./check.ts";
import { scratch } from "./scratch.ts";
import { getMember, setMember } from "./struct.ts";
import { failedCall } from "./system-error.ts";

const calls = lazyBind({
  getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  setrlimit: { parameters: ["i32", "buffer"], result: "i32" },
});

/** A limit of the process: `struct rlimit`. `Infinity` is none (`RLIM_INFINITY`). */
export interface ResourceLimit {
  /** What counts now; the process may set it from 0 to `hard`. */
  soft: number;
  /** Up to where; only a privileged process may raise it. */
  hard: number;
}

/**
 * `int getrlimit(int resource, struct rlimit *rlim)` — A limit of this process.
 *
 * @param resource such as `RLIMIT_NOFILE` or `RLIMIT_MSGQUEUE`
 * @throws {SystemError} `EINVAL` no such resource
 * @see https://man7.org/linux/man-pages/man2/getrlimit.2.html
 *
 * @example How many descriptors may be open
 * ```ts
 * import { getrlimit, RLIMIT_NOFILE } from "millrace/ffi";
 *
 * const { soft, hard } = getrlimit(RLIMIT_NOFILE);
 * console.log(soft <= hard); // true
 * ```
 */
export function getrlimit(resource: number): ResourceLimit {
  checkInt32("resource", resource);
  if (calls().getrlimit(resource, scratch) !== 0) throw failedCall("getrlimit");
  return {
    soft: fromNative(getMember(scratch, RLIMIT.rlim_cur)),
    hard: fromNative(getMember(scratch, RLIMIT.rlim_max)),
  };
}

/**
 * `int setrlimit(int resource, const struct rlimit *rlim)` — Sets a limit of this process, and of the children it starts from then on.
 *
 * @throws {SystemError} `EINVAL` no such resource, or `soft` above `hard`
 * @throws {SystemError} `EPERM` raising `hard` without privilege, or `RLIMIT_NOFILE` above `/proc/sys/fs/nr_open`
 * @see https://man7.org/linux/man-pages/man2/setrlimit.2.html
 */
export function setrlimit(resource: number, { soft, hard }: ResourceLimit): void {
  checkInt32("resource", resource);
  setMember(scratch, RLIMIT.rlim_cur, toNative("soft", soft));
  setMember(scratch, RLIMIT.rlim_max, toNative("hard", hard));
  if (calls().setrlimit(resource, scratch) !== 0) throw failedCall("setrlimit");
}

/** RLIM_INFINITY is the highest `unsigned long`, far beyond the safe integers. */
function fromNative(value: number): number {
  return value > Number.MAX_SAFE_INTEGER ? Number.POSITIVE_INFINITY : value;
}

function toNative(name: string, value: number): number {
  if (value === Number.POSITIVE_INFINITY) return RLIM_INFINITY;
  checkSize(name, value);
  return value;
}
