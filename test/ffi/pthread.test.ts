import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  CLOCK_MONOTONIC,
  CLOCK_REALTIME,
  close,
  ftruncate,
  MAP_SHARED,
  type MutexAttributes,
  mmap,
  munmap,
  O_CREAT,
  O_EXCL,
  O_RDWR,
  OWNER_DIED,
  PROT_READ,
  PROT_WRITE,
  pthreadCondBroadcast,
  pthreadCondClockwait,
  pthreadCondDestroy,
  pthreadCondInit,
  pthreadCondSignal,
  pthreadCondTimedwait,
  pthreadCondWait,
  pthreadMutexClocklock,
  pthreadMutexConsistent,
  pthreadMutexDestroy,
  pthreadMutexInit,
  pthreadMutexLock,
  pthreadMutexTimedlock,
  pthreadMutexTrylock,
  pthreadMutexUnlock,
  pthreadRwlockClockrdlock,
  pthreadRwlockClockwrlock,
  pthreadRwlockDestroy,
  pthreadRwlockInit,
  pthreadRwlockRdlock,
  pthreadRwlockTimedrdlock,
  pthreadRwlockTimedwrlock,
  pthreadRwlockTryrdlock,
  pthreadRwlockTrywrlock,
  pthreadRwlockUnlock,
  pthreadRwlockWrlock,
  shmOpen,
  shmUnlink,
  TIMED_OUT,
  WOULD_BLOCK,
} from "../../src/ffi/mod.ts";
import { scratch } from "../../src/ffi/scratch.ts";
import { leakCheck } from "../support/leak-check.ts";
import { readWord, writeWord } from "../support/native-memory.ts";
import { nativePeer } from "../support/native-peer.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";
import { uniqueName } from "../support/unique-name.ts";

const startPeer = nativePeer("sync-peer");

/** Where the C program has its objects. */
interface Shared {
  name: string;
  mutex: number;
  cond: number;
  rwlock: number;
  counter: number;
  flag: number;
}

function withShared(run: (shared: Shared) => void | Promise<void>): () => Promise<void> {
  return async () => {
    const name = `/${uniqueName("pthread")}`;
    const fd = shmOpen(name, O_RDWR | O_CREAT | O_EXCL);
    ftruncate(fd, 4096);
    const base = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    // as an earlier call may have left it
    new Uint8Array(scratch.buffer).fill(255);
    try {
      await run({
        name,
        mutex: base,
        cond: base + 64,
        rwlock: base + 128,
        counter: base + 256,
        flag: base + 260,
      });
    } finally {
      munmap(base, 4096);
      shmUnlink(name);
    }
  };
}

const waitsForMutex = (mutex: number) =>
  [
    () => pthreadMutexTimedlock(mutex, 30.5),
    () => pthreadMutexClocklock(mutex, CLOCK_MONOTONIC, 30.5),
    () => pthreadMutexClocklock(mutex, CLOCK_REALTIME, 30.5),
  ] as const;

test(
  "a mutex is locked and unlocked, in every way",
  withShared(({ mutex }) => {
    for (const attributes of [{}, { robust: true }, { type: "errorcheck" }, { robust: true, type: "recursive" }]) {
      pthreadMutexInit(mutex, attributes as MutexAttributes);
      for (const lock of [pthreadMutexLock, pthreadMutexTrylock, ...waitsForMutex(mutex)]) {
        assert.is(lock(mutex), 0);
        if (!("robust" in attributes))
          throwsSystemError(() => pthreadMutexDestroy(mutex), "EBUSY", "pthread_mutex_destroy");
        pthreadMutexUnlock(mutex);
      }
      assert.is(pthreadMutexTimedlock(mutex, Number.POSITIVE_INFINITY), 0);
      pthreadMutexUnlock(mutex);
      assert.is(pthreadMutexClocklock(mutex, CLOCK_MONOTONIC, Number.POSITIVE_INFINITY), 0);
      pthreadMutexUnlock(mutex);
      pthreadMutexDestroy(mutex);
    }
  }),
);

