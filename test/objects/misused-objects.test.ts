/** What people get wrong about an object's options and its making: a misspelt option has to say so, since it would have no effect. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PosixMessageQueue } from "../../src/ipc/posix-message-queue.ts";
import { SysvMessageQueue } from "../../src/ipc/sysv-message-queue.ts";
import { UnixConnection } from "../../src/ipc/unix-connection.ts";
import { UnixServer } from "../../src/ipc/unix-server.ts";
import { MappedFile } from "../../src/memory/mapped-file.ts";
import { SharedMemory } from "../../src/memory/shared-memory.ts";
import { SysvSharedMemory } from "../../src/memory/sysv-shared-memory.ts";
import { popen } from "../../src/process/popen.ts";
import * as signals from "../../src/process/signals/mod.ts";
import { Condition, Event, Mutex, RwLock, Semaphore, SysvSemaphoreArray } from "../../src/sync/mod.ts";
import { failsWith } from "../support/fails-with.ts";
import { leakCheck } from "../support/leak-check.ts";
import { uniqueName } from "../support/unique-name.ts";

const name = uniqueName("misused");
const memory = SharedMemory.anonymous(4096);
const segment = SysvSharedMemory.create(0, 4096);
const queue = SysvMessageQueue.create(0);
const posix = PosixMessageQueue.create(`/${name}`, { maxMessages: 1, messageBytes: 16 });
const array = SysvSemaphoreArray.create(0, [1]);

/** Calls that take options, with one that there is not; and for some, with one of the wrong type. */
const calls: Record<string, [call: (options: never) => unknown, flag?: string]> = {
  "SharedMemory.create()": [(options) => SharedMemory.create(name, 1, options), "removeOnExit"],
  "SharedMemory.openOrCreate()": [(options) => SharedMemory.openOrCreate(name, 1, options), "removeOnExit"],
  "SharedMemory.open()": [(options) => SharedMemory.open(name, options), "readOnly"],
  "SharedMemory.anonymous()": [(options) => SharedMemory.anonymous(1, options), "seal"],
  "SharedMemory.fromDescriptor()": [(options) => SharedMemory.fromDescriptor(0, options), "readOnly"],
  "SysvSharedMemory.create()": [(options) => SysvSharedMemory.create(0, 1, options), "removeOnExit"],
  "SysvSharedMemory.openOrCreate()": [(options) => SysvSharedMemory.openOrCreate(0, 1, options), "removeOnExit"],
  "SysvSharedMemory.open()": [(options) => SysvSharedMemory.open(1, options), "readOnly"],
  "SysvSharedMemory.fromId()": [(options) => SysvSharedMemory.fromId(0, options), "readOnly"],
  "MappedFile.open()": [(options) => MappedFile.open("/etc/passwd", options)],
  "SysvMessageQueue.create()": [(options) => SysvMessageQueue.create(0, options), "removeOnExit"],
  "receive()": [(options) => queue.receive(options), "except"],
  "tryReceive()": [(options) => queue.tryReceive(options), "truncate"],
  "receiveSync()": [(options) => queue.receiveSync(options), "truncate"],
  "PosixMessageQueue.create()": [(options) => PosixMessageQueue.create(`/${name}-2`, options), "removeOnExit"],
  "PosixMessageQueue.open()": [(options) => PosixMessageQueue.open(`/${name}`, options)],
  "trySend()": [(options) => posix.trySend(new Uint8Array(1), options)],
  "Semaphore.create()": [(options) => Semaphore.create(name, 1, options), "removeOnExit"],
  "Semaphore.openOrCreate()": [(options) => Semaphore.openOrCreate(name, 1, options), "removeOnExit"],
  "SysvSemaphoreArray.create()": [(options) => SysvSemaphoreArray.create(0, [1], options), "removeOnExit"],
  "SysvSemaphoreArray.openOrCreate()": [(options) => SysvSemaphoreArray.openOrCreate(0, [1], options), "removeOnExit"],
  "an operation": [(options) => array.tryOperate([options]), "undo"],
  "wait()": [(options) => array.wait(0, options), "undo"],
  "waitSync()": [(options) => array.waitSync(0, options), "undo"],
  "the call": [(options) => array.post(0, options), "undo"],
  "Mutex.create()": [(options) => Mutex.create(memory, 0, options), "robust"],
  "Event.create()": [(options) => Event.create(memory, 0, options), "autoReset"],
  "send()": [(options) => signals.send(process.pid, "SIGURG", options), "ordered"],
  "popen()": [(options) => popen("true", "r", options)],
};

