// A child reads a file line by line and puts each line into shared memory; its parent prints it when SIGUSR1 says that it is there, and
// says with a signal of its own that the memory is free again. The answer is necessary: a second SIGUSR1 that comes while the first one
// is pending is lost, and so would be its line.
//
// The memory has no name: the child gets it as its descriptor 3, and the file as its standard input.
//
// Run it: bun examples/textbook/print-on-signal.ts
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SharedMemory, signals } from "millrace";

const LINE_BYTES = 256; // the first one is the length of the line
const NO_LINE = 255; // in its place: the file has ended

if (process.argv[2] === "child") await readLines(Number(process.argv[3]));
else await printLines();

/** @param parent its process id; `process.ppid` would be that of another process once the parent has died */
async function readLines(parent: number) {
  using memory = SharedMemory.fromDescriptor(3);
  // before the parent can answer: from here on no signal is lost
  using printed = signals.receive(["SIGUSR1"]);
  for (const line of readFileSync(0, "utf8").trimEnd().split("\n")) {
    const bytes = new TextEncoder().encode(line);
    assert(bytes.length < NO_LINE);
    memory.bytes[0] = bytes.length;
    memory.bytes.set(bytes, 1);
    signals.send(parent, "SIGUSR1");
    const { pid } = await printed.next({ timeout: 10_000 });
    assert.equal(pid, parent, "somebody else sent the signal");
  }
  memory.bytes[0] = NO_LINE;
  signals.send(parent, "SIGUSR1");
}

async function printLines() {
  const folder = mkdtempSync(join(tmpdir(), "print-on-signal-"));
  try {
    const path = join(folder, "poem");
    writeFileSync(path, "The mill goes round,\nthe water runs,\nand nobody waits for nothing.\n");
    const file = openSync(path, "r");
    using memory = SharedMemory.anonymous(LINE_BYTES);
    using lineIsThere = signals.receive(["SIGUSR1"]);
    const child = fork(import.meta.filename, ["child", `${process.pid}`], {
      stdio: [file, "inherit", "inherit", memory.descriptor, "ipc"],
    });
    const ended = once(child, "exit");
    closeSync(file);

    for (;;) {
      const { pid } = await lineIsThere.next({ timeout: 10_000 });
      assert.equal(pid, child.pid, "somebody else sent the signal");
      const [length = NO_LINE] = memory.read(0, 1);
      if (length === NO_LINE) break;
      console.log(new TextDecoder().decode(memory.read(1, length)));
      signals.send(pid, "SIGUSR1");
    }
    assert.deepEqual(await ended, [0, null]);
    console.log("(the child has read to the end of the file)");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// Output:
// The mill goes round,
// the water runs,
// and nobody waits for nothing.
// (the child has read to the end of the file)