test(
  "locking again: a normal one waits, an error-checking one says so, a recursive one counts",
  withShared(({ mutex }) => {
    pthreadMutexInit(mutex);
    pthreadMutexLock(mutex);
    assert.is(pthreadMutexTrylock(mutex), WOULD_BLOCK);
    for (const wait of waitsForMutex(mutex)) {
      const started = performance.now();
      assert.is(wait(), TIMED_OUT);
      assert.ok(performance.now() - started >= 29);
    }
    pthreadMutexUnlock(mutex);

    pthreadMutexInit(mutex, { type: "errorcheck" });
    pthreadMutexLock(mutex);
    throwsSystemError(() => pthreadMutexLock(mutex), "EDEADLK", "pthread_mutex_lock");
    assert.is(pthreadMutexTrylock(mutex), WOULD_BLOCK);
    pthreadMutexUnlock(mutex);
    throwsSystemError(() => pthreadMutexUnlock(mutex), "EPERM", "pthread_mutex_unlock");

    pthreadMutexInit(mutex, { type: "recursive" });
    pthreadMutexLock(mutex);
    assert.is(pthreadMutexTrylock(mutex), 0);
    pthreadMutexUnlock(mutex);
    pthreadMutexUnlock(mutex);
    throwsSystemError(() => pthreadMutexUnlock(mutex), "EPERM", "pthread_mutex_unlock");
    throwsSystemError(() => pthreadMutexConsistent(mutex), "EINVAL", "pthread_mutex_consistent");
    throwsSystemError(() => pthreadMutexClocklock(mutex, 2, 1), "EINVAL", "pthread_mutex_clocklock");
  }),
);

for (const [maker, make] of [
  ["C", ({ name }: Shared) => startPeer("make", name).end()],
  ["here", async ({ mutex }: Shared) => pthreadMutexInit(mutex, { robust: true, type: "errorcheck" })],
] as const) {
  test(
    `the owner of a robust mutex made in ${maker} is killed: the next one is told, and repairs`,
    withShared(async (shared) => {
      const { mutex, name } = shared;
      await make(shared);
      for (const lock of [pthreadMutexLock, pthreadMutexTrylock, ...waitsForMutex(mutex)]) {
        const owner = startPeer("hold", name);
        assert.is(await owner.line(), "locked");
        assert.is(pthreadMutexTrylock(mutex), WOULD_BLOCK);
        throwsSystemError(() => pthreadMutexUnlock(mutex), "EPERM", "pthread_mutex_unlock");
        await owner.kill();
        assert.is(lock(mutex), OWNER_DIED);
        pthreadMutexConsistent(mutex);
        throwsSystemError(() => pthreadMutexConsistent(mutex), "EINVAL", "pthread_mutex_consistent");
        pthreadMutexUnlock(mutex);
        assert.is(pthreadMutexLock(mutex), 0);
        pthreadMutexUnlock(mutex);
      }
      const owner = startPeer("hold", name);
      await owner.line();
      await owner.kill();
      assert.is(pthreadMutexLock(mutex), OWNER_DIED);
      pthreadMutexUnlock(mutex);
      throwsSystemError(() => pthreadMutexLock(mutex), "ENOTRECOVERABLE", "pthread_mutex_lock");
      throwsSystemError(() => pthreadMutexTrylock(mutex), "ENOTRECOVERABLE", "pthread_mutex_trylock");
    }),
  );
}

for (const robust of [false, true]) {
  test(
    `C and we count under one ${robust ? "robust " : ""}mutex`,
    withShared(async ({ mutex, counter, name }) => {
      pthreadMutexInit(mutex, { robust });
      const peers = [startPeer("count", name, 20_000), startPeer("count", name, 20_000)];
      for (let count = 0; count < 20_000; count++) {
        pthreadMutexLock(mutex);
        writeWord(counter, readWord(counter) + 1);
        pthreadMutexUnlock(mutex);
      }
      for (const peer of peers) await peer.end();
      assert.is(readWord(counter), 60_000);
      pthreadMutexDestroy(mutex);
    }),
  );
}

