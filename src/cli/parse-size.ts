import { UsageError } from "./usage-error.ts";

const BYTES: Readonly<Record<string, number>> = { "": 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/**
 * Reads a size such as `4096`, `64k`, `1m`, `1MiB`; the units are powers of 1024.
 *
 * @returns bytes
 * @throws {UsageError} when it is none
 */
export function parseSize(option: string, text: string): number {
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?)([bkmg]?)(?:i?b)?$/i.exec(text) ?? [];
  const bytes = Number(number) * (BYTES[unit.toLowerCase()] ?? Number.NaN);
  if (number === "" || !Number.isInteger(bytes)) {
    throw new UsageError(`${option} is "${text}", but must be a size such as 4096 (bytes), 64k or 1m`);
  }
  return bytes;
}
