/**
 * Checks of arguments, before they reach C: a wrong type is a `TypeError`, a number out of range a `RangeError`. What only the
 * system can judge (a descriptor that is not open, a flag that it does not know) is left to it.
 */

/** A C `int`: -2^31 to 2^31 - 1. */
export function checkInt32(name: string, value: number): void {
  if ((value | 0) !== value) throw misfit(name, value, "an integer from -2147483648 to 2147483647");
}

/** A C `unsigned int`: 0 to 2^32 - 1. */
export function checkUint32(name: string, value: number): void {
  if (value >>> 0 !== value) throw misfit(name, value, "an integer from 0 to 4294967295");
}

/** A 32-bit word, signed or not: -2^31 to 2^32 - 1. */
export function checkWord(name: string, value: number): void {
  if ((value | 0) !== value && value >>> 0 !== value)
    throw misfit(name, value, "an integer from -2147483648 to 4294967295");
}

/** A C `size_t` or an address: 0 to 2^53 - 1. */
export function checkSize(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw misfit(name, value, "an integer from 0 to 9007199254740991");
}

/** A C `long` or `off_t`: any safe integer. */
export function checkInteger(name: string, value: number): void {
  if (!Number.isSafeInteger(value)) throw misfit(name, value, "a safe integer");
}

/** A typed array or a `DataView`. */
export function checkView(name: string, value: ArrayBufferView): void {
  if (!ArrayBuffer.isView(value))
    throw new TypeError(`${name} is ${describe(value)}, but must be a typed array or a DataView`);
}

/** Milliseconds from 0 to `Infinity`. */
export function checkTimeout(value: number): void {
  if (!(value >= 0) || typeof value !== "number") throw misfit("timeout", value, "milliseconds from 0 to Infinity");
}

function misfit(name: string, value: unknown, right: string): Error {
  const message = `${name} is ${describe(value)}, but must be ${right}`;
  return typeof value === "number" ? new RangeError(message) : new TypeError(message);
}

function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "object" && value !== null) return `a ${value.constructor?.name ?? "object"}`;
  return String(value);
}
