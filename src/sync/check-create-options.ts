/** How an object of the system is made. */
export interface CreateOptions {
  readonly mode?: number;
  readonly removeOnExit?: boolean;
}

/**
 * Checks how an object shall be made, and fills in what was left out.
 *
 * @throws {TypeError} when an option has the wrong type
 * @throws {RangeError} when `mode` is not permission bits
 */
export function checkCreateOptions(options: CreateOptions): Required<CreateOptions> {
  if (options === null || typeof options !== "object") {
    throw new TypeError(`The options are ${String(options)}, but must be an object { mode, removeOnExit }`);
  }
  const { mode = 0o600, removeOnExit = true } = options;
  if (typeof mode !== "number") throw new TypeError(`The mode is of type ${typeof mode}, but must be a number`);
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o777) {
    throw new RangeError(`The mode is ${mode}, but must be permission bits from 0 to 0o777`);
  }
  if (typeof removeOnExit !== "boolean") {
    throw new TypeError(`removeOnExit is ${String(removeOnExit)}, but must be true or false`);
  }
  return { mode, removeOnExit };
}
