import { UsageError } from "./usage-error.ts";

const MILLISECONDS: Readonly<Record<string, number>> = { "": 1, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * Reads a duration such as `1500`, `250ms`, `5s`, `2m`, `1.5h`.
 *
 * @returns milliseconds
 * @throws {UsageError} when it is none
 */
export function parseDuration(option: string, text: string): number {
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?)([a-z]*)$/i.exec(text) ?? [];
  const factor = MILLISECONDS[unit.toLowerCase()];
  if (number === "" || factor === undefined) {
    throw new UsageError(`${option} is "${text}", but must be a duration such as 500 (milliseconds), 250ms, 5s or 2m`);
  }
  return Number(number) * factor;
}
