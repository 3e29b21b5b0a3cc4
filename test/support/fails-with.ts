import * as assert from "uvu/assert";
import { IpcError, type IpcErrorCode } from "../../src/errors.ts";

type Misuse = "TypeError" | "RangeError";

/**
 * Expects an error with this code, or misuse of this name.
 *
 * @param pattern what its message has to say
 * @returns the error
 */
export async function failsWith(
  expected: IpcErrorCode | Misuse,
  action: (() => unknown) | Promise<unknown>,
  pattern?: RegExp,
): Promise<Error> {
  let result: unknown;
  try {
    result = await (typeof action === "function" ? action() : action);
  } catch (error) {
    assert.instance(error, Error);
    const { message, stack } = error as Error;
    const found = error instanceof IpcError ? error.code : (error as Error).name;
    assert.is(found, expected, stack);
    if (pattern !== undefined) assert.match(message, pattern);
    assert.match(message, /^[A-Za-z"]/, "an error message begins with a word");
    assert.not.match(message, /\.$/, "an error message has no period at its end");
    return error as Error;
  }
  throw new Error(`${expected} expected, but it ended well with ${String(result)}`);
}
