import { pageSize } from "../ffi/sysconf.ts";

/** The capacity of a ring that was asked for so many bytes: the next power of two that is whole pages. */
export function roundCapacity(bytes: number): number {
  let capacity = pageSize();
  while (capacity < bytes) capacity *= 2;
  return capacity;
}
