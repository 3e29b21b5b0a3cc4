import { TIMESPEC } from "./abi/current.ts";
import { clockGettime } from "./clock.ts";
import { scratch, scratchAddress } from "./scratch.ts";
import { setMember } from "./struct.ts";

/** Where these functions put their `struct timespec` in the scratch memory: at its end, so that a call may fill the beginning. */
const BASE: number = scratch.byteLength - TIMESPEC.sizeof;

/** Bytes at the beginning of the scratch memory that a call with a time may use. */
export const ROOM_BESIDE_TIME: number = BASE;

/** Longer than a century is for ever. */
const FOR_EVER = 2 ** 42;

/** Whether a wait of so many milliseconds never ends, so that the call without a time serves. */
export function isForEver(timeout: number): boolean {
  return timeout >= FOR_EVER;
}

/**
 * A length of time, for calls that take one.
 *
 * @param timeout milliseconds from 0, less than for ever
 * @returns address of a `struct timespec`, valid until the next call
 */
export function interval(timeout: number): number {
  const seconds = Math.floor(timeout / 1000);
  setMember(scratch, TIMESPEC.tv_sec, seconds, BASE);
  setMember(scratch, TIMESPEC.tv_nsec, Math.floor((timeout - seconds * 1000) * 1e6), BASE);
  return scratchAddress() + BASE;
}

/**
 * The moment so many milliseconds from now, for calls that wait until one. Overwrites the beginning of the scratch memory.
 *
 * @param timeout milliseconds from 0, less than for ever
 * @returns address of a `struct timespec`, valid until the next call
 */
export function deadline(clock: number, timeout: number): number {
  return interval(clockGettime(clock) + timeout);
}