for (const [maker, make] of [
  ["C", ({ name }: Shared) => startPeer("make", name).end()],
  [
    "here",
    async ({ mutex, cond }: Shared) => {
      pthreadMutexInit(mutex, { robust: true });
      pthreadCondInit(cond);
    },
  ],
] as const) {
  test(
    `C wakes us on a condition made in ${maker}`,
    withShared(async (shared) => {
      const { mutex, cond, flag, name } = shared;
      await make(shared);
      for (const wait of [() => pthreadCondWait(cond, mutex), () => pthreadCondTimedwait(cond, mutex, 60_000)]) {
        writeWord(flag, 0);
        assert.is(pthreadMutexLock(mutex), 0);
        const peer = startPeer("wake", name);
        while (readWord(flag) === 0) assert.is(wait(), 0);
        pthreadMutexUnlock(mutex);
        await peer.end();
      }
      pthreadCondDestroy(cond);
    }),
  );
}

test(
  "a wait on a condition lasts its time, by either clock, and the mutex is held again",
  withShared(({ mutex, cond }) => {
    pthreadMutexInit(mutex, { type: "errorcheck" });
    for (const clock of [CLOCK_MONOTONIC, CLOCK_REALTIME]) {
      pthreadCondInit(cond, clock);
      pthreadCondSignal(cond);
      pthreadCondBroadcast(cond);
      pthreadMutexLock(mutex);
      const started = performance.now();
      assert.is(pthreadCondTimedwait(cond, mutex, 30.5, clock), TIMED_OUT);
      assert.ok(performance.now() - started >= 29);
      throwsSystemError(() => pthreadMutexLock(mutex), "EDEADLK", "pthread_mutex_lock");
      for (const other of [CLOCK_MONOTONIC, CLOCK_REALTIME])
        assert.is(pthreadCondClockwait(cond, mutex, other, 5.5), TIMED_OUT);
      pthreadMutexUnlock(mutex);
      throwsSystemError(() => pthreadCondTimedwait(cond, mutex, 1, clock), "EPERM", "pthread_cond_timedwait");
      throwsSystemError(() => pthreadCondWait(cond, mutex), "EPERM", "pthread_cond_wait");
      pthreadCondDestroy(cond);
    }
    throwsSystemError(() => pthreadCondInit(cond, 2), "EINVAL", "pthread_condattr_setclock");
  }),
);

test(
  "readers go together, a writer alone",
  withShared(({ rwlock }) => {
    pthreadRwlockInit(rwlock);
    pthreadRwlockRdlock(rwlock);
    assert.is(pthreadRwlockTryrdlock(rwlock), 0);
    assert.is(pthreadRwlockTimedrdlock(rwlock, 60_000), 0);
    assert.is(pthreadRwlockTimedrdlock(rwlock, Number.POSITIVE_INFINITY), 0);
    assert.is(pthreadRwlockTrywrlock(rwlock), WOULD_BLOCK);
    for (const clock of [CLOCK_MONOTONIC, CLOCK_REALTIME]) {
      assert.is(pthreadRwlockClockwrlock(rwlock, clock, 5.5), TIMED_OUT);
      assert.is(pthreadRwlockClockrdlock(rwlock, clock, 5.5), 0);
      pthreadRwlockUnlock(rwlock);
    }
    const started = performance.now();
    assert.is(pthreadRwlockTimedwrlock(rwlock, 30.5), TIMED_OUT);
    assert.ok(performance.now() - started >= 29);
    for (let count = 0; count < 4; count++) pthreadRwlockUnlock(rwlock);

    for (const lock of [
      () => pthreadRwlockWrlock(rwlock),
      () => assert.is(pthreadRwlockTrywrlock(rwlock), 0),
      () => assert.is(pthreadRwlockTimedwrlock(rwlock, 60_000), 0),
      () => assert.is(pthreadRwlockTimedwrlock(rwlock, Number.POSITIVE_INFINITY), 0),
    ]) {
      lock();
      assert.is(pthreadRwlockTryrdlock(rwlock), WOULD_BLOCK);
      assert.is(pthreadRwlockTrywrlock(rwlock), WOULD_BLOCK);
      throwsSystemError(() => pthreadRwlockRdlock(rwlock), "EDEADLK", "pthread_rwlock_rdlock");
      throwsSystemError(() => pthreadRwlockWrlock(rwlock), "EDEADLK", "pthread_rwlock_wrlock");
      throwsSystemError(() => pthreadRwlockTimedrdlock(rwlock, 1), "EDEADLK", "pthread_rwlock_timedrdlock");
      pthreadRwlockUnlock(rwlock);
    }
    pthreadRwlockDestroy(rwlock);
  }),
);

