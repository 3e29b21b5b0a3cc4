/**
 * A JavaScript process that uses semaphores and events: the first argument says how, the others are its own.
 */
import { Event } from "../../../src/sync/event.ts";
import { Semaphore } from "../../../src/sync/semaphore.ts";
import { SysvSemaphoreArray } from "../../../src/sync/sysv-semaphore-array.ts";
import { addOne } from "./add-one.ts";
import { sharedFile } from "./shared-file.ts";

const [verb = "", object = "", ...rest] = process.argv.slice(2);
const numbers = rest.map(Number) as [number, number, number, number];

/** Stays until it is killed. */
function stay(): void {
  setInterval(() => {}, 1_000_000);
}

const verbs: Record<string, () => void | Promise<void>> = {
  "named-make"() {
    Semaphore.create(object, numbers[0]);
    console.log("made");
    stay();
  },
  "named-make-and-end"() {
    Semaphore.create(object, numbers[0], { removeOnExit: numbers[1] === 1 });
  },
  async "named-wait"() {
    const semaphore = Semaphore.open(object);
    console.log("waiting");
    await semaphore.wait();
    console.log("taken");
    semaphore.close();
  },
  "named-post"() {
    using semaphore = Semaphore.open(object);
    for (let count = numbers[0]; count > 0; count--) semaphore.post();
  },
  async "named-count"() {
    using semaphore = Semaphore.open(object);
    await count(
      rest[0] as string,
      numbers[1],
      numbers[2],
      () => semaphore.wait(),
      () => semaphore.post(),
    );
  },
  async "array-count"() {
    const array = SysvSemaphoreArray.fromId(Number(object));
    await count(
      rest[0] as string,
      numbers[1],
      numbers[2],
      () => array.wait(0, { undo: true }),
      () => array.post(0, { undo: true }),
    );
  },
  async "array-undo"() {
    const array = SysvSemaphoreArray.fromId(Number(object));
    console.log("waiting");
    // number 0 off the thread, number 1 on it
    await array.operate([{ num: 0, op: -1, undo: true }]);
    array.operateSync([{ num: 1, op: -1, undo: true }]);
    console.log("done");
    if (numbers[0] === 1) stay();
  },
  async "array-open-or-create"() {
    const array = await SysvSemaphoreArray.openOrCreate(Number(object), [7, 8, 9], {
      removeOnExit: false,
      timeout: 30_000, // by itself it gives up after a second
    });
    console.log(`${array.id} ${array.values().join(" ")}`);
  },
  "array-make-and-end"() {
    console.log(SysvSemaphoreArray.create(Number(object), [1]).id);
  },
  async "event-wait"() {
    using file = sharedFile(object);
    using event = Event.at(file.region, numbers[0]);
    for (let count = numbers[1]; count > 0; count--) {
      console.log("waiting");
      await event.wait();
      Atomics.add(file.words, 16, 1);
      console.log("released");
    }
  },
  "event-take"() {
    using file = sharedFile(object);
    using event = Event.at(file.region, numbers[0]);
    Atomics.add(file.words, 15, 1);
    let taken = 0;
    while (Atomics.load(file.words, 17) === 0) if (event.tryWait()) taken++;
    Atomics.add(file.words, 16, taken);
  },
  "event-set"() {
    using file = sharedFile(object);
    using event = Event.at(file.region, numbers[0]);
    event.set();
  },
};

/** As the counting of test/native/semaphore-peer.c. */
async function count(path: string, slot: number, times: number, take: () => Promise<void>, give: () => void) {
  using file = sharedFile(path);
  for (let left = times; left > 0; left--) {
    await take();
    addOne(file.words, slot);
    give();
  }
}

await verbs[verb]?.();
