import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { getrlimit, RLIMIT_CORE, RLIMIT_CPU, RLIMIT_MSGQUEUE, RLIMIT_NOFILE, setrlimit } from "../../src/ffi/mod.ts";
import { scratch } from "../../src/ffi/scratch.ts";
import { asNobody, isRoot } from "../support/as-nobody.ts";
import { skip } from "../support/skip.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";

/** A limit as /proc tells it. */
function limitOf(name: string): { soft: number; hard: number } {
  const line = readFileSync("/proc/self/limits", "utf8")
    .split("\n")
    .find((text) => text.startsWith(name));
  const [soft, hard] = (line as string).slice(name.length).trim().split(/\s+/);
  const number = (text: string | undefined) => (text === "unlimited" ? Number.POSITIVE_INFINITY : Number(text));
  return { soft: number(soft), hard: number(hard) };
}

test("getrlimit says what /proc says", () => {
  new Uint8Array(scratch.buffer).fill(255);
  assert.equal(getrlimit(RLIMIT_NOFILE), limitOf("Max open files"));
  assert.equal(getrlimit(RLIMIT_CORE), limitOf("Max core file size"));
  assert.equal(getrlimit(RLIMIT_MSGQUEUE), limitOf("Max msgqueue size"));
  assert.equal(getrlimit(RLIMIT_CPU), { soft: Number.POSITIVE_INFINITY, hard: Number.POSITIVE_INFINITY });
});

test("setrlimit sets both, also none", () => {
  const before = getrlimit(RLIMIT_MSGQUEUE);
  setrlimit(RLIMIT_MSGQUEUE, { soft: 1000, hard: before.hard });
  assert.equal(limitOf("Max msgqueue size"), { soft: 1000, hard: before.hard });
  setrlimit(RLIMIT_MSGQUEUE, before);
  assert.equal(getrlimit(RLIMIT_MSGQUEUE), before);
  const cpu = getrlimit(RLIMIT_CPU);
  setrlimit(RLIMIT_CPU, { soft: 1_000_000, hard: cpu.hard });
  assert.equal(limitOf("Max cpu time"), { soft: 1_000_000, hard: cpu.hard });
  setrlimit(RLIMIT_CPU, cpu);
  assert.is(getrlimit(RLIMIT_CPU).soft, Number.POSITIVE_INFINITY);
});

test("what the system refuses", () => {
  throwsSystemError(() => getrlimit(1000), "EINVAL", "getrlimit");
  throwsSystemError(() => setrlimit(1000, { soft: 0, hard: 0 }), "EINVAL", "setrlimit");
  throwsSystemError(() => setrlimit(RLIMIT_NOFILE, { soft: 11, hard: 10 }), "EINVAL", "setrlimit");
  const limit = Number(readFileSync("/proc/sys/fs/nr_open", "utf8"));
  throwsSystemError(() => setrlimit(RLIMIT_NOFILE, { soft: 10, hard: limit + 1 }), "EPERM", "setrlimit");
});

test("to raise the hard limit takes privilege", () => {
  if (!isRoot()) return skip("needs root, to become another user");
  const { soft, hard } = getrlimit(RLIMIT_MSGQUEUE);
  throwsSystemError(() => asNobody(() => setrlimit(RLIMIT_MSGQUEUE, { soft, hard: hard + 1 })), "EPERM", "setrlimit");
});

test("misuse is refused before the call", () => {
  assert.throws(() => getrlimit(0.5), /resource is 0.5/);
  assert.throws(() => setrlimit(RLIMIT_NOFILE, { soft: -1, hard: 0 }), /soft is -1/);
  assert.throws(() => setrlimit(RLIMIT_NOFILE, { soft: 0, hard: Number.NaN }), /hard is NaN/);
});

test.run();
