/**
 * `blocked-owner.ts HOW NAME` owns an object, says `ready`, and blocks its thread for ever, in the way that HOW says. With `after` it blocks
 * for a moment, and then lets its event loop run; with `listener` it listens for SIGTERM itself.
 */
import { writeSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { IPC_PRIVATE } from "../../src/ffi/abi/current.ts";
import { Channel } from "../../src/ipc/channel.ts";
import { PosixMessageQueue } from "../../src/ipc/posix-message-queue.ts";
import { SysvMessageQueue } from "../../src/ipc/sysv-message-queue.ts";
import { SharedMemory } from "../../src/memory/shared-memory.ts";
import { popen } from "../../src/process/popen.ts";
import { waitSync } from "../../src/process/signals/mod.ts";
import { Condition } from "../../src/sync/condition.ts";
import { Event } from "../../src/sync/event.ts";
import { Mutex } from "../../src/sync/mutex.ts";
import { RwLock } from "../../src/sync/rw-lock.ts";
import { Semaphore } from "../../src/sync/semaphore.ts";
import { SysvSemaphoreArray } from "../../src/sync/sysv-semaphore-array.ts";

const [how = "", name = ""] = process.argv.slice(2);
const memory = SharedMemory.create(name, 4096);
const path = `${tmpdir()}/${name}`;

/** A program that says nothing, and ends soon after this process. */
const UNTIL_WE_END = ["sh", "-c", "while kill -0 $1 2>&-; do sleep 0.05; done", "sh", `${process.pid}`];

const WAYS: Record<string, () => unknown> = {
  "ring-receive": () => receiveSync(`ring:${name}`),
  "ring-send": () => sendSync(`ring:${name}`),
  "ring-attach": () => receiveSync(`ring:${name}`),
  "fifo-receive": () => receiveSync(`fifo:${path}`),
  "unix-receive": () => receiveSync(`unix:${path}`),
  "mq-receive": () => receiveSync(`mq:/${name}`),
  "sysv-receive": () => receiveSync(`sysv:${path}#1`),
  "memory-receive": async () => {
    await Channel.sender(`memory:${name}`);
    (await Channel.receiver(`memory:${name}`)).receiveSync({ timeout: 1e9 });
  },
  "posix-queue": () => PosixMessageQueue.create(`/${name}`, { maxMessages: 1, messageBytes: 64 }).receiveSync(),
  "sysv-queue": () => SysvMessageQueue.create(IPC_PRIVATE).receiveSync(),
  mutex: () => {
    const mutex = Mutex.create(memory, 0, { type: "normal", robust: false });
    mutex.lockSync();
    mutex.lockSync(); // waits for itself
  },
  condition: () => {
    const guard = Mutex.create(memory, 0).lockSync();
    for (;;) Condition.create(memory, 64).waitSync(guard);
  },
  "rw-lock": () => {
    const lock = RwLock.create(memory, 0);
    lock.readSync();
    lock.writeSync(); // waits for itself
  },
  semaphore: () => Semaphore.create(`/${name}`, 0).waitSync(),
  event: () => Event.create(memory, 0).waitSync(),
  array: () => SysvSemaphoreArray.create(IPC_PRIVATE, [0]).operateSync([{ num: 0, op: -1 }]),
  signal: () => waitSync(["SIGUSR1"]),
  "popen-read": () => popen(UNTIL_WE_END, "r").readSync(),
  "popen-close": () => popen(UNTIL_WE_END, "r").closeSync(),
  listener: () => {
    process.on("SIGTERM", () => say("mine"));
    say("listening");
    Semaphore.create(`/${name}`, 0).waitSync();
  },
  "listener-after": () => {
    const semaphore = Semaphore.create(`/${name}`, 0);
    throws(() => semaphore.waitSync({ timeout: 1 }));
    process.on("SIGTERM", () => say("mine")); // in the very turn in which it blocked
    say("listening");
    semaphore.waitSync();
  },
  after: () => {
    const semaphore = Semaphore.create(`/${name}`, 0);
    throws(() => semaphore.waitSync({ timeout: 1 }));
    setInterval(() => {}, 1000);
    setTimeout(() => say("free"), 1);
  },
};

const way = WAYS[how];
if (way === undefined) throw new TypeError(`There is no way ${how}`);
say("ready");
await way();

async function receiveSync(address: string): Promise<void> {
  (await Channel.receiver(address, { timeout: 1e9 })).receiveSync();
}

async function sendSync(address: string): Promise<void> {
  const channel = await Channel.sender(address);
  for (;;) channel.sendSync(new Uint8Array(1000));
}

function throws(call: () => void): void {
  try {
    call();
  } catch {
    return;
  }
  throw new Error("It did not throw");
}

function say(line: string): void {
  writeSync(1, `${line}\n`);
}
