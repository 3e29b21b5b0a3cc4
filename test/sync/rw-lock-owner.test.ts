import { test } from "uvu";
import * as assert from "uvu/assert";
import { PTHREAD_RWLOCK } from "../../src/ffi/abi/current.ts";
import { gettid } from "../../src/ffi/mod.ts";
import { RwLock } from "../../src/sync/rw-lock.ts";
import { deadline } from "../support/deadline.ts";
import { isPending } from "../support/event-loop.ts";
import { leakCheck } from "../support/leak-check.ts";
import { LockMemory, RW_LOCK } from "./lock-memory.ts";
import { startThreads } from "./start-threads.ts";

// In a file of its own: what is wrong here makes locks that nobody can take, on which the other tests would hang.
test(
  "who waited for a lock to write is its writer for glibc, and nobody is afterwards",
  deadline(30_000, async () => {
    using memory = new LockMemory();
    const lock = RwLock.create(memory.region, RW_LOCK);
    const at = (memory.region.offset + RW_LOCK + PTHREAD_RWLOCK.__data___cur_writer.offset) >> 2;
    const writer = () => Atomics.load(memory.region.arena.words, at);
    assert.is(writer(), 0);
    const first = lock.writeSync();
    assert.is(writer(), gettid());
    const wait = lock.write();
    assert.ok(await isPending(wait));
    first.unlock();
    const second = await wait;
    assert.is(writer(), gettid());
    second.unlock();
    assert.is(writer(), 0);
    const reader = lock.tryRead();
    assert.ok(reader, "it is free");
    assert.is(writer(), 0);
    const waitsForReader = lock.write();
    assert.ok(await isPending(waitsForReader));
    reader?.unlock();
    const third = await waitsForReader;
    assert.is(writer(), gettid());
    third.unlock();
    const last = lock.tryWrite();
    assert.ok(last, "it is free again");
    last?.unlock();
    lock.destroy();
  }),
);

leakCheck(test, startThreads);
test.run();
