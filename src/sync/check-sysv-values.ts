/** Largest value of a System V semaphore. */
const LARGEST = 32_767;
/** Most semaphores of an array, by the kernel; the system may allow fewer. */
const MOST = 65_535;

/**
 * Checks the values of all semaphores of an array.
 *
 * @throws {TypeError} not an array of numbers
 * @throws {RangeError} no value, more than 65535, or one that is not from 0 to 32767
 */
export function checkSysvValues(values: readonly number[]): void {
  if (!Array.isArray(values)) throw new TypeError(`The values are ${String(values)}, but must be an array of numbers`);
  if (values.length === 0 || values.length > MOST) {
    throw new RangeError(`There are ${values.length} values, but an array has 1 to ${MOST} semaphores`);
  }
  values.forEach((value, num) => {
    checkSysvValue(`The value of semaphore ${num}`, value);
  });
}

/** Checks the value of one semaphore. @throws as {@link checkSysvValues} */
export function checkSysvValue(what: string, value: number): void {
  if (typeof value !== "number") throw new TypeError(`${what} is of type ${typeof value}, but must be a number`);
  if (!Number.isInteger(value) || value < 0 || value > LARGEST) {
    throw new RangeError(`${what} is ${value}, but must be an integer from 0 to ${LARGEST}`);
  }
}
