// Dijkstra's banker's algorithm in front of a System V semaphore array. Processes take several kinds of resources step by step. Each
// says at the start how many it may need at most. It gets a resource only when there is still an order in which all can get their
// most; otherwise it waits, even if the resource is free. So they never wait for each other in a circle (deadlock).
//
// The semaphores of the array are one for each kind of resource, the lock, the start, and a bell for each process. The table of who has
// what, and may need what, lies in shared memory. With SEM_UNDO the kernel gives back what a process that dies had taken of the array; the
// table is not the kernel's, so here nobody may die.
//
// Run it: bun examples/textbook/bankers-algorithm.ts
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { IPC_PRIVATE, SharedMemory, SysvSemaphoreArray } from "millrace";

const RESOURCES = [3, 2, 2]; // how many there are of each kind
const MAXIMA = [
  // how many of each kind a process may need at most; all together far more than there are
  [3, 1, 2],
  [2, 2, 1],
  [1, 2, 2],
  [3, 2, 0],
];
const ROUNDS = 20; // of each process
const KINDS = RESOURCES.length;
const LOCK = KINDS;
const START = KINDS + 1;
const bellOf = (customer: number) => KINDS + 2 + customer;

const [, , role, name = "", arrayId = "", customerNumber = ""] = process.argv;

/** The table in shared memory. Only who holds the lock touches it. */
class Ledger {
  static readonly bytes = 4 * (MAXIMA.length * KINDS + MAXIMA.length + 1);
  readonly #words: Int32Array<SharedArrayBuffer>;

  constructor(memory: SharedMemory) {
    this.#words = new Int32Array(memory.bytes.buffer, memory.bytes.byteOffset, Ledger.bytes / 4);
  }

  /** How many a customer has now, of each kind. */
  heldBy(customer: number): number[] {
    return [...this.#words.subarray(customer * KINDS, (customer + 1) * KINDS)];
  }

  change(customer: number, kind: number, by: number): void {
    this.#words[customer * KINDS + kind] = (this.heldBy(customer)[kind] ?? 0) + by;
  }

  isWaiting(customer: number): boolean {
    return this.#words[MAXIMA.length * KINDS + customer] === 1;
  }

  setWaiting(customer: number, isWaiting: boolean): void {
    this.#words[MAXIMA.length * KINDS + customer] = isWaiting ? 1 : 0;
  }

  /** How often a resource was free and yet not given. */
  get refusals(): number {
    return this.#words[MAXIMA.length * (KINDS + 1)] ?? 0;
  }

  countRefusal(): void {
    this.#words[MAXIMA.length * (KINDS + 1)] = this.refusals + 1;
  }

  /** Whether all could still get their most, one after the other, if each gives back what it has when it is done. */
  isSafe(): boolean {
    const free = RESOURCES.map(
      (total, kind) => total - sum(MAXIMA.map((_, customer) => this.heldBy(customer)[kind] ?? 0)),
    );
    if (free.some((count) => count < 0)) return false;
    const unfinished = new Set(MAXIMA.keys());
    for (;;) {
      const next = [...unfinished].find((customer) => {
        const held = this.heldBy(customer);
        return MAXIMA[customer]?.every((most, kind) => most - (held[kind] ?? 0) <= (free[kind] ?? 0));
      });
      if (next === undefined) return unfinished.size === 0;
      for (const [kind, count] of this.heldBy(next).entries()) free[kind] = (free[kind] ?? 0) + count;
      unfinished.delete(next);
    }
  }
}

/** Takes one of a kind, as soon as that is safe. */
function take(semaphores: SysvSemaphoreArray, ledger: Ledger, customer: number, kind: number): void {
  lock(semaphores);
  for (;;) {
    ledger.change(customer, kind, 1);
    if (ledger.isSafe()) break;
    ledger.change(customer, kind, -1);
    if (semaphores.value(kind) > 0) ledger.countRefusal();
    ledger.setWaiting(customer, true);
    unlock(semaphores);
    semaphores.operateSync([{ num: bellOf(customer), op: -1 }]);
    lock(semaphores);
  }
  // a state that is safe has it free, so this never waits
  assert(semaphores.tryOperate([{ num: kind, op: -1, undo: true }]), "the ledger and the semaphores differ");
  unlock(semaphores);
}

/** Gives all back at once, and has those who wait look again. */
function giveBack(semaphores: SysvSemaphoreArray, ledger: Ledger, customer: number): void {
  lock(semaphores);
  const held = ledger.heldBy(customer);
  const operations = held.flatMap((count, num) => (count > 0 ? [{ num, op: count, undo: true }] : []));
  assert(semaphores.tryOperate(operations));
  for (const [kind, count] of held.entries()) ledger.change(customer, kind, -count);
  for (const other of MAXIMA.keys()) {
    if (!ledger.isWaiting(other)) continue;
    ledger.setWaiting(other, false);
    semaphores.post(bellOf(other));
  }
  unlock(semaphores);
}

function lock(semaphores: SysvSemaphoreArray): void {
  semaphores.operateSync([{ num: LOCK, op: -1, undo: true }]);
}

function unlock(semaphores: SysvSemaphoreArray): void {
  assert(semaphores.tryOperate([{ num: LOCK, op: 1, undo: true }]));
}

/** A process that takes all that it may need, one at a time and the kinds in an order of its own, and gives it back. */
function beCustomer(customer: number): void {
  using memory = SharedMemory.open(name);
  using semaphores = SysvSemaphoreArray.fromId(Number(arrayId));
  const ledger = new Ledger(memory);
  // they begin together: each lowers the count of those who are still missing, and waits for it to be 0
  semaphores.operateSync([{ num: START, op: -1 }]);
  semaphores.operateSync([{ num: START, op: 0 }]);
  for (let round = 0; round < ROUNDS; round++) {
    for (let step = 0; step < KINDS; step++) {
      const kind = (customer + round + step) % KINDS;
      for (let count = 0; count < (MAXIMA[customer]?.[kind] ?? 0); count++) take(semaphores, ledger, customer, kind);
    }
    giveBack(semaphores, ledger, customer);
  }
}

async function startAll() {
  const sharedName = `/bankers-algorithm-${process.pid}`;
  using memory = SharedMemory.create(sharedName, Ledger.bytes);
  using semaphores = SysvSemaphoreArray.create(IPC_PRIVATE, [...RESOURCES, 1, MAXIMA.length, ...MAXIMA.map(() => 0)]);
  const customers = MAXIMA.map((_, customer) =>
    once(fork(import.meta.filename, ["customer", sharedName, `${semaphores.id}`, `${customer}`]), "exit"),
  );
  for (const ending of customers) assert.deepEqual(await ending, [0, null]);
  console.log(`${MAXIMA.length} processes took all that they may need, ${ROUNDS} times each, and none waited for ever`);
  assert.deepEqual(semaphores.values().slice(0, KINDS), RESOURCES);
  console.log(`all resources are back: ${semaphores.values().slice(0, KINDS)}`);
  console.log(`refused although free, because it was not safe: ${new Ledger(memory).refusals} times`);
  semaphores.remove();
  memory.remove();
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

if (role === "customer") beCustomer(Number(customerNumber));
else await startAll();

// Output:
// 4 processes took all that they may need, 20 times each, and none waited for ever
// all resources are back: 3,2,2
// refused although free, because it was not safe: ... times
