// Copies a file from one process to another through a pipe, and no byte of it enters either of them: splice(2) moves pages between
// the file and the pipe, tee(2) gives a second pipe the same pages, for a program that makes a check sum of them, and vmsplice(2)
// puts a heading from this process's memory in front.
//
//   file --splice--> pipe --+--splice--> copy
//   heading -vmsplice-^     +--tee--> pipe --> sha256sum
//
// Run it: bun examples/textbook/splice-copy.ts
import assert from "node:assert/strict";
import { fork, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  close,
  getPipeSize,
  O_CREAT,
  O_RDONLY,
  O_WRONLY,
  open,
  pipe2,
  SPLICE_F_MORE,
  setPipeSize,
  splice,
  tee,
  vmsplice,
} from "millrace/ffi";

const FILE_BYTES = 3_000_001;
const PIPE_BYTES = 1 << 18;

if (process.argv[2] === "copier") receive(process.argv[3] ?? "");
else await send();

/** The child: from the pipe at descriptor 3 into a file, and a copy of all of it into the pipe at descriptor 4. */
function receive(path: string) {
  const [input, second] = [3, 4];
  const file = open(path, O_WRONLY | O_CREAT); // splice refuses a file that is open with O_APPEND
  for (;;) {
    const count = tee(input, second, PIPE_BYTES); // waits for data; leaves it in the first pipe
    if (count === 0) break; // the pipe is empty and has no writer
    for (let moved = 0; moved < count; ) moved += splice(input, file, count - moved, SPLICE_F_MORE);
  }
  for (const fd of [file, input, second]) close(fd);
}

async function send() {
  const folder = mkdtempSync(join(tmpdir(), "splice-copy-"));
  const [source, copy] = [join(folder, "source"), join(folder, "copy")];
  try {
    const content = randomBytes(FILE_BYTES);
    writeFileSync(source, content);

    const [input, output] = pipe2();
    const [checkInput, checkOutput] = pipe2();
    // in a larger pipe the two processes wait for each other less often
    assert.equal(setPipeSize(output, PIPE_BYTES), PIPE_BYTES);
    assert.equal(getPipeSize(input), PIPE_BYTES); // it is one buffer with two ends
    const sum = spawn("sha256sum", { stdio: [checkInput, "pipe", "inherit"] });
    const copier = fork(import.meta.filename, ["copier", copy], {
      stdio: ["ignore", "inherit", "inherit", input, checkOutput, "ipc"],
    });
    const endings = [once(copier, "exit"), once(sum, "close")];
    for (const fd of [input, checkInput, checkOutput]) close(fd); // the children have their own
    let line = "";
    assert(sum.stdout !== null);
    sum.stdout.setEncoding("utf8").on("data", (text) => {
      line += text;
    });

    // A page of its own, which stays unchanged until the other side has read it: the pipe refers to it.
    const heading = new Uint8Array(4096).fill(0x2d);
    assert.equal(vmsplice(output, heading), heading.length);
    const file = open(source, O_RDONLY);
    let sent = 0;
    for (let count = -1; count !== 0; sent += count) count = splice(file, output, PIPE_BYTES, SPLICE_F_MORE);
    assert.equal(sent, FILE_BYTES);
    close(file);
    close(output); // the last write end: the copier's tee gives 0

    for (const ending of endings) assert.deepEqual(await ending, [0, null]);
    const expected = Buffer.concat([heading, content]);
    assert(readFileSync(copy).equals(expected));
    console.log(`${expected.length} bytes were copied from process to process`);
    assert.equal(line.split(" ")[0], createHash("sha256").update(expected).digest("hex"));
    console.log("sha256sum saw the same bytes");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// Output:
// 3004097 bytes were copied from process to process
// sha256sum saw the same bytes