test(
  "C reads while we may read and not write",
  withShared(async ({ rwlock, name }) => {
    pthreadRwlockInit(rwlock);
    pthreadRwlockWrlock(rwlock);
    const reader = startPeer("read", name);
    assert.is(await reader.line(), "waiting");
    await reader.asleep();
    pthreadRwlockUnlock(rwlock);
    assert.is(await reader.line(), "reading");
    assert.is(pthreadRwlockTryrdlock(rwlock), 0);
    pthreadRwlockUnlock(rwlock);
    assert.is(pthreadRwlockTrywrlock(rwlock), WOULD_BLOCK);
    await reader.kill();
    assert.is(pthreadRwlockTimedwrlock(rwlock, 1), TIMED_OUT, "it is not robust");
  }),
);

test(
  "what a mutex counts has an end",
  withShared(({ mutex }) => {
    pthreadMutexInit(mutex, { type: "recursive" });
    pthreadMutexLock(mutex);
    // as after 2^32 - 1 locks: __count of glibc
    writeWord(mutex + 4, 0xffff_ffff);
    throwsSystemError(() => pthreadMutexLock(mutex), "EAGAIN", "pthread_mutex_lock");
    throwsSystemError(() => pthreadMutexTrylock(mutex), "EAGAIN", "pthread_mutex_trylock");
    throwsSystemError(() => pthreadMutexTimedlock(mutex, 1), "EAGAIN", "pthread_mutex_timedlock");
    throwsSystemError(() => pthreadMutexClocklock(mutex, CLOCK_MONOTONIC, 1), "EAGAIN", "pthread_mutex_clocklock");
  }),
);

test(
  "what a reader-writer lock counts has an end",
  withShared(({ rwlock }) => {
    pthreadRwlockInit(rwlock);
    // as with 2^28 - 1 readers: __readers of glibc, above 3 bits of flags
    writeWord(rwlock, 0x7fff_fff8);
    throwsSystemError(() => pthreadRwlockRdlock(rwlock), "EAGAIN", "pthread_rwlock_rdlock");
    throwsSystemError(() => pthreadRwlockTryrdlock(rwlock), "EAGAIN", "pthread_rwlock_tryrdlock");
    throwsSystemError(() => pthreadRwlockTimedrdlock(rwlock, 1), "EAGAIN", "pthread_rwlock_timedrdlock");
    const monotonic = () => pthreadRwlockClockrdlock(rwlock, CLOCK_MONOTONIC, 1);
    throwsSystemError(monotonic, "EAGAIN", "pthread_rwlock_clockrdlock");
  }),
);

