/**
 * @param name what the number is, such as `maxMessages`
 * @throws {TypeError} not a number
 * @throws {RangeError} not a whole number from `least` to `most`
 */
export function checkNumber(name: string, value: number, least: number, most: number): void {
  if (typeof value !== "number") throw new TypeError(`The ${name} is of type ${typeof value}, but must be a number`);
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  throw new RangeError(`The ${name} is ${value}, but must be a whole number from ${least} to ${most}`);
}
