import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  close,
  memfdCreate,
  O_APPEND,
  O_NONBLOCK,
  pipe2,
  read,
  SPLICE_F_NONBLOCK,
  setStatusFlags,
  splice,
  tee,
  vmsplice,
  WOULD_BLOCK,
  write,
} from "../../src/ffi/mod.ts";
import { scratch } from "../../src/ffi/scratch.ts";
import { leakCheck } from "../support/leak-check.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";

const bytes = new Uint8Array(100);

/** What a descriptor has to read. */
function content(fd: number): number[] {
  return [...bytes.subarray(0, Math.max(0, read(fd, bytes)))];
}

/** Two pipes and a file that holds 1, 2, 3, 4. */
function withPipes(run: (pipes: { from: [number, number]; to: [number, number]; file: number }) => void): () => void {
  return () => {
    const from = pipe2(O_NONBLOCK);
    const to = pipe2(O_NONBLOCK);
    const file = memfdCreate("splice");
    write(file, new Uint8Array([1, 2, 3, 4]));
    try {
      run({ from, to, file });
    } finally {
      for (const fd of [...from, ...to, file]) close(fd);
    }
  };
}

test(
  "splice moves from a file to a pipe and on to another, at offsets or the position",
  withPipes(({ from, to, file }) => {
    new Uint8Array(scratch.buffer).fill(255);
    assert.is(splice(file, from[1], 100, 0, { in: 1 }), 3);
    assert.is(splice(from[0], to[1], 2), 2);
    assert.equal(content(to[0]), [2, 3]);
    assert.is(splice(from[0], file, 10, 0, { out: 5 }), 1);
    assert.is(splice(file, from[1], 100, 0, { in: 0 }), 6);
    assert.equal(content(from[0]), [1, 2, 3, 4, 0, 4], "with a hole where nothing was written");
    assert.is(splice(file, from[1], 1), 1, "the position of the file has not moved");
    assert.equal(content(from[0]), [0]);
    assert.is(splice(file, from[1], 100, 0, { in: 6 }), 0, "at the end");
  }),
);

test(
  "tee copies and leaves",
  withPipes(({ from, to }) => {
    write(from[1], new Uint8Array([7, 8, 9]));
    assert.is(tee(from[0], to[1], 2), 2);
    assert.equal(content(to[0]), [7, 8]);
    assert.equal(content(from[0]), [7, 8, 9]);
  }),
);

test(
  "vmsplice puts a view into a pipe, and reads into one",
  withPipes(({ from }) => {
    const page = new Uint8Array(new ArrayBuffer(5000)).fill(5);
    assert.is(vmsplice(from[1], page.subarray(0, 4999)), 4999);
    const out = new Uint8Array(new ArrayBuffer(6000));
    assert.is(vmsplice(from[0], out), 4999);
    assert.is(out[4998], 5);
    assert.is(out[4999], 0);
    assert.throws(() => vmsplice(from[1], new Uint8Array(0)), /empty view/i);
  }),
);

test(
  "would block is a value",
  withPipes(({ from, to }) => {
    assert.is(splice(from[0], to[1], 10), WOULD_BLOCK);
    assert.is(tee(from[0], to[1], 10, SPLICE_F_NONBLOCK), WOULD_BLOCK);
    const full = new Uint8Array(65_536);
    while (write(to[1], full) > 0);
    assert.is(vmsplice(to[1], full, SPLICE_F_NONBLOCK), WOULD_BLOCK);
  }),
);

test(
  "without a writer it is the end, without a reader EPIPE",
  withPipes(({ from, to, file }) => {
    const [readEnd, writeEnd] = pipe2();
    close(writeEnd);
    assert.is(splice(readEnd, to[1], 10), 0);
    assert.is(tee(readEnd, to[1], 10), 0);
    close(readEnd);
    const [gone, open] = pipe2();
    close(gone);
    write(from[1], new Uint8Array(1));
    throwsSystemError(() => splice(file, open, 10, 0, { in: 0 }), "EPIPE", "splice");
    throwsSystemError(() => tee(from[0], open, 10), "EPIPE", "tee");
    throwsSystemError(() => vmsplice(open, new Uint8Array(1)), "EPIPE", "vmsplice");
    close(open);
  }),
);

test(
  "what the system refuses",
  withPipes(({ from, to, file }) => {
    write(from[1], new Uint8Array(1));
    throwsSystemError(() => splice(-1, to[1], 1), "EBADF", "splice");
    throwsSystemError(() => splice(from[1], to[1], 1), "EBADF", "splice");
    throwsSystemError(() => splice(file, file, 1), "EINVAL", "splice");
    throwsSystemError(() => splice(from[0], from[1], 1), "EINVAL", "splice");
    throwsSystemError(() => splice(from[0], to[1], 1, 0, { in: 0 }), "ESPIPE", "splice");
    throwsSystemError(() => splice(from[0], to[1], 1, 0x8000_0000), "EINVAL", "splice");
    setStatusFlags(file, O_APPEND);
    throwsSystemError(() => splice(from[0], file, 1), "EINVAL", "splice");
    throwsSystemError(() => tee(-1, to[1], 1), "EBADF", "tee");
    throwsSystemError(() => tee(from[0], from[1], 1), "EINVAL", "tee");
    throwsSystemError(() => tee(from[0], file, 1), "EINVAL", "tee");
    throwsSystemError(() => vmsplice(-1, new Uint8Array(1)), "EBADF", "vmsplice");
    throwsSystemError(() => vmsplice(file, new Uint8Array(1)), "EBADF", "vmsplice");
    throwsSystemError(() => vmsplice(from[1], new Uint8Array(1), 0x8000_0000), "EINVAL", "vmsplice");
  }),
);

test("misuse is refused before the call", () => {
  assert.throws(() => splice(0.5, 0, 1), /fdIn is 0.5/);
  assert.throws(() => splice(0, 0, -1), /length is -1/);
  assert.throws(() => splice(0, 0, 1, 0, { in: 0.5 }), /offsets.in is 0.5/);
  assert.throws(() => tee(0, 0, 1, -1), /flags is -1/);
  assert.throws(() => vmsplice(0, {} as never), /view is a Object/);
});

leakCheck(test);
test.run();
