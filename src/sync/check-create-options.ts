import { checkOptionNames } from "../objects/check-option-names.ts";

/** How an object of the system is made. */
export interface CreateOptions {
  readonly mode?: number;
  readonly removeOnExit?: boolean;
}

/**
 * Checks how an object shall be made, and fills in what was left out.
 *
 * @param what is made with them, such as `Semaphore.create()`
 * @param others options that it takes besides
 * @throws {TypeError} when an option has the wrong type, or there is no such option
 * @throws {RangeError} when `mode` is not permission bits
 */
export function checkCreateOptions(
  what: string,
  options: CreateOptions,
  others: Readonly<Record<string, "">> = {},
): Required<CreateOptions> {
  checkOptionNames(what, options, { mode: "", removeOnExit: "boolean", ...others });
  const { mode = 0o600, removeOnExit = true } = options;
  checkMode(mode);
  return { mode, removeOnExit };
}

/** Checks permission bits. @throws {TypeError | RangeError} not permission bits */
export function checkMode(mode: number): void {
  if (typeof mode !== "number") throw new TypeError(`The mode is of type ${typeof mode}, but must be a number`);
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o777) {
    throw new RangeError(`The mode is ${mode}, but must be permission bits from 0 to 0o777`);
  }
}
