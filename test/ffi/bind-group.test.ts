// runtimes: bun node20 - plain code, the same everywhere
import { test } from "uvu";
import * as assert from "uvu/assert";
import { IpcError } from "../../src/errors.ts";
import { bindGroup } from "../../src/ffi/backend/bind-group.ts";
import { LIBRARY_NAMES, type Signature } from "../../src/ffi/library.ts";

const signature: Signature = { parameters: [], result: "i32" };

/** Libraries with these functions, which count how often they are opened. */
function libraries(functions: Record<string, string[]>) {
  const opened: string[] = [];
  return {
    opened,
    bindFrom(libraryName: string, definitions: Readonly<Record<string, Signature>>) {
      opened.push(libraryName);
      for (const name in definitions) {
        if (!functions[libraryName]?.includes(name)) throw new Error(`${libraryName} lacks ${name}`);
      }
      return Object.fromEntries(Object.keys(definitions).map((name) => [name, () => `${name} of ${libraryName}`]));
    },
  };
}

test("a group that libc has whole is bound in one go", () => {
  const { opened, bindFrom } = libraries({ "libc.so.6": ["a", "b", "c"] });
  const bound = bindGroup({ a: signature, b: signature, c: signature }, bindFrom);
  assert.is(bound.b(), "b of libc.so.6");
  assert.equal(opened, ["libc.so.6"]);
});

test("a function that an older glibc keeps elsewhere is found there", () => {
  const { bindFrom } = libraries({ "libc.so.6": ["a"], "libpthread.so.0": ["c"], "libdl.so.2": ["b"] });
  const bound = bindGroup({ a: signature, b: signature, c: signature }, bindFrom);
  assert.equal([bound.a(), bound.b(), bound.c()], ["a of libc.so.6", "b of libdl.so.2", "c of libpthread.so.0"]);
});

test("what no library has is reported by name, with each library's own words", () => {
  const { bindFrom } = libraries({ "libc.so.6": ["a"] });
  try {
    bindGroup({ a: signature, b: signature }, bindFrom);
    assert.unreachable();
  } catch (error) {
    if (!(error instanceof IpcError)) throw error;
    assert.is(error.code, "IPC_UNSUPPORTED");
    assert.match(error.message, '"b"');
    const { errors } = error.cause as AggregateError;
    assert.equal(
      errors.map(({ message }) => message),
      LIBRARY_NAMES.map((name) => `${name} lacks b`),
    );
  }
});

test.run();
