// Producers and consumers: a ring of a few slots in shared memory between several processes on either side, with the three classic
// semaphores of Dijkstra. They lie in the same memory, as the C library's own sem_t.
//
//   free    how many slots are free     a producer waits for it, a consumer raises it
//   filled  how many slots are filled   a consumer waits for it, a producer raises it
//   turn    1, or 0 while somebody changes the ring
//
// Run it: bun examples/textbook/producers-consumers.ts
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { Channel, Semaphore, SharedMemory } from "millrace";

const PRODUCERS = 3;
const CONSUMERS = 2;
const ITEMS = 1000; // of each producer
const SLOTS = 8;
const END = -1; // tells a consumer that there is nothing more

// where things are in the shared memory, in bytes
const FREE_AT = 0;
const FILLED_AT = Semaphore.bytes;
const TURN_AT = 2 * Semaphore.bytes;
const WORDS_AT = 3 * Semaphore.bytes; // the count of items put, the count of items taken, the slots
const MEMORY_BYTES = WORDS_AT + 4 * (2 + SLOTS);

const [, , role, name = "", number = ""] = process.argv;
if (role === "producer") produce(Number(number));
else if (role === "consumer") await consume();
else await startAll();

/** The ring, as a process of either side sees it. */
function openRing(memory: SharedMemory) {
  const words = new Int32Array(memory.bytes.buffer, memory.bytes.byteOffset + WORDS_AT, 2 + SLOTS);
  const free = Semaphore.at(memory, FREE_AT);
  const filled = Semaphore.at(memory, FILLED_AT);
  const turn = Semaphore.at(memory, TURN_AT);
  const next = (counter: 0 | 1) => {
    const count = words[counter] ?? 0;
    words[counter] = count + 1;
    return 2 + (count % SLOTS);
  };
  return {
    put(item: number) {
      free.waitSync();
      turn.waitSync();
      words[next(0)] = item;
      turn.post();
      filled.post();
    },
    take(): number {
      filled.waitSync();
      turn.waitSync();
      const item = words[next(1)] ?? END;
      turn.post();
      free.post();
      return item;
    },
    close() {
      for (const semaphore of [free, filled, turn]) semaphore.close();
    },
  };
}

function produce(producer: number) {
  using memory = SharedMemory.open(name);
  const ring = openRing(memory);
  for (let count = 0; count < ITEMS; count++) ring.put(producer * ITEMS + count);
  ring.close();
}

async function consume() {
  using memory = SharedMemory.open(name);
  await using taken = await Channel.sender("pipe:3", { codec: "json" });
  const ring = openRing(memory);
  const items: number[] = [];
  for (let item = ring.take(); item !== END; item = ring.take()) items.push(item);
  ring.close();
  await taken.send(items);
}

async function startAll() {
  const sharedName = `/producers-consumers-${process.pid}`;
  using memory = SharedMemory.create(sharedName, MEMORY_BYTES);
  const free = Semaphore.init(memory, FREE_AT, SLOTS);
  const filled = Semaphore.init(memory, FILLED_AT, 0);
  const turn = Semaphore.init(memory, TURN_AT, 1);

  const consumers = await Promise.all(Array.from({ length: CONSUMERS }, () => startConsumer(sharedName)));
  const producers = Array.from({ length: PRODUCERS }, (_, producer) =>
    once(fork(import.meta.filename, ["producer", sharedName, `${producer}`]), "exit"),
  );
  for (const ending of producers) assert.deepEqual(await ending, [0, null]);
  const ring = openRing(memory);
  for (let count = 0; count < CONSUMERS; count++) ring.put(END);
  ring.close();

  const all: number[] = [];
  for (const { taken, ended } of consumers) {
    const items = (await taken.receive()) as number[];
    assert.deepEqual(await ended, [0, null]);
    await taken.close();
    for (let producer = 0; producer < PRODUCERS; producer++) {
      const ofOne = items.filter((item) => Math.floor(item / ITEMS) === producer);
      assert.deepEqual(
        ofOne,
        ofOne.toSorted((one, other) => one - other),
        "out of order",
      );
    }
    all.push(...items);
  }
  const every = Array.from({ length: PRODUCERS * ITEMS }, (_, item) => item);
  assert.deepEqual(
    all.sort((one, other) => one - other),
    every,
  );
  console.log(`${all.length} items of ${PRODUCERS} producers, each was taken by one of ${CONSUMERS} consumers`);
  assert.deepEqual([free.value, filled.value, turn.value], [SLOTS, 0, 1]);
  console.log("all slots are free again");

  for (const semaphore of [free, filled, turn]) semaphore.destroy();
  memory.remove();
}

async function startConsumer(sharedName: string) {
  const { channel: taken, child: end } = await Channel.pipeForChild("sender", { codec: "json" });
  const child = fork(import.meta.filename, ["consumer", sharedName], {
    stdio: ["ignore", "inherit", "inherit", end.fd, "ipc"],
  });
  end.close();
  return { taken, ended: once(child, "exit") };
}

// Output:
// 3000 items of 3 producers, each was taken by one of 2 consumers
// all slots are free again
