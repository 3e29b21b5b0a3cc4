import { existsSync, statSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  CLOCK_MONOTONIC,
  CLOCK_REALTIME,
  close,
  ftruncate,
  INTERRUPTED,
  MAP_SHARED,
  mmap,
  munmap,
  O_CREAT,
  O_EXCL,
  O_RDWR,
  PROT_READ,
  PROT_WRITE,
  SEM_T,
  SEM_VALUE_MAX,
  semClockwait,
  semClose,
  semDestroy,
  semGetvalue,
  semInit,
  semOpen,
  semPost,
  semTimedwait,
  semTrywait,
  semUnlink,
  semWait,
  shmOpen,
  shmUnlink,
  TIMED_OUT,
  WOULD_BLOCK,
} from "../../src/ffi/mod.ts";
import { asNobody, isRoot } from "../support/as-nobody.ts";
import { deadline } from "../support/deadline.ts";
import { whileInterrupted } from "../support/interrupted.ts";
import { leakCheck } from "../support/leak-check.ts";
import { nativePeer } from "../support/native-peer.ts";
import { skip } from "../support/skip.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";
import { uniqueName } from "../support/unique-name.ts";

const startPeer = nativePeer("sync-peer");
/** Where the C program has its semaphore. */
const SEM_AT = 192;

/** Runs a test with a page of shared memory and its name. */
function withMemory(run: (address: number, name: string) => void | Promise<void>): () => Promise<void> {
  return async () => {
    const name = `/${uniqueName("sem")}`;
    const fd = shmOpen(name, O_RDWR | O_CREAT | O_EXCL);
    ftruncate(fd, 4096);
    const address = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    try {
      await run(address, name);
    } finally {
      munmap(address, 4096);
      shmUnlink(name);
    }
  };
}

test(
  "a semaphore in memory counts",
  withMemory((address) => {
    semInit(address, 2);
    assert.is(semGetvalue(address), 2);
    assert.is(semWait(address), 0);
    assert.is(semTrywait(address), 0);
    assert.is(semTrywait(address), WOULD_BLOCK);
    semPost(address);
    assert.is(semTimedwait(address, 60_000), 0);
    semPost(address);
    assert.is(semClockwait(address, CLOCK_MONOTONIC, Number.POSITIVE_INFINITY), 0);
    semPost(address);
    assert.is(semTimedwait(address, Number.POSITIVE_INFINITY), 0);
    assert.is(semGetvalue(address), 0);
    semDestroy(address);
    semInit(address + SEM_T.sizeof, SEM_VALUE_MAX);
    throwsSystemError(() => semPost(address + SEM_T.sizeof), "EOVERFLOW", "sem_post");
    throwsSystemError(() => semInit(address, SEM_VALUE_MAX + 1), "EINVAL", "sem_init");
  }),
);

test(
  "a wait lasts its time",
  withMemory((address) => {
    semInit(address, 0);
    for (const wait of [
      () => semTimedwait(address, 30.5),
      () => semClockwait(address, CLOCK_MONOTONIC, 30.5),
      () => semClockwait(address, CLOCK_REALTIME, 30.5),
    ]) {
      const started = performance.now();
      assert.is(wait(), TIMED_OUT);
      assert.ok(performance.now() - started >= 29);
    }
    assert.is(semTimedwait(address, 0), TIMED_OUT);
    throwsSystemError(() => semClockwait(address, 2, 1), "EINVAL", "sem_clockwait");
  }),
);

test(
  "a signal ends a wait, and is a value",
  withMemory(
    deadline(30_000, async (address: number) => {
      semInit(address, 0);
      assert.is(await whileInterrupted(() => semWait(address)), INTERRUPTED);
      assert.is(await whileInterrupted(() => semTimedwait(address, 60_000)), INTERRUPTED);
      assert.is(await whileInterrupted(() => semClockwait(address, CLOCK_MONOTONIC, 60_000)), INTERRUPTED);
    }),
  ),
);

