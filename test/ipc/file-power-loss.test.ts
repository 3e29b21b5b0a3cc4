/*
 * What a machine that stops at any moment leaves of a `file:` with `durable: "each"`. The disk is an array here: what the library has written is
 * on it, and of what else changed in memory any sector may be, since the kernel writes back what it likes when it likes.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { close, ftruncate } from "../../src/ffi/fd.ts";
import { memfdCreate } from "../../src/ffi/memfd.ts";
import { pageSize } from "../../src/ffi/sysconf.ts";
import { FileStorage } from "../../src/ipc/file-link/file-storage.ts";
import { mapMirrored, type Region } from "../../src/memory/region.ts";
import { initializeHeader, KIND_KEPT, RingConsumer, type RingMemory, RingProducer } from "../../src/ring/mod.ts";
import { nextRandom } from "../ring/hostile-ring.ts";
import { pattern, sameBytes } from "../ring/make-ring.ts";

const test = suite("a machine that stops");
const seed = Number(process.env.MILLRACE_TEST_SEED ?? Date.now() % 1_000_000);
const CAPACITY = Math.max(8192, pageSize());
const HEADER = pageSize();
/** What a disk writes whole. */
const SECTOR = 512;
const ROUNDS = 300;
const waiter = { wake() {} };

class PowerLoss extends Error {}

/** A ring in memory of the kind that a file has, and the disk below it. */
class Machine {
  readonly disk = new Uint8Array(HEADER + CAPACITY);
  readonly memory: RingMemory;
  readonly region: Region;
  readonly #below: (limit: number) => number;
  /** Writes to the disk until the power goes. */
  #left: number;

  constructor(below: (limit: number) => number, left: number, disk?: Uint8Array) {
    const file = memfdCreate("power-loss", 0);
    ftruncate(file, HEADER + CAPACITY);
    this.region = mapMirrored(file, HEADER, CAPACITY);
    close(file);
    const { words, bytes } = this.region.arena;
    this.memory = { words, bytes, offset: this.region.offset, capacity: CAPACITY, name: "power-loss" };
    this.#below = below;
    this.#left = left;
    if (disk === undefined) {
      initializeHeader(this.memory, { capacity: CAPACITY, headerBytes: HEADER, kind: KIND_KEPT });
      this.disk.set(this.region.bytes.subarray(0, HEADER + CAPACITY));
    } else {
      this.region.bytes.set(disk);
    }
  }

  storage(): FileStorage {
    const presence = { capacity: CAPACITY, region: this.region, exclusively: <Result>(body: () => Result) => body() };
    return new FileStorage(presence, true, (address, length) => {
      const start = address - this.region.arena.address - this.region.offset;
      assert.ok(start % pageSize() === 0 && start + length <= this.region.length);
      const stops = this.#left-- === 0;
      for (let at = start; at < start + length; at += SECTOR) {
        // the one that it stops in comes to the disk in part, in any order
        if (!stops || this.#below(2) === 0) this.#writeSector(at);
      }
      if (stops) throw new PowerLoss();
    });
  }

  /** Some of all that changed comes to the disk by itself. */
  writeBack(one: number): void {
    for (let at = 0; at < HEADER + CAPACITY; at += SECTOR) if (this.#below(one) === 0) this.#writeSector(at);
  }

  #writeSector(at: number): void {
    // the second image of the data is the same file
    const place = at < HEADER + CAPACITY ? at : at - CAPACITY;
    this.disk.set(this.region.bytes.subarray(place, place + SECTOR), place);
  }
}

function drain(memory: RingMemory, from: "oldest" | "tail"): Uint8Array[] {
  const consumer = new RingConsumer(memory, waiter, { from });
  const messages: Uint8Array[] = [];
  for (let next = consumer.tryPop(); next !== undefined; next = consumer.tryPop()) messages.push(next);
  return messages;
}

test(`${ROUNDS} times: what was sent is there and whole, and nothing else is (seed ${seed})`, () => {
  let random = seed;
  const below = (limit: number) => {
    random = nextRandom(random);
    return Math.floor((random / 2 ** 32) * limit);
  };
  let stopped = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const machine = new Machine(below, 1 + below(300));
    const size = (index: number) => (index * 397) % ([60, 700, 3000][round % 3] as number);
    let sent = 0;
    let received = 0;
    try {
      const storage = machine.storage();
      const producer = new RingProducer(machine.memory, waiter, { keeping: storage });
      const consumer = new RingConsumer(machine.memory, waiter, { from: "tail" });
      for (; sent < 2000; sent++) {
        if (below(20) === 0) machine.writeBack(4);
        while (!producer.tryPush(pattern(size(sent), sent))) if (consumer.tryPop() !== undefined) received++;
        storage.settle();
        if (below(3) === 0 && consumer.tryPop() !== undefined) received++;
      }
    } catch (error) {
      if (!(error instanceof PowerLoss)) throw error;
      stopped++;
    }
    machine.writeBack(2);
    const after = new Machine(below, 0, machine.disk);
    const unread = drain(after.memory, "tail");
    const held = drain(after.memory, "oldest");
    // the one that was being sent may be there, too
    const where = `round ${round}: ${sent} sent, ${received} received, ${unread.length} unread, ${held.length} held`;
    const last = [sent, sent + 1].find((end) => held.every((message, i) => isAt(message, end - held.length + i)));
    assert.ok(last !== undefined, `not the last of what was sent: ${where}`);
    assert.ok(unread.length >= sent - received, where);
    assert.ok(held.length >= unread.length, where);
    unread.forEach((message, i) => {
      const index = (last as number) - unread.length + i;
      sameBytes(message, pattern(size(index), index), where);
    });
    machine.region.close();
    after.region.close();

    function isAt(message: Uint8Array, index: number): boolean {
      return index >= 0 && Buffer.compare(message, pattern(size(index), index)) === 0;
    }
  }
  assert.ok(stopped > ROUNDS / 4, `${stopped}`);
});

test.run();