for (const [what, [call, flag]] of Object.entries(calls)) {
  test(`what are no options of ${what}`, async () => {
    const escaped = what.replace(/[().]/g, "\\$&");
    const misspelt = new RegExp(`^There is no option "permision" of ${escaped}: it takes \\{ .* \\}$`);
    await failsWith("TypeError", () => call({ permision: 1 } as never), misspelt);
    // what waits looks at that first
    const noObject = new RegExp(`^(The options of ${escaped} are|Options to wait are an object .* not) (5|null)`);
    for (const value of [5, null]) await failsWith("TypeError", () => call(value as never), noObject);
    if (flag === undefined) return;
    const notBoolean = new RegExp(`^The option ${flag} of ${escaped} is "yes", but must be true or false`);
    await failsWith("TypeError", () => call({ [flag]: "yes" } as never), notBoolean);
  });
}

test("a misspelt time-out, with which a call could wait for ever", async () => {
  const mutex = Mutex.create(memory, 0);
  const condition = Condition.create(memory, 64);
  const lock = RwLock.create(memory, 128);
  const event = Event.create(memory, 256);
  const semaphore = Semaphore.create(name, 0);
  const program = popen(["sleep", "1000"], "r");
  const receiver = signals.receive(["SIGURG"]);
  using guard = mutex.lockSync();
  const waits: ((options: never) => unknown)[] = [
    (options) => mutex.lock(options),
    (options) => mutex.lockSync(options),
    (options) => condition.wait(guard, options),
    (options) => condition.waitSync(guard, options),
    (options) => lock.read(options),
    (options) => lock.writeSync(options),
    (options) => event.wait(options),
    (options) => event.waitSync(options),
    (options) => semaphore.wait(options),
    (options) => semaphore.waitSync(options),
    (options) => array.operate([{ num: 0, op: -2 }], options),
    (options) => array.operateSync([{ num: 0, op: -2 }], options),
    (options) => posix.receive(options),
    (options) => posix.notifiedSync(options),
    (options) => queue.send(1, new Uint8Array(1), options),
    (options) => program.read(options),
    (options) => program.close(options),
    (options) => program.closeSync(options),
    (options) => receiver.next(options),
    (options) => receiver.nextSync(options),
    (options) => signals.wait(["SIGURG"], options),
  ];
  try {
    for (const [index, wait] of waits.entries()) {
      const misspelt = /^There is no option "timeOut" of this call: it takes \{ timeout, signal \}$/;
      await failsWith("TypeError", () => wait({ timeOut: 10 } as never), misspelt);
      assert.is(program.status, undefined, `call ${index} did nothing`);
    }
    await failsWith("IPC_TIMEOUT", semaphore.wait({ timeout: 1, signal: undefined, other: undefined } as object));
  } finally {
    receiver.close();
    program.kill();
    await program.close();
    semaphore.remove();
    semaphore.close();
  }
});

test("changes that are none", async () => {
  for (const object of [segment, queue, array]) {
    await failsWith("TypeError", () => object.set({ owner: 0 } as object), /no option "owner" of set\(\): it takes/);
    await failsWith("TypeError", () => object.set({ mode: "600" } as object), /mode .*is of type string/);
    await failsWith("RangeError", () => object.set({ mode: 0o1000 }), /mode .*is 512/);
    await failsWith("RangeError", () => object.set({ uid: -1 }), /uid .*is -1/);
    assert.is(object.stat().mode & 0o777, 0o600);
  }
});

test("who says new is told how it is made", async () => {
  for (const [Class, right] of [
    [SharedMemory, "SharedMemory.create\\(\\)"],
    [SysvSharedMemory, "SysvSharedMemory.create\\(\\)"],
    [MappedFile, "MappedFile.open\\(\\)"],
    [UnixServer, "UnixServer.listen\\(\\)"],
    [UnixConnection, "UnixConnection.connect\\(\\)"],
  ] as const) {
    const Made = Class as unknown as new (what: string) => unknown;
    await failsWith("TypeError", () => new Made(name), new RegExp(right));
  }
});

test("others", async () => {
  const mutex = Mutex.create(memory, 0);
  await failsWith("TypeError", mutex.withLock(undefined as never), /runs a function, not undefined/);
  for (const call of [signals.block, signals.unblock, signals.receive])
    await failsWith("TypeError", () => call("SIGUSR1" as never), /The signals are "SIGUSR1", but must be an array/);
  await failsWith("IPC_NOT_FOUND", () => popen(["ls -l"], "r"), /Write its arguments apart, such as \["ls", "-l"\]/);
});

test("the objects go", () => {
  for (const object of [segment, queue, posix, array]) object.remove();
  for (const object of [memory, segment, queue, posix, array]) object.close();
});

leakCheck(test);
test.run();
