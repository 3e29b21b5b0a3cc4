import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { msgctlLimits, semctlLimits, shmctlLimits } from "../../src/ffi/mod.ts";
import { scratch } from "../../src/ffi/scratch.ts";

/** The numbers of a file of /proc/sys/kernel. */
function setting(name: string): number[] {
  return readFileSync(`/proc/sys/kernel/${name}`, "utf8").trim().split(/\s+/).map(Number);
}

test("the limits are those of /proc/sys/kernel", () => {
  new Uint8Array(scratch.buffer).fill(255);
  const { msgmax, msgmnb, msgmni } = msgctlLimits();
  assert.equal([[msgmax], [msgmnb], [msgmni]], [setting("msgmax"), setting("msgmnb"), setting("msgmni")]);
  const { semmsl, semmns, semopm, semmni, semvmx } = semctlLimits();
  assert.equal([semmsl, semmns, semopm, semmni], setting("sem"));
  assert.is(semvmx, 32_767);
  const { shmmax, shmmin, shmmni, shmall } = shmctlLimits();
  assert.equal([[shmmax], [shmmni], [shmall]], [setting("shmmax"), setting("shmmni"), setting("shmall")]);
  assert.is(shmmin, 1);
});

test.run();
