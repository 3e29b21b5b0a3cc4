import { UsageError } from "./usage-error.ts";

/**
 * Reads a whole number, also in hexadecimal.
 *
 * @throws {UsageError} when it is none, or less than `least`
 */
export function parseWholeNumber(option: string, text: string, least: number): number {
  const number = /^(\d+|0x[\da-f]+)$/i.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(number) && number >= least) return number;
  throw new UsageError(`${option} is "${text}", but must be a whole number from ${least}`);
}
