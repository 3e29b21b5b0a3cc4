/**
 * The other side of `interrupted-waits.test.ts`. In the word of shared memory that its first argument names, its parent says which step it
 * waits in; this process then looks until a thread of the parent's has given up the processor many times, as one does that blocks and is
 * interrupted again and again, and does what ends the wait.
 */
import { readFileSync } from "node:fs";
import { getppid } from "../../src/ffi/mod.ts";
import { PosixMessageQueue } from "../../src/ipc/posix-message-queue.ts";
import { SysvMessageQueue } from "../../src/ipc/sysv-message-queue.ts";
import { UnixConnection } from "../../src/ipc/unix-connection.ts";
import { SharedMemory } from "../../src/memory/shared-memory.ts";
import { send } from "../../src/process/signals/mod.ts";
import { Condition, Event, Mutex, RwLock, Semaphore, SysvSemaphoreArray } from "../../src/sync/mod.ts";
import { AT, type Names, STEPS, type Step } from "../support/interrupted-steps.ts";

const { memory: name, thread, semaphore, array, queue, posix, address } = JSON.parse(process.argv[2] ?? "") as Names;
const parent = getppid();
const memory = SharedMemory.open(name);
const step = (memory.offset >> 2) + AT.step / 4;
const { words } = memory.arena;
const mutex = Mutex.at(memory, AT.mutex);
const condition = Condition.at(memory, AT.condition);
const lock = RwLock.at(memory, AT.rwLock);
const sysvQueue = SysvMessageQueue.fromId(queue);
const posixQueue = PosixMessageQueue.open(posix);
let guard: { unlock(): void };
let connection: UnixConnection | undefined;

/** What is done before the parent waits, and what ends its wait. */
const ACTS: Record<Step, { before?: () => void; after: () => void | Promise<void> }> = {
  semaphore: { after: () => Semaphore.open(semaphore).post() },
  array: { after: () => SysvSemaphoreArray.fromId(array).post(0) },
  event: { after: () => Event.at(memory, AT.event).set() },
  mutex: hold(() => mutex.lockSync()),
  read: hold(() => lock.writeSync()),
  write: hold(() => lock.readSync()),
  condition: {
    after() {
      using _held = mutex.lockSync();
      condition.signal();
    },
  },
  "sysv receive": { after: () => sysvQueue.sendSync(7, new Uint8Array([42])) },
  "sysv send": { after: () => void sysvQueue.receiveSync() },
  "posix receive": { after: () => posixQueue.sendSync(new Uint8Array([42])) },
  "posix send": { after: () => void posixQueue.receiveSync() },
  "posix notified": { after: () => posixQueue.sendSync(new Uint8Array([42])) },
  signal: { after: () => send(parent, "SIGRTMIN+3", { value: 42 }) },
  accept: {
    after() {
      connection = UnixConnection.connectSync(address);
    },
  },
  "unix receive": { after: () => connection?.sender.sendSync(new Uint8Array([42])) },
  popen: { after: () => console.log("said") },
};

let done = 0;
for (const form of ["async", "sync"])
  for (const kind of STEPS) {
    const { before, after } = ACTS[kind];
    before?.();
    Atomics.store(words, step, ++done);
    waitFor(++done);
    const switches = switchesOf(thread);
    while (switchesOf(thread) < switches + 20) pause();
    await after();
    if (form === "sync" && kind === "popen") process.exit(7);
  }

function hold(take: () => { unlock(): void }) {
  return {
    before() {
      guard = take();
    },
    after: () => guard.unlock(),
  };
}

function waitFor(value: number): void {
  while (Atomics.load(words, step) !== value) pause();
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
}

function switchesOf(id: number): number {
  return Number(
    /^voluntary_ctxt_switches:\s*(\d+)/m.exec(readFileSync(`/proc/${parent}/task/${id}/status`, "utf8"))?.[1],
  );
}
