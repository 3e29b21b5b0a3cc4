/** @throws {TypeError | RangeError} when an option is not a whole number from 1 to `most` */
export function checkCount(name: string, value: unknown, most: number): void {
  if (typeof value !== "number") throw new TypeError(`The ${name} is ${String(value)}, but must be a number`);
  if (Number.isInteger(value) && value >= 1 && value <= most) return;
  throw new RangeError(`The ${name} is ${value}, but must be a whole number from 1 to ${most}`);
}
