/**
 * Each wait of each object, with the event loop going on and with the thread blocked, while a signal with a handler comes to every thread of
 * this process again and again. The wait neither ends by that nor misses what it waits for. (Waits for locks of the C library's go on by
 * themselves, the others are begun anew here.)
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { gettid, SIGURG, sigaction } from "../src/ffi/mod.ts";
import { PosixMessageQueue } from "../src/ipc/posix-message-queue.ts";
import { SysvMessageQueue } from "../src/ipc/sysv-message-queue.ts";
import type { UnixConnection } from "../src/ipc/unix-connection.ts";
import { UnixServer } from "../src/ipc/unix-server.ts";
import { SharedMemory } from "../src/memory/shared-memory.ts";
import { popen } from "../src/process/popen.ts";
import { wait as waitForSignal, waitSync as waitForSignalSync } from "../src/process/signals/mod.ts";
import { Condition, Event, Mutex, type MutexGuard, RwLock, Semaphore, SysvSemaphoreArray } from "../src/sync/mod.ts";
import { deadline } from "./support/deadline.ts";
import { AT, type Names, STEPS, type Step } from "./support/interrupted-steps.ts";
import { nativePeer } from "./support/native-peer.ts";
import { commandFor, currentRuntime } from "./support/runtimes.ts";
import { uniqueName } from "./support/unique-name.ts";

const startSignals = nativePeer("signal-peer");

/** The forms of one wait, with the event loop free and with the thread blocked; each gives what was waited for. */
interface Wait {
  /** What has to be there before. */
  readonly before?: () => void | Promise<void>;
  readonly free: () => Promise<unknown>;
  readonly blocked: () => unknown;
  readonly expected?: unknown;
}

test(
  "a signal that interrupts a wait neither ends nor loses it",
  deadline(100_000, async () => {
    const memory = SharedMemory.create(uniqueName("interrupted"), 4096);
    const mutex = Mutex.create(memory, AT.mutex);
    const condition = Condition.create(memory, AT.condition);
    const lock = RwLock.create(memory, AT.rwLock);
    const event = Event.create(memory, AT.event, { autoReset: true });
    const semaphore = Semaphore.create(uniqueName("interrupted"), 0);
    const array = SysvSemaphoreArray.create(0, [0]);
    const queue = SysvMessageQueue.create(0);
    const posix = PosixMessageQueue.create(`/${uniqueName("interrupted")}`, { maxMessages: 1, messageBytes: 16 });
    const server = await UnixServer.listen(`unix:@${uniqueName("interrupted")}`);
    const names: Names = {
      memory: memory.name ?? "",
      thread: gettid(),
      semaphore: semaphore.name ?? "",
      array: array.id,
      queue: queue.id,
      posix: posix.name,
      address: server.address,
    };
    const { command, args, env } = commandFor(currentRuntime(), "test/peers/acts-after-interruptions.ts", [
      JSON.stringify(names),
    ]);
    const peer = popen([command, ...args], "r", { env: { ...process.env, ...env } });
    const connections: UnixConnection[] = [];
    const bytes = new Uint8Array(10);
    let guard: MutexGuard | undefined;
    const unlock = (held: { unlock(): void }) => held.unlock();
    const accepted = (connection: UnixConnection) => connections.push(connection) > 0;
    const said = (chunk: Uint8Array | undefined) => new TextDecoder().decode(chunk);
    const waits: Record<Step, Wait> = {
      semaphore: { free: () => semaphore.wait(), blocked: () => semaphore.waitSync() },
      array: { free: () => array.wait(0), blocked: () => array.waitSync(0) },
      event: { free: () => event.wait(), blocked: () => event.waitSync() },
      mutex: { free: async () => unlock(await mutex.lock()), blocked: () => unlock(mutex.lockSync()) },
      read: { free: async () => unlock(await lock.read()), blocked: () => unlock(lock.readSync()) },
      write: { free: async () => unlock(await lock.write()), blocked: () => unlock(lock.writeSync()) },
      condition: {
        before() {
          guard = mutex.lockSync();
        },
        free: async () => {
          await condition.wait(guard as MutexGuard);
          guard?.unlock();
        },
        blocked() {
          condition.waitSync(guard as MutexGuard);
          guard?.unlock();
        },
      },
      "sysv receive": {
        free: async () => (await queue.receive({ type: 7 })).data[0],
        blocked: () => queue.receiveSync({ type: 7 }).data[0],
        expected: 42,
      },
      "sysv send": {
        before() {
          queue.set({ maxBytes: 10 });
          while (queue.trySend(1, bytes));
        },
        free: () => queue.send(1, bytes),
        blocked: () => queue.sendSync(1, bytes),
      },
      "posix receive": {
        free: async () => (await posix.receive()).data[0],
        blocked: () => posix.receiveSync().data[0],
        expected: 42,
      },
      "posix send": {
        before() {
          while (posix.trySend(bytes));
        },
        free: () => posix.send(bytes),
        blocked: () => posix.sendSync(bytes),
      },
      "posix notified": {
        before() {
          posix.tryReceive();
        },
        free: () => posix.notified(),
        blocked: () => posix.notifiedSync(),
      },
      signal: {
        before() {
          posix.tryReceive();
        },
        free: async () => (await waitForSignal(["SIGRTMIN+3"])).value,
        blocked: () => waitForSignalSync(["SIGRTMIN+3"]).value,
        expected: 42,
      },
      accept: {
        free: async () => accepted(await server.accept()),
        blocked: () => accepted(server.acceptSync()),
        expected: true,
      },
      "unix receive": {
        free: async () => (await connections.at(-1)?.receiver.receive())?.[0],
        blocked: () => connections.at(-1)?.receiver.receiveSync()?.[0],
        expected: 42,
      },
      popen: { free: async () => said(await peer.read()), blocked: () => said(peer.readSync()), expected: "said\n" },
    };

    sigaction(SIGURG, "interrupt");
    const signals = startSignals("interrupt-all", process.pid, 0, SIGURG);
    const { words } = memory.arena;
    const at = (memory.offset + AT.step) >> 2;
    let done = 0;
    try {
      for (const form of ["async", "sync"] as const) {
        for (const step of STEPS) {
          // the other process has done what it does before
          for (done++; Atomics.load(words, at) !== done; ) await new Promise((resolve) => setImmediate(resolve));
          queue.tryReceive();
          const { before, free, blocked, expected } = waits[step];
          await before?.();
          const wait = form === "async" ? free() : undefined;
          Atomics.store(words, at, ++done);
          assert.is(form === "async" ? await wait : blocked(), expected, `${form} ${step}`);
        }
      }
      assert.equal(peer.closeSync(), { kind: "exited", code: 7 });
    } finally {
      await signals.kill();
      sigaction(SIGURG, "default");
      peer.kill("SIGKILL");
      for (const connection of connections) connection.abandon();
      await server.close();
      for (const object of [semaphore, array, queue, posix, memory]) {
        object.remove();
        object.close();
      }
      await peer.close();
    }
  }),
);

test.run();
