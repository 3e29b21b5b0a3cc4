import * as assert from "uvu/assert";
import { SystemError } from "../../src/ffi/system-error.ts";

/** Asserts that a call fails with a `SystemError` of that code, in the shape that Node's own system errors have. */
export function throwsSystemError(call: () => unknown, code: string, syscall: string, path?: string): void {
  let thrown: unknown;
  try {
    call();
  } catch (error) {
    thrown = error;
  }
  if (!(thrown instanceof SystemError)) throw new Error(`${syscall}: expected ${code}, got ${thrown ?? "no error"}`);
  assert.is(thrown.code, code);
  assert.is(thrown.syscall, syscall);
  assert.is(thrown.path, path);
  assert.ok(thrown.errno < 0);
  const where = path === undefined ? "" : ` '${path}'`;
  assert.ok(thrown.message.startsWith(`${code}: `), thrown.message);
  assert.ok(thrown.message.endsWith(`, ${syscall}${where}`), thrown.message);
}
