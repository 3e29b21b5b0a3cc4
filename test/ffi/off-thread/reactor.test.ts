import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EFD_NONBLOCK, O_DIRECTORY, O_NONBLOCK, O_RDONLY } from "../../../src/ffi/abi/current.ts";
import { eventfd } from "../../../src/ffi/eventfd.ts";
import { dup } from "../../../src/ffi/fcntl.ts";
import { close, open, pipe2, read, write } from "../../../src/ffi/fd.ts";
import { FdWaiter, forgetFd, waitForFd } from "../../../src/ffi/off-thread/reactor.ts";
import { QUEUE_ENTRIES } from "../../../src/ffi/off-thread/reactor-queue.ts";
import { SystemError } from "../../../src/ffi/system-error.ts";
import { deadline } from "../../support/deadline.ts";
import { leakCheck } from "../../support/leak-check.ts";

const LIMIT = 20_000;
/** Long enough for a report that is on its way to arrive, in milliseconds. */
const A_WHILE = 30;

const byte = new Uint8Array(1);
const one = new BigUint64Array([1n]);

/** Whether the promise is settled after a while. */
async function settles(promise: Promise<unknown>): Promise<boolean> {
  const settled = promise.then(
    () => true,
    () => true,
  );
  return Promise.race([settled, sleep(A_WHILE, false)]);
}

