import { _SC_PAGESIZE } from "./abi/current.ts";
import { lazyBind } from "./bind.ts";
import { checkInt32 } from "./check.ts";

const calls = lazyBind({
  sysconf: { parameters: ["i32"], result: "isize" },
});

/**
 * `long sysconf(int name)` — A limit or property of the system.
 *
 * @param name such as `_SC_PAGESIZE`
 * @returns -1 when there is no limit, and for a name that the C library does not know
 * @see https://man7.org/linux/man-pages/man3/sysconf.3.html
 */
export function sysconf(name: number): number {
  checkInt32("name", name);
  return calls().sysconf(name);
}

let size = 0;

/** Bytes of a page of memory, to which mappings are aligned. */
export function pageSize(): number {
  if (size === 0) size = sysconf(_SC_PAGESIZE);
  return size;
}
