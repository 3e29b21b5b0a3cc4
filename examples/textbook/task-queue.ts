// The task queue of thread-pool.ts: a few slots in shared memory, with a mutex and three conditions. Threads and processes put tasks in and
// take them out; each thread has a TaskQueue of its own over the same memory.
//
//   notEmpty  a task was put in, or the queue was closed      threads of the pool wait for it
//   notFull   a task was taken out                            whoever submits waits for it
//   allDone   the last task of a submitter has its result     whoever submitted waits for it
//
// Whoever waits looks at the memory again afterwards: a wait may end without a reason, and somebody else may have been faster.
import assert from "node:assert/strict";
import { Condition, Mutex, type SharedMemory } from "millrace";

export interface Task {
  /** Who gets the result: 0 or 1. */
  submitter: number;
  /** Counts from 0, for each submitter. */
  number: number;
  /** The numbers to look at, from the first up to, and without, the second. */
  from: number;
  to: number;
}

/** Of each submitter. */
export const TASKS = 20;
const SUBMITTERS = 2;
const SLOTS = 4;
const SLOT_WORDS = 4;

// where things are in the shared memory, in bytes
const MUTEX_AT = 0;
const NOT_EMPTY_AT = Math.ceil(Mutex.bytes / 8) * 8;
const NOT_FULL_AT = NOT_EMPTY_AT + Math.ceil(Condition.bytes / 8) * 8;
const ALL_DONE_AT = NOT_FULL_AT + Math.ceil(Condition.bytes / 8) * 8;
const WORDS_AT = ALL_DONE_AT + Math.ceil(Condition.bytes / 8) * 8;

// and in words after that
const CLOSED = 0;
const PUT = 1; // tasks that were ever put in
const TAKEN = 2; // tasks that were ever taken out
const DONE = 3; // tasks with a result, of each submitter
const TASKS_IN = DONE + SUBMITTERS;
const RESULTS = TASKS_IN + SLOTS * SLOT_WORDS; // of each task of each submitter
const WORDS = RESULTS + SUBMITTERS * TASKS;

export class TaskQueue {
  static readonly bytes: number = WORDS_AT + 4 * WORDS;
  readonly #mutex: Mutex;
  readonly #notEmpty: Condition;
  readonly #notFull: Condition;
  readonly #allDone: Condition;
  /** Only who has the mutex uses it. */
  readonly #words: Int32Array<SharedArrayBuffer>;

  /** @param isNew whether to make the queue; else it is there, and this is one more user of it */
  constructor(memory: SharedMemory, isNew = false) {
    const [mutex, condition] = isNew ? [Mutex.create, Condition.create] : [Mutex.at, Condition.at];
    this.#mutex = mutex(memory, MUTEX_AT);
    this.#notEmpty = condition(memory, NOT_EMPTY_AT);
    this.#notFull = condition(memory, NOT_FULL_AT);
    this.#allDone = condition(memory, ALL_DONE_AT);
    this.#words = new Int32Array(memory.bytes.buffer, memory.bytes.byteOffset + WORDS_AT, WORDS);
  }

  /** Puts a task in, and waits while there is no room. */
  async submit({ submitter, number, from, to }: Task): Promise<void> {
    using guard = await this.#mutex.lock();
    while (this.#get(PUT) - this.#get(TAKEN) === SLOTS) await this.#notFull.wait(guard);
    this.#words.set([submitter, number, from, to], slotOf(this.#get(PUT)));
    this.#add(PUT);
    this.#notEmpty.signal(); // one task, so one thread
  }

  /** Waits until all tasks of a submitter have their results. */
  async results(submitter: number): Promise<number[]> {
    using guard = await this.#mutex.lock();
    while (this.#get(DONE + submitter) < TASKS) await this.#allDone.wait(guard);
    const start = RESULTS + submitter * TASKS;
    return [...this.#words.subarray(start, start + TASKS)];
  }

  /** Takes a task out. Blocks the thread while there is none; `undefined` when none will come. */
  takeSync(): Task | undefined {
    using guard = this.#mutex.lockSync();
    while (this.#get(PUT) === this.#get(TAKEN)) {
      if (this.#get(CLOSED) === 1) return undefined;
      this.#notEmpty.waitSync(guard);
    }
    const slot = slotOf(this.#get(TAKEN));
    const [submitter = 0, number = 0, from = 0, to = 0] = this.#words.subarray(slot, slot + SLOT_WORDS);
    this.#add(TAKEN);
    this.#notFull.signal();
    return { submitter, number, from, to };
  }

  finishSync({ submitter, number }: Task, result: number): void {
    using _guard = this.#mutex.lockSync();
    this.#words[RESULTS + submitter * TASKS + number] = result;
    this.#add(DONE + submitter);
    // all are woken: only one of the submitters goes on, and signal() might wake the other one
    if (this.#get(DONE + submitter) === TASKS) this.#allDone.broadcast();
  }

  /** No more tasks: who waits for one ends, once the queue is empty. */
  async close(): Promise<void> {
    using _guard = await this.#mutex.lock();
    this.#words[CLOSED] = 1;
    this.#notEmpty.broadcast();
  }

  /** When nobody uses it any more. */
  destroy(): void {
    assert.equal(this.#get(PUT), this.#get(TAKEN));
    for (const condition of [this.#notEmpty, this.#notFull, this.#allDone]) condition.destroy();
    this.#mutex.destroy();
  }

  #get(index: number): number {
    return this.#words[index] ?? 0;
  }

  #add(index: number): void {
    this.#words[index] = this.#get(index) + 1;
  }
}

function slotOf(count: number): number {
  return TASKS_IN + (count % SLOTS) * SLOT_WORDS;
}
