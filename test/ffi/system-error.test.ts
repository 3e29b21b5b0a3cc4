import { mkdirSync, openSync, readdirSync, rmdirSync, unlinkSync } from "node:fs";
import { getSystemErrorName } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ERRNO_NAMES } from "../../src/ffi/abi/errno.ts";
import { close, O_RDONLY, open, SystemError } from "../../src/ffi/mod.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";

function caught(call: () => unknown): NodeJS.ErrnoException {
  try {
    call();
  } catch (error) {
    return error as NodeJS.ErrnoException;
  }
  throw new Error("Nothing was thrown");
}

for (const [name, path] of [
  ["a file that does not exist", "/nonexistent/file"],
  ["a path through a file", "/etc/passwd/x"],
  ["a name that is too long", `/tmp/${"x".repeat(300)}`],
] as const) {
  test(`the error of ${name} is like that of node:fs`, () => {
    const ours = caught(() => open(path, O_RDONLY));
    const nodes = caught(() => openSync(path, "r"));
    for (const key of ["code", "errno", "syscall", "path"] as const) assert.is(ours[key], nodes[key], key);
    assert.is(ours.message, `${nodes.code}: ${text(nodes)}, open '${path}'`);
    assert.ok(ours instanceof Error);
    assert.is(ours.name, "SystemError");
  });
}

test("without a path it has no path, like Node's", () => {
  const error = caught(() => close(-1));
  assert.not("path" in error);
  assert.is(error.message, "EBADF: bad file descriptor, close");
  assert.match(error.stack ?? "", "system-error.test");
});

test("texts agree with those of node:fs where Node takes them from the system", () => {
  for (const call of [
    () => mkdirSync("/tmp"),
    () => unlinkSync("/nonexistent"),
    () => rmdirSync("/etc"),
    () => readdirSync("/etc/passwd"),
  ]) {
    const nodes = caught(call);
    const ours = new SystemError(nodes.syscall ?? "", -(nodes.errno ?? 0), nodes.path);
    assert.is(ours.code, nodes.code);
    assert.is(ours.code, getSystemErrorName(nodes.errno ?? 0));
  }
});

test("an errno that nobody knows is kept", () => {
  const error = new SystemError("open", 4095);
  assert.equal([error.code, error.errno, error.message], ["E4095", -4095, "E4095: unknown error, open"]);
});

test("throwsSystemError sees what is wrong", () => {
  throwsSystemError(() => open("/nonexistent", 0), "ENOENT", "open", "/nonexistent");
  for (const call of [() => {}, () => open("/nonexistent\0", 0), () => close(-1)]) {
    // assert.throws would let an assertion of uvu's pass by
    caught(() => throwsSystemError(call, "ENOENT", "open", "/nonexistent"));
  }
});

function text({ errno = 0 }: NodeJS.ErrnoException): string {
  return ERRNO_NAMES.get(-errno)?.[1] ?? "";
}

test.run();