test(
  "C waits for one that C made, and for one of ours, and posts",
  withMemory(async (address, name) => {
    await startPeer("make", name).end();
    assert.is(semGetvalue(address + SEM_AT), 0);
    for (const make of [() => {}, () => semInit(address + SEM_AT, 0)]) {
      make();
      const waiter = startPeer("wait", name, 2);
      for (let count = 0; count < 2; count++) {
        assert.is(await waiter.line(), "waiting");
        await waiter.asleep();
        semPost(address + SEM_AT);
        assert.is(await waiter.line(), "taken");
      }
      await waiter.end();
    }
    const poster = startPeer("post", name, 3);
    for (let count = 0; count < 3; count++) assert.is(semWait(address + SEM_AT), 0);
    await poster.end();
    assert.is(semGetvalue(address + SEM_AT), 0);
  }),
);

test("a named semaphore is a file of /dev/shm that C opens", async () => {
  const name = `/${uniqueName("named")}`;
  const path = `/dev/shm/sem.${name.slice(1)}`;
  throwsSystemError(() => semOpen(name, 0), "ENOENT", "sem_open", name);
  const semaphore = semOpen(name, O_CREAT | O_EXCL, 0o600, 3);
  assert.ok(existsSync(path));
  throwsSystemError(() => semOpen(name, O_CREAT | O_EXCL), "EEXIST", "sem_open", name);
  assert.is(semGetvalue(semaphore), 3);
  assert.is(semOpen(name, 0), semaphore, "the same address");
  semClose(semaphore);
  await startPeer("named", name).end();
  assert.is(semGetvalue(semaphore), 4);
  semUnlink(name);
  assert.not(existsSync(path));
  throwsSystemError(() => semUnlink(name), "ENOENT", "sem_unlink", name);
  assert.is(semWait(semaphore), 0, "it stays for who has it open");
  semClose(semaphore);
  throwsSystemError(() => semClose(semaphore), "EINVAL", "sem_close");
});

test("what the system refuses", () => {
  const name = `/${uniqueName("named")}`;
  for (const wrong of ["/", "/a/b"]) throwsSystemError(() => semOpen(wrong, O_CREAT), "EINVAL", "sem_open", wrong);
  throwsSystemError(() => semOpen(name, O_CREAT, 0o600, SEM_VALUE_MAX + 1), "EINVAL", "sem_open", name);
  assert.throws(() => semOpen(`/${"x".repeat(252)}`, O_CREAT), /EINVAL|ENAMETOOLONG/);
});

test("another user's semaphore", () => {
  if (!isRoot()) return skip("needs root, to become another user");
  const name = `/${uniqueName("named")}`;
  semClose(semOpen(name, O_CREAT, 0o600, 0));
  throwsSystemError(() => asNobody(() => semOpen(name, 0)), "EACCES", "sem_open", name);
  semUnlink(name);
});

test("what may not be removed", () => {
  assert.throws(() => semUnlink(`/${"x".repeat(260)}`), /ENOENT|ENAMETOOLONG/);
  if (!isRoot()) return skip("EACCES needs root, to become another user");
  const name = `/${uniqueName("named")}`;
  semClose(semOpen(name, O_CREAT, 0o600, 0));
  // /dev/shm is sticky on most systems, and then this is refused; without that bit it is the folder's mode that decides
  if ((statSync("/dev/shm").mode & 0o1000) !== 0)
    throwsSystemError(() => asNobody(() => semUnlink(name)), "EACCES", "sem_unlink", name);
  else skip("/dev/shm is not sticky");
  semUnlink(name);
});

test("misuse is refused before the call", () => {
  assert.throws(() => semOpen("a\0", 0), /NUL/);
  assert.throws(() => semOpen("/a", 0, 0, -1), /value is -1/);
  assert.throws(() => semUnlink("a\0"), /NUL/);
  for (const call of [semWait, semTrywait, semPost, semClose, semDestroy, semGetvalue])
    assert.throws(() => call(-1), /semaphore is -1/);
  assert.throws(() => semTimedwait(0, Number.NaN), /timeout is NaN/);
  assert.throws(() => semClockwait(0, 0.5, 1), /clock is 0.5/);
});

leakCheck(test);
test.run();
