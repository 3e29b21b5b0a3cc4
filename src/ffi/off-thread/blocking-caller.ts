import type { Worker } from "node:worker_threads";
import { IpcError } from "../../errors.ts";
import { EINTR } from "../abi/errno.ts";
import { getpid } from "../ids.ts";
import { tgkill } from "../signal.ts";
import type { SystemError } from "../system-error.ts";
import { BLOCKING_FUNCTION_NAMES, type BlockingFunction } from "./blocking-functions.ts";
import {
  ARGUMENTS,
  type BlockingThreadData,
  CANCEL,
  CRASHED,
  DONE,
  ERRNO,
  FUNCTION,
  IDLE,
  REQUESTED,
  RESULT,
  RUNNING,
  SLOT_BYTES,
  STATE,
  STOPPED,
  THREAD,
} from "./call-slot.ts";
import { interruptSignal } from "./interrupt.ts";
import { startThread, stopThread } from "./thread.ts";

/** What became of a call. */
export interface BlockingOutcome {
  /** What C returned. */
  readonly result: number;
  /** errno of the call, 0 when it succeeded. */
  readonly errno: number;
}

/** The outcome of a call that was cancelled before it took effect. */
export const CANCELLED: BlockingOutcome = { result: -1, errno: EINTR };

const NAME = "millrace blocking call";
/** How long to wait before a thread is interrupted again, in milliseconds. */
const AGAIN_AFTER = 1;
/** How often a thread is interrupted at the end of the process before it is given up. */
const MOST_TRIES = 2000;

/** The caller's side of one blocking thread. One call at a time. */
export class BlockingCaller {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #doubles: Float64Array<SharedArrayBuffer>;
  readonly #worker: Worker;
  readonly #stop = () => this.#end();
  #error: IpcError | undefined;
  #calls = 0;

  /** @throws {IpcError} `IPC_LIMIT` when there is no signal to interrupt a call with */
  constructor() {
    interruptSignal();
    const slot = new SharedArrayBuffer(SLOT_BYTES);
    this.#words = new Int32Array(slot);
    this.#doubles = new Float64Array(slot);
    const data: BlockingThreadData = { slot };
    this.#worker = startThread({
      name: NAME,
      file: "./blocking-thread.ts",
      data,
      stop: this.#stop,
      crashed: (error) => {
        this.#error = error;
        Atomics.store(this.#words, STATE, CRASHED);
        Atomics.notify(this.#words, STATE);
      },
    });
  }

  /** Whether the thread is able to make calls. */
  get isAlive(): boolean {
    const state = Atomics.load(this.#words, STATE);
    return state !== CRASHED && state !== STOPPED;
  }

  /** Has the function called; resolves when it returned, or after `cancel`. Keeps the process alive until then. */
  async run(name: BlockingFunction, values: readonly number[]): Promise<BlockingOutcome> {
    this.#request(name, values);
    this.#worker.ref();
    try {
      for (;;) {
        const state = Atomics.load(this.#words, STATE);
        if (state !== REQUESTED && state !== RUNNING) return this.#outcome(state);
        // pairs with the notify in blocking-thread.ts
        const { async, value } = Atomics.waitAsync(this.#words, STATE, state);
        if (async) await value;
      }
    } finally {
      this.#worker.unref();
    }
  }

  /** As `run`, but blocks this thread, and cancels after `timeout` milliseconds. */
  runSync(name: BlockingFunction, values: readonly number[], timeout: number): BlockingOutcome {
    const end = performance.now() + timeout;
    this.#request(name, values);
    for (;;) {
      const state = Atomics.load(this.#words, STATE);
      if (state !== REQUESTED && state !== RUNNING) return this.#outcome(state);
      const left = end - performance.now();
      if (left > 0) Atomics.wait(this.#words, STATE, state, left);
      else if (this.#withdraw() && this.#interrupt()) Atomics.wait(this.#words, STATE, RUNNING, AGAIN_AFTER);
    }
  }

  /**
   * Ends the call that runs. It ends with `EINTR` when it did not take effect, and with its own result when that came first.
   */
  cancel(): void {
    const call = this.#calls;
    const again = () => {
      // a signal that came between the thread's look at the word and its call had no effect
      if (this.#calls === call && this.#withdraw() && this.#interrupt()) setTimeout(again, AGAIN_AFTER);
    };
    again();
  }

  /** Ends the thread. */
  close(): void {
    stopThread(this.#stop);
  }

  #request(name: BlockingFunction, values: readonly number[]): void {
    this.#calls++;
    this.#words[FUNCTION] = BLOCKING_FUNCTION_NAMES.indexOf(name);
    this.#doubles.set(values, ARGUMENTS);
    Atomics.store(this.#words, CANCEL, 0);
    // pairs with the compareExchange in blocking-thread.ts awaitRequest; fails when the thread was stopped or crashed
    Atomics.compareExchange(this.#words, STATE, IDLE, REQUESTED);
    Atomics.notify(this.#words, STATE);
  }

  /** @param state what follows REQUESTED and RUNNING */
  #outcome(state: number): BlockingOutcome {
    if (state === CRASHED) {
      throw this.#error ?? new IpcError("IPC_WORKER_CRASHED", `The thread "${NAME}" ended by itself`);
    }
    if (state !== DONE) return CANCELLED;
    const outcome = { result: this.#doubles[RESULT] as number, errno: this.#words[ERRNO] as number };
    Atomics.store(this.#words, STATE, IDLE);
    return outcome;
  }

  /** Takes the request back, or, when it is too late for that, asks for the end of the call; @returns whether it was too late */
  #withdraw(): boolean {
    const state = Atomics.compareExchange(this.#words, STATE, REQUESTED, IDLE);
    if (state === REQUESTED) Atomics.notify(this.#words, STATE);
    else Atomics.store(this.#words, CANCEL, 1);
    return state === RUNNING;
  }

  /** Interrupts the thread; @returns false when it has ended */
  #interrupt(): boolean {
    const thread = Atomics.load(this.#words, THREAD);
    if (thread === 0) return false;
    try {
      tgkill(getpid(), thread, interruptSignal());
      return true;
    } catch (error) {
      // anything else may be better next time: EAGAIN, so many signals are on their way already; IPC_LIMIT, all are in use now
      return (error as SystemError).code !== "ESRCH";
    }
  }

  /** Brings the thread to its end; called in the "exit" event too, so it blocks until the thread is out of its call. */
  #end(): void {
    Atomics.store(this.#words, CANCEL, 1);
    const before = Atomics.exchange(this.#words, STATE, STOPPED);
    Atomics.notify(this.#words, STATE);
    for (let tries = 0; before === RUNNING && tries < MOST_TRIES && this.#interrupt(); tries++) {
      Atomics.wait(this.#words, STATE, STOPPED, AGAIN_AFTER);
    }
  }
}
