import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  close,
  getpid,
  getStatusFlags,
  gettid,
  installSignalPipe,
  MEMBARRIER_CMD_PRIVATE_EXPEDITED,
  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED,
  membarrier,
  O_NONBLOCK,
  pipe2,
  read,
  rtTgsigqueueinfo,
  SIGKILL,
  SIGSTOP,
  SIGURG,
  sigaction,
  sigrtmin,
  tgkill,
  WOULD_BLOCK,
} from "../../src/ffi/mod.ts";
import { signalCode } from "../../src/ffi/signal-code.ts";
import { leakCheck } from "../support/leak-check.ts";
import { projectRoot } from "../support/project-root.ts";
import { skip } from "../support/skip.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";

const ADDRESS = 0x1234_5678_9abc;

/** The assembler text in the comments of the table for an architecture, with the address put in. */
function sourceOf(functionName: string): string {
  const text = readFileSync(join(projectRoot, "src/ffi/signal-code.ts"), "utf8");
  const table = text.slice(text.indexOf(`function ${functionName}`)).split("]);")[0] ?? "";
  return table
    .split("\n")
    .flatMap((line) => /^ {4}0.*\/\/(.+)$/.exec(line)?.[1] ?? [])
    .join("\n")
    .replace("DATA", `0x${ADDRESS.toString(16)}`);
}

function assemble(prefix: string, source: string): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "code-"));
  try {
    const [text, object, raw] = ["code.s", "code.o", "code.bin"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(text, `${source}\n`);
    execFileSync(`${prefix}gcc`, ["-c", "-o", object, text]);
    execFileSync(`${prefix}objcopy`, ["-O", "binary", "-j", ".text", object, raw]);
    return new Uint8Array(readFileSync(raw));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

for (const [architecture, functionName, prefix] of [
  ["x64", "x64Code", "x86_64-linux-gnu-"],
  ["arm64", "arm64Code", "aarch64-linux-gnu-"],
] as const) {
  test(`the code for ${architecture} is what its comments say`, () => {
    if (spawnSync(`${prefix}gcc`, ["--version"]).status !== 0) return skip(`needs ${prefix}gcc`);
    const source = sourceOf(functionName);
    assert.ok(source.split("\n").length > 20, source);
    assert.equal([...(signalCode(architecture, ADDRESS) ?? [])], [...assemble(prefix, source)]);
  });
}

test("there is no code for another architecture", () => {
  assert.is(signalCode("mips", ADDRESS), undefined);
});

test("a handler writes each signal to the pipe, and the signal does afterwards what it did before", () => {
  const [readEnd, writeEnd] = pipe2(O_NONBLOCK);
  const records = new DataView(new ArrayBuffer(1024));
  for (const before of ["ignore", "interrupt", "default"] as const) {
    sigaction(SIGURG, before);
    const pipe = installSignalPipe(SIGURG, writeEnd);
    assert.is(sigaction(SIGURG), "handler");
    tgkill(getpid(), gettid(), SIGURG);
    assert.is(read(readEnd, records), 128);
    assert.equal([records.getInt32(0, true), records.getInt32(16, true)], [SIGURG, getpid()]);
    assert.is(pipe.lost(), 0);
    assert.is(pipe.remove(), true);
    assert.is(pipe.remove(), true, "again");
    assert.is(sigaction(SIGURG), before);
  }
  close(readEnd);
  close(writeEnd);
});

test("signals to one thread come in order, with their numbers; those that find the pipe full are counted", () => {
  const [readEnd, writeEnd] = pipe2(O_NONBLOCK);
  const signal = sigrtmin() + 3;
  const pipe = installSignalPipe(signal, writeEnd);
  const fitting = 65_536 / 128;
  for (let count = 0; count < fitting + 10; count++) rtTgsigqueueinfo(getpid(), gettid(), signal, -count);
  assert.is(pipe.lost(), 10);
  const records = new DataView(new ArrayBuffer(65_536));
  assert.is(read(readEnd, records), 65_536);
  for (let count = 0; count < fitting; count++) assert.is(records.getInt32(count * 128 + 24, true), -count | 0);
  assert.is(read(readEnd, records), WOULD_BLOCK);
  pipe.remove();
  close(readEnd);
  close(writeEnd);
});

test("two handlers of one signal are called one after the other, also when the first one has gone before", () => {
  const [readEnd, writeEnd] = pipe2(O_NONBLOCK);
  const [otherReadEnd, otherWriteEnd] = pipe2(O_NONBLOCK);
  const first = installSignalPipe(SIGURG, writeEnd);
  const second = installSignalPipe(SIGURG, otherWriteEnd);
  const record = new Uint8Array(128);
  tgkill(getpid(), gettid(), SIGURG);
  assert.equal([read(readEnd, record), read(otherReadEnd, record)], [128, 128]);
  first.remove();
  tgkill(getpid(), gettid(), SIGURG);
  assert.equal([read(readEnd, record), read(otherReadEnd, record)], [WOULD_BLOCK, 128]);
  second.remove();
  // what was there before the second one: the first one, which does nothing now
  tgkill(getpid(), gettid(), SIGURG);
  assert.is(read(readEnd, record), WOULD_BLOCK);
  sigaction(SIGURG, "default");
  for (const fd of [readEnd, writeEnd, otherReadEnd, otherWriteEnd]) close(fd);
});

test("misuse, and what the system refuses", () => {
  const [readEnd, writeEnd] = pipe2(O_NONBLOCK);
  assert.ok(getStatusFlags(writeEnd) & O_NONBLOCK);
  for (const signal of [SIGKILL, SIGSTOP])
    throwsSystemError(() => installSignalPipe(signal, writeEnd), "EINVAL", "sigaction");
  throwsSystemError(() => installSignalPipe(65, writeEnd), "EINVAL", "sigaction");
  assert.throws(() => installSignalPipe(0.5, writeEnd), /signal is 0.5/);
  assert.throws(() => installSignalPipe(SIGURG, 0.5), /fd is 0.5/);
  throwsSystemError(() => rtTgsigqueueinfo(getpid(), 2 ** 22 + 1, SIGURG, 0), "ESRCH", "rt_tgsigqueueinfo");
  throwsSystemError(() => rtTgsigqueueinfo(getpid(), gettid(), 65, 0), "EINVAL", "rt_tgsigqueueinfo");
  throwsSystemError(() => membarrier(-5), "EINVAL", "membarrier");
  membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
  membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
  close(readEnd);
  close(writeEnd);
});

test("a barrier that the process did not register for is EPERM", () => {
  // MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, for which no runtime registers
  throwsSystemError(() => membarrier(1 << 7), "EPERM", "membarrier");
});

leakCheck(test, () => {
  // Bun keeps a socket after its first child
  execFileSync("true");
});
test.run();
