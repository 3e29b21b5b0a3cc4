// Maps a slice of a file that begins and ends anywhere, in two processes. mmap(2) takes offsets of whole pages only, so a slice begins
// somewhere inside the first page that is mapped; MappedFile does that sum; at the end it is done by hand.
//
// Run it: bun examples/textbook/file-slice.ts
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MappedFile, SystemError } from "millrace";
import { close, MAP_SHARED, mmap, O_RDWR, open, PROT_READ, pageSize } from "millrace/ffi";
import { mapShared } from "millrace/memory";

const RECORD = "a record of the file, ";
const RECORDS = 1000;
const FIRST = 333; // the slice begins with this record, which is at no page's beginning
const COUNT = 300; // records of the slice, which is more than a page
const OFFSET = FIRST * RECORD.length;
const LENGTH = COUNT * RECORD.length;

if (process.argv[2] === "child") shout(process.argv[3] ?? "");
else await run();

/** The child changes the file in place: no read, no write. */
function shout(path: string) {
  using slice = MappedFile.open(path, { access: "readwrite", offset: OFFSET, length: LENGTH });
  for (const [index, byte] of slice.bytes.entries()) {
    if (byte >= 0x61 && byte <= 0x7a) slice.bytes[index] = byte - 0x20;
  }
  slice.flushSync();
}

async function run() {
  const folder = mkdtempSync(join(tmpdir(), "file-slice-"));
  const path = join(folder, "records");
  try {
    writeFileSync(path, RECORD.repeat(RECORDS));
    assert.notEqual(OFFSET % pageSize(), 0);
    console.log(`the slice begins ${OFFSET % pageSize()} bytes after the beginning of a page`);

    using slice = MappedFile.open(path, { offset: OFFSET, length: LENGTH });
    assert.equal(textOf(slice), RECORD.repeat(COUNT));
    const child = fork(import.meta.filename, ["child", path]);
    assert.deepEqual(await once(child, "exit"), [0, null]);
    assert.equal(textOf(slice), RECORD.toUpperCase().repeat(COUNT));
    console.log("what the child changed is in this process's mapping at once");
    const [before, after] = [RECORD.repeat(FIRST), RECORD.repeat(RECORDS - FIRST - COUNT)];
    const inFile = `${before}${RECORD.toUpperCase().repeat(COUNT)}${after}`;
    assert.equal(readFileSync(path, "utf8"), inFile);
    console.log("and in the file, between the records before it and after it");

    using own = MappedFile.open(path, { access: "private", offset: OFFSET, length: LENGTH });
    own.bytes.fill(0);
    assert.equal(readFileSync(path, "utf8"), inFile);
    console.log('a "private" mapping is a copy of its own: the file did not change');

    assert.equal(byHand(path), RECORD.toUpperCase().repeat(COUNT));
    console.log("the same by hand: mmap refuses such an offset, and the page before is mapped as well");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function textOf(slice: MappedFile): string {
  return new TextDecoder().decode(slice.read());
}

/** What MappedFile does: map from the beginning of the page, and skip what is before the slice. */
function byHand(path: string): string {
  const fd = open(path, O_RDWR);
  assert.throws(
    () => mmap(0, LENGTH, PROT_READ, MAP_SHARED, fd, OFFSET),
    (error) => error instanceof SystemError && error.code === "EINVAL",
  );
  const skip = OFFSET % pageSize();
  const region = mapShared(fd, skip + LENGTH, OFFSET - skip);
  close(fd); // the mapping does not need it
  const text = new TextDecoder().decode(region.bytes.slice(skip));
  region.close();
  return text;
}

// Output:
// the slice begins 3230 bytes after the beginning of a page
// what the child changed is in this process's mapping at once
// and in the file, between the records before it and after it
// a "private" mapping is a copy of its own: the file did not change
// the same by hand: mmap refuses such an offset, and the page before is mapped as well