/** Lets time pass without a turn of the event loop. */
function spin(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

function fill(fd: number): void {
  const block = new Uint8Array(4096);
  while (write(fd, block) > 0);
}

function drain(fd: number): void {
  const block = new Uint8Array(65_536);
  while (read(fd, block) > 0);
}

test(
  "a read wait resolves when there is a byte, not before",
  deadline(LIMIT, async () => {
    const [readEnd, writeEnd] = pipe2(O_NONBLOCK);
    const wait = waitForFd(readEnd, "read");
    assert.not(await settles(wait));
    write(writeEnd, byte);
    await wait;
    // there still is one
    await waitForFd(readEnd, "read");
    read(readEnd, byte);
    assert.not(await settles(waitForFd(readEnd, "read")));
    forgetFd(readEnd);
    close(readEnd);
    close(writeEnd);
  }),
);

test(
  "a write wait resolves when there is room, not before",
  deadline(LIMIT, async () => {
    const [readEnd, writeEnd] = pipe2(O_NONBLOCK);
    await waitForFd(writeEnd, "write");
    fill(writeEnd);
    const wait = waitForFd(writeEnd, "write");
    assert.not(await settles(wait));
    drain(readEnd);
    await wait;
    close(readEnd);
    close(writeEnd);
  }),
);

test(
  "a wait resolves when the other side hangs up",
  deadline(LIMIT, async () => {
    const [readEnd, writeEnd] = pipe2(O_NONBLOCK);
    const wait = waitForFd(readEnd, "read");
    close(writeEnd);
    await wait;
    assert.is(read(readEnd, byte), 0);
    close(readEnd);

    const [otherReadEnd, otherWriteEnd] = pipe2(O_NONBLOCK);
    fill(otherWriteEnd);
    const otherWait = waitForFd(otherWriteEnd, "write");
    close(otherReadEnd);
    await otherWait;
    close(otherWriteEnd);
  }),
);

test(
  "one descriptor serves several waits in both directions, each at its time",
  deadline(LIMIT, async () => {
    const full = new BigUint64Array([2n ** 64n - 2n]);
    const taken = new BigUint64Array(1);
    const fd = eventfd(0, EFD_NONBLOCK);
    const reads = [waitForFd(fd, "read"), waitForFd(fd, "read")];
    await Promise.all([waitForFd(fd, "write"), waitForFd(fd, "write")]);
    for (const wait of reads) assert.not(await settles(wait));
    write(fd, full);
    await Promise.all(reads);
    const writes = [waitForFd(fd, "write"), waitForFd(fd, "write")];
    await waitForFd(fd, "read");
    for (const wait of writes) assert.not(await settles(wait));
    read(fd, taken);
    await Promise.all(writes);
    close(fd);
  }),
);

test(
  "200 pipes wait at once, and each resolves for its own byte",
  deadline(LIMIT, async () => {
    const pipes = Array.from({ length: 200 }, () => pipe2(O_NONBLOCK));
    const resolved = new Set<number>();
    const waits = pipes.map(([readEnd], index) => waitForFd(readEnd, "read").then(() => resolved.add(index)));
    for (let index = 0; index < 200; index += 2) write((pipes[index] as [number, number])[1], byte);
    await Promise.all(waits.filter((_, index) => index % 2 === 0));
    assert.is(resolved.size, 100);
    assert.ok([...resolved].every((index) => index % 2 === 0));
    for (let index = 199; index > 0; index -= 2) write((pipes[index] as [number, number])[1], byte);
    await Promise.all(waits);
    for (const end of pipes.flat()) close(end);
  }),
);

test(
  "more descriptors become ready than the queue holds while the thread is busy",
  deadline(LIMIT, async () => {
    const fds = Array.from({ length: QUEUE_ENTRIES * 2 + 50 }, () => eventfd(0, EFD_NONBLOCK));
    // the second round starts elsewhere in the queue
    for (let round = 0; round < 2; round++) {
      const waits = fds.map((fd) => waitForFd(fd, "read"));
      for (const fd of fds) write(fd, one);
      spin(A_WHILE);
      await Promise.all(waits);
      for (const fd of fds) read(fd, new BigUint64Array(1));
    }
    for (const fd of fds) close(fd);
  }),
);

test(
  "a signal ends its own wait with its reason, at once, and no other",
  deadline(LIMIT, async () => {
    const [readEnd, writeEnd] = pipe2(O_NONBLOCK);
    const abort = new AbortController();
    const reason = new Error("enough");
    const aborted = waitForFd(readEnd, "read", abort.signal);
    const other = waitForFd(readEnd, "read", new AbortController().signal);
    setTimeout(() => abort.abort(reason), 5);
    assert.is(await rejection(aborted), reason);
    assert.not(await settles(other));
    write(writeEnd, byte);
    await other;
    assert.is(await rejection(waitForFd(readEnd, "read", abort.signal)), reason);
    await waitForFd(readEnd, "read");
    close(readEnd);
    close(writeEnd);
  }),
);

test(
  "nothing is left in a signal after the wait, nor in the set after the signal",
  deadline(LIMIT, async () => {
    const [readEnd, writeEnd] = pipe2(O_NONBLOCK);
    const abort = new AbortController();
    const listeners = countListeners(abort.signal);
    write(writeEnd, byte);
    await waitForFd(readEnd, "read", abort.signal);
    assert.is(listeners(), 0);
    const forgotten = waitForFd(readEnd, "write", abort.signal);
    forgetFd(readEnd);
    await forgotten;
    assert.is(listeners(), 0);
    read(readEnd, byte);

    const aborted = waitForFd(readEnd, "read", abort.signal);
    assert.ok(isRegistered(readEnd));
    abort.abort(new Error("enough"));
    assert.not(isRegistered(readEnd));
    assert.is(((await rejection(aborted)) as Error).message, "enough");
    const wait = waitForFd(readEnd, "read");
    assert.not(await settles(wait));
    write(writeEnd, byte);
    await wait;
    close(readEnd);
    close(writeEnd);
  }),
);

test(
  "forgetFd resolves the waits on a descriptor, and one that takes its number starts anew",
  deadline(LIMIT, async () => {
    const fd = eventfd(0, EFD_NONBLOCK);
    const waits = [waitForFd(fd, "read"), waitForFd(fd, "read")];
    // the report is on its way, but not read yet, when the descriptor is closed
    write(fd, one);
    spin(A_WHILE);
    forgetFd(fd);
    close(fd);
    const other = eventfd(0, EFD_NONBLOCK);
    assert.is(other, fd);
    const wait = waitForFd(other, "read");
    await Promise.all(waits);
    assert.not(await settles(wait));
    write(other, one);
    await wait;
    forgetFd(other);
    forgetFd(other);
    close(other);
    forgetFd(other);
  }),
);

test(
  "a descriptor that was closed after its waits, without forgetFd, may be used again",
  deadline(LIMIT, async () => {
    const fd = eventfd(1, EFD_NONBLOCK);
    await waitForFd(fd, "read");
    close(fd);
    const other = eventfd(0, EFD_NONBLOCK);
    assert.is(other, fd);
    const wait = waitForFd(other, "read");
    assert.not(await settles(wait));
    write(other, one);
    await wait;
    close(other);
  }),
);

test(
  "a descriptor that was closed while a duplicate kept its file open may be used again",
  deadline(LIMIT, async () => {
    const fd = eventfd(0, EFD_NONBLOCK);
    const wait = waitForFd(fd, "read");
    const duplicate = dup(fd);
    close(fd);
    // too late, so the registration stays in the set, under the number that is nobody's now
    forgetFd(fd);
    await wait;
    assert.is(dup(duplicate, fd), fd);
    const again = waitForFd(fd, "read");
    assert.not(await settles(again));
    write(duplicate, one);
    await again;
    forgetFd(fd);
    close(fd);
    close(duplicate);
  }),
);

test(
  "what epoll refuses is ready at once: a regular file, a folder",
  deadline(LIMIT, async () => {
    const file = open(process.execPath, O_RDONLY);
    await waitForFd(file, "read");
    await waitForFd(file, "write");
    close(file);
    const folder = open(tmpdir(), O_RDONLY | O_DIRECTORY);
    await waitForFd(folder, "read");
    close(folder);
  }),
);

test(
  "a wait for what is no descriptor rejects",
  deadline(LIMIT, async () => {
    const closed = eventfd();
    close(closed);
    for (const fd of [closed, -1]) {
      const error = await rejection(waitForFd(fd, "read"));
      assert.instance(error, SystemError);
      assert.is((error as SystemError).code, "EBADF");
    }
    assert.instance(await rejection(waitForFd(0.5, "read")), RangeError);
    assert.instance(await rejection(waitForFd("0" as never, "read")), TypeError);
  }),
);

test(
  "an FdWaiter waits again and again, until it is closed",
  deadline(LIMIT, async () => {
    const [readEnd, writeEnd] = pipe2(O_NONBLOCK);
    const waiter = new FdWaiter(readEnd, "read");
    for (let round = 0; round < 100; round++) {
      const wait = waiter.wait();
      write(writeEnd, byte);
      await wait;
      assert.is(read(readEnd, byte), 1);
    }
    const last = waiter.wait();
    assert.not(await settles(last));
    waiter.close();
    waiter.close();
    await last;
    await waiter.wait();
    close(readEnd);
    close(writeEnd);
  }),
);

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("The promise resolved, but should have rejected");
}

/** Whether the descriptor is in the epoll set. */
function isRegistered(fd: number): boolean {
  const line = new RegExp(`^tfd: +${fd} `, "m");
  return readdirSync("/proc/self/fdinfo").some((name) => {
    try {
      return line.test(readFileSync(`/proc/self/fdinfo/${name}`, "utf8"));
    } catch {
      // the descriptor of the listing itself, closed by now
      return false;
    }
  });
}

/** Counts the abort listeners that come and go from now on. */
function countListeners(signal: AbortSignal): () => number {
  let count = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: unknown[]) => {
    count++;
    Reflect.apply(addEventListener, signal, args);
  };
  signal.removeEventListener = (...args: unknown[]) => {
    count--;
    Reflect.apply(removeEventListener, signal, args);
  };
  return () => count;
}

leakCheck(test, async () => {
  const fd = eventfd(1);
  await waitForFd(fd, "read");
  forgetFd(fd);
  close(fd);
});
test.run();
