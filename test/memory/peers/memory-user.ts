/**
 * The other process of the tests of shared memory: `memory-user.ts VERB ARGUMENTS`. It says on standard output how far it is.
 */
import { writeFileSync } from "node:fs";
import { IpcError } from "../../../src/errors.ts";
import { IPC_PRIVATE } from "../../../src/ffi/abi/current.ts";
import { MappedFile } from "../../../src/memory/mapped-file.ts";
import { SharedMemory } from "../../../src/memory/shared-memory.ts";
import { SysvSharedMemory } from "../../../src/memory/sysv-shared-memory.ts";

const [verb = "", name = "", count = "0"] = process.argv.slice(2);
const say = (line: unknown) => console.log(String(line));

const VERBS: Record<string, () => void> = {
  /** Opens or makes the object, whichever it is, and adds 1 to its first word COUNT times. */
  "count-posix"() {
    const memory = SharedMemory.openOrCreate(name, 4096, { removeOnExit: false });
    add(memory);
    say(memory.created ? "made" : "found");
  },

  "count-sysv"() {
    const memory = SysvSharedMemory.openOrCreate(Number(name), 4096, { removeOnExit: false });
    add(memory);
    say(memory.created ? "made" : "found");
  },

  "count-file"() {
    add(MappedFile.open(name, { access: "readwrite", create: 4096 }));
    say("done");
  },

  /** Makes and removes an object again and again. */
  "come-and-go"() {
    for (let i = 0; i < Number(count); i++) {
      const memory = SharedMemory.create(name, 8192);
      memory.remove();
      memory.close();
    }
    say("done");
  },

  /** Adds 1 to the memory behind descriptor 3. */
  inherit() {
    const memory = SharedMemory.fromDescriptor(3);
    say(`${memory.size} ${memory.sealed ? "sealed" : "open"}`);
    add(memory);
    memory.close();
  },

  /** Makes two objects of each kind, of which one each shall stay, and ends, or waits for a signal when COUNT is not 0. */
  leave() {
    for (const removeOnExit of [true, false]) {
      SharedMemory.create(`${name}-${removeOnExit ? "goes" : "stays"}`, 100, { removeOnExit });
      say(SysvSharedMemory.create(IPC_PRIVATE, 100, { removeOnExit }).id);
    }
    if (Number(count) > 0) setInterval(() => {}, 1000);
    say("made");
  },

  /** In a mount namespace whose /dev/shm has room for 64 KiB. */
  full() {
    const first = SharedMemory.create("/first", 40_000);
    first.bytes.fill(1);
    trying(() => SharedMemory.create("/second", 40_000));
    trying(() => SharedMemory.openOrCreate("/second", 40_000));
    trying(() => SharedMemory.open("/second"));
    const third = SharedMemory.create("/third", 16_000);
    third.bytes.fill(1);
    say("written to the last byte");
    first.remove();
    third.remove();
  },

  /** In an IPC namespace of its own, whose limits it lowers. */
  limits() {
    const first = SysvSharedMemory.create(1, 4096);
    writeFileSync("/proc/sys/kernel/shmmax", "8192");
    trying(() => SysvSharedMemory.create(2, 8193));
    SysvSharedMemory.create(2, 8192).remove();
    writeFileSync("/proc/sys/kernel/shmmni", "1");
    trying(() => SysvSharedMemory.openOrCreate(3, 10));
    first.remove();
  },
};

VERBS[verb]?.();

function add({ arena, offset }: SharedMemory | SysvSharedMemory | MappedFile): void {
  // pairs with the same additions in the other processes
  for (let i = 0; i < Number(count); i++) Atomics.add(arena.words, offset >> 2, 1);
}

function trying(action: () => unknown): void {
  try {
    action();
    say("well");
  } catch (error) {
    say(error instanceof IpcError ? `${error.code} ${(error.cause as { code?: string }).code}` : error);
  }
}
