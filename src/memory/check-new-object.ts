import { IpcError } from "../errors.ts";
import { ARENA_BYTES } from "./arena.ts";

/**
 * Checks what an object shall be made with, before any system call.
 *
 * @param what names it in error messages, such as `shared memory "/frames"`
 * @param size bytes
 * @param mode permission bits
 * @throws {TypeError} not numbers
 * @throws {RangeError} a size that is not a positive integer, a mode that is not one of permission bits
 * @throws {IpcError} `IPC_LIMIT` more bytes than the arena could ever map
 */
export function checkNewObject(what: string, size: number, mode: number): void {
  if (typeof size !== "number") {
    throw new TypeError(`The size of ${what} is ${describe(size)}, but must be a number of bytes`);
  }
  if (!Number.isSafeInteger(size) || size < 1) {
    throw new RangeError(`The size of ${what} is ${size}, but must be a whole number of bytes, 1 or more`);
  }
  checkMode(what, mode);
  if (size > ARENA_BYTES) {
    throw new IpcError("IPC_LIMIT", `Cannot make ${what} of ${size} bytes: a thread maps at most ${ARENA_BYTES} bytes`);
  }
}

/**
 * Checks permission bits.
 *
 * @throws {TypeError | RangeError} as {@link checkNewObject}
 */
export function checkMode(what: string, mode: number): void {
  if (typeof mode !== "number") {
    throw new TypeError(`The mode of ${what} is ${describe(mode)}, but must be permission bits such as 0o600`);
  }
  if (!Number.isSafeInteger(mode) || mode < 0 || mode > 0o777) {
    throw new RangeError(`The mode of ${what} is ${mode}, but must be permission bits from 0 to 0o777, such as 0o600`);
  }
}

function describe(value: unknown): string {
  return value === null ? "null" : `of type ${typeof value}`;
}
