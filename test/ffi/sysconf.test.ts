import { execFileSync } from "node:child_process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { _SC_CLK_TCK, _SC_NPROCESSORS_ONLN, _SC_OPEN_MAX, _SC_PAGESIZE, pageSize, sysconf } from "../../src/ffi/mod.ts";

test("sysconf says what getconf says", () => {
  const names = { PAGESIZE: _SC_PAGESIZE, _NPROCESSORS_ONLN: _SC_NPROCESSORS_ONLN, CLK_TCK: _SC_CLK_TCK };
  for (const [name, value] of Object.entries(names)) {
    assert.is(sysconf(value), Number(execFileSync("getconf", [name], { encoding: "utf8" })), name);
  }
  assert.ok(sysconf(_SC_OPEN_MAX) > 2);
  assert.is(pageSize(), sysconf(_SC_PAGESIZE));
  assert.is(pageSize(), pageSize());
});

test("an unknown name is -1", () => {
  assert.is(sysconf(2 ** 30), -1);
  assert.throws(
    () => sysconf(0.5),
    (error: unknown) => error instanceof RangeError,
  );
});

test.run();
