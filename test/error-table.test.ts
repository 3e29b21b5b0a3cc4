import { suite } from "uvu";
import * as assert from "uvu/assert";
import { domainError, ERROR_TABLE, type Operation } from "../src/error-table.ts";
import { IpcError } from "../src/errors.ts";
import { ERRNO_NAMES } from "../src/ffi/abi/errno.ts";
import { SystemError } from "../src/ffi/system-error.ts";

const test = suite("which errno is which error");
const numbers = new Map([...ERRNO_NAMES].map(([errno, [name]]) => [name, errno]));

test("every errno of the table exists", () => {
  for (const codes of Object.values(ERROR_TABLE)) {
    for (const name of Object.keys(codes)) assert.ok(numbers.has(name), name);
  }
});

test("what the table lists becomes an IpcError with the failure as its cause; anything else stays what it is", () => {
  for (const operation of Object.keys(ERROR_TABLE) as Operation[]) {
    for (const [name, errno] of numbers) {
      const failure = new SystemError("open", errno, "/tmp/x");
      const error = domainError(operation, failure, "Cannot open fifo:/tmp/x as sender");
      const code = ERROR_TABLE[operation][name];
      if (code === undefined) {
        assert.is(error, failure);
        continue;
      }
      assert.instance(error, IpcError);
      const { code: found, cause, message } = error as IpcError;
      assert.equal([found, cause], [code, failure]);
      assert.match(message, new RegExp(`^Cannot open fifo:/tmp/x as sender: ${name}: `));
    }
  }
  for (const failure of [
    new Error("no errno"),
    undefined,
    "text",
    { code: "toString" },
    new IpcError("IPC_BUSY", "Busy"),
  ]) {
    assert.is(domainError("open", failure, "Cannot open"), failure);
  }
});

test.run();
