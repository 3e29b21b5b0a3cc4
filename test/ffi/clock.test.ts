import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CLOCK_MONOTONIC, CLOCK_REALTIME, clockGettime } from "../../src/ffi/mod.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";

test("the clocks say what others say, in milliseconds", () => {
  const before = Date.now();
  const now = clockGettime(CLOCK_REALTIME);
  // Date.now may lag by its resolution
  assert.ok(now >= before - 2 && now <= Date.now() + 2, `${before} ${now}`);
  const monotonic = clockGettime(CLOCK_MONOTONIC);
  assert.ok(clockGettime(CLOCK_MONOTONIC) >= monotonic);
  // the time since boot with sleep, in hundredths of a second
  const uptime = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1000;
  assert.ok(clockGettime(CLOCK_MONOTONIC) <= uptime + 20_000);
});

test("what the system refuses, and misuse", () => {
  throwsSystemError(() => clockGettime(1000), "EINVAL", "clock_gettime");
  assert.throws(() => clockGettime(0.5), /clock is 0.5/);
});

test.run();