test(
  "waits with a time limit see a deadlock, and know two clocks",
  withShared(({ mutex, cond, rwlock }) => {
    pthreadMutexInit(mutex, { type: "errorcheck" });
    pthreadMutexLock(mutex);
    throwsSystemError(() => pthreadMutexTimedlock(mutex, 1), "EDEADLK", "pthread_mutex_timedlock");
    throwsSystemError(() => pthreadMutexClocklock(mutex, CLOCK_MONOTONIC, 1), "EDEADLK", "pthread_mutex_clocklock");
    pthreadMutexUnlock(mutex);
    pthreadMutexInit(mutex, { type: "errorcheck", robust: true });
    pthreadMutexLock(mutex);
    throwsSystemError(() => pthreadMutexTrylock(mutex), "EDEADLK", "pthread_mutex_trylock");
    pthreadMutexUnlock(mutex);
    pthreadCondInit(cond);
    const notHeld = () => pthreadCondClockwait(cond, mutex, CLOCK_MONOTONIC, 1);
    throwsSystemError(notHeld, "EPERM", "pthread_cond_clockwait");
    throwsSystemError(() => pthreadCondClockwait(cond, mutex, 2, 1), "EINVAL", "pthread_cond_clockwait");

    pthreadRwlockInit(rwlock);
    pthreadRwlockWrlock(rwlock);
    for (const [lock, name] of [
      [() => pthreadRwlockClockrdlock(rwlock, CLOCK_MONOTONIC, 1), "pthread_rwlock_clockrdlock"],
      [() => pthreadRwlockTimedwrlock(rwlock, 1), "pthread_rwlock_timedwrlock"],
      [() => pthreadRwlockClockwrlock(rwlock, CLOCK_MONOTONIC, 1), "pthread_rwlock_clockwrlock"],
    ] as const)
      throwsSystemError(lock, "EDEADLK", name);
    throwsSystemError(() => pthreadRwlockClockrdlock(rwlock, 2, 1), "EINVAL", "pthread_rwlock_clockrdlock");
    throwsSystemError(() => pthreadRwlockClockwrlock(rwlock, 2, 1), "EINVAL", "pthread_rwlock_clockwrlock");
    pthreadRwlockUnlock(rwlock);
  }),
);

test(
  "a mutex that nobody repaired is refused by every lock, and by a wait that comes back to it",
  withShared(async ({ mutex, cond, name }) => {
    for (const [wait, call] of [
      [() => pthreadCondWait(cond, mutex), "pthread_cond_wait"],
      [() => pthreadCondTimedwait(cond, mutex, 60_000), "pthread_cond_timedwait"],
      [() => pthreadCondClockwait(cond, mutex, CLOCK_MONOTONIC, 60_000), "pthread_cond_clockwait"],
    ] as const) {
      pthreadMutexInit(mutex, { robust: true });
      pthreadCondInit(cond);
      assert.is(pthreadMutexLock(mutex), 0);
      // it gets the mutex only when the wait gives it up
      const peer = startPeer("ruin", name);
      throwsSystemError(wait, "ENOTRECOVERABLE", call);
      await peer.end();
    }
    throwsSystemError(() => pthreadMutexTimedlock(mutex, 1), "ENOTRECOVERABLE", "pthread_mutex_timedlock");
    const monotonic = () => pthreadMutexClocklock(mutex, CLOCK_MONOTONIC, 1);
    throwsSystemError(monotonic, "ENOTRECOVERABLE", "pthread_mutex_clocklock");
  }),
);

test("misuse is refused before the call", () => {
  for (const call of [pthreadMutexInit, pthreadMutexLock, pthreadMutexTrylock, pthreadMutexUnlock, pthreadMutexDestroy])
    assert.throws(() => call(-1), /mutex is -1/);
  assert.throws(() => pthreadMutexInit(0, { type: "fast" as "normal" }), /type is "fast", but must be/);
  assert.throws(() => pthreadMutexTimedlock(0, -1), /timeout is -1/);
  for (const call of [pthreadCondInit, pthreadCondSignal, pthreadCondBroadcast, pthreadCondDestroy])
    assert.throws(() => call(0.5), /cond is 0.5/);
  assert.throws(() => pthreadCondWait(0, -1), /mutex is -1/);
  for (const call of [pthreadRwlockInit, pthreadRwlockRdlock, pthreadRwlockTrywrlock, pthreadRwlockUnlock])
    assert.throws(() => call(2 ** 53), /rwlock is 9007199254740992/);
});

leakCheck(test);
test.run();
