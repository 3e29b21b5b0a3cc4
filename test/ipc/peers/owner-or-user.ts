/**
 * `owner-or-user.ts WHAT NAME ENDING [ID...]`: an object of each class that has `removeOnExit`, under NAME where there is a name. WHAT is
 * `own` or `keep` to make them, with a line for each, or `use` to open those of another process, with the ids of its System V ones. Then
 * ENDING: `end`, `throw`, or `stay`, which says `ready` and waits for a signal.
 */
import { writeSync } from "node:fs";
import { IPC_PRIVATE } from "../../../src/ffi/abi/current.ts";
import { PosixMessageQueue } from "../../../src/ipc/posix-message-queue.ts";
import { SysvMessageQueue } from "../../../src/ipc/sysv-message-queue.ts";
import { SharedMemory } from "../../../src/memory/shared-memory.ts";
import { SysvSharedMemory } from "../../../src/memory/sysv-shared-memory.ts";
import { Semaphore } from "../../../src/sync/semaphore.ts";
import { SysvSemaphoreArray } from "../../../src/sync/sysv-semaphore-array.ts";

const [what = "", name = "", ending = "", ...ids] = process.argv.slice(2);
/** What has to stay reachable. */
export const objects: unknown[] = what === "use" ? use() : make({ removeOnExit: what === "own" });

if (ending === "throw") throw new Error("thrown on purpose");
if (ending === "stay") {
  say("ready");
  setInterval(() => {}, 1000);
}

function make(options: { removeOnExit: boolean }): unknown[] {
  const segment = SysvSharedMemory.create(IPC_PRIVATE, 4096, options);
  const queue = SysvMessageQueue.create(IPC_PRIVATE, options);
  const array = SysvSemaphoreArray.create(IPC_PRIVATE, [1], options);
  const memory = SharedMemory.create(name, 4096, options);
  const semaphore = Semaphore.create(name, 1, options);
  const posixQueue = PosixMessageQueue.create(`/${name}`, { ...options, maxMessages: 1, messageBytes: 64 });
  say(`sysv-shm ${segment.id}\nsysv-msg ${queue.id}\nsysv-sem ${array.id}`);
  say(`posix-shm /${name}\nposix-sem /${name}\nposix-mq /${name}`);
  return [segment, queue, array, memory, semaphore, posixQueue];
}

function use(): unknown[] {
  const [segment = 0, queue = 0, array = 0] = ids.map(Number);
  return [
    SysvSharedMemory.fromId(segment),
    SysvMessageQueue.fromId(queue),
    SysvSemaphoreArray.fromId(array),
    SharedMemory.open(name),
    Semaphore.open(name),
    PosixMessageQueue.open(`/${name}`),
  ];
}

function say(line: string): void {
  writeSync(1, `${line}\n`);
}
