import { IpcError } from "../../errors.ts";
import { EFD_NONBLOCK, POLLIN } from "../abi/current.ts";
import { EINTR } from "../abi/errno.ts";
import { eventfd } from "../eventfd.ts";
import { close, read } from "../fd.ts";
import { getpid, gettid } from "../ids.ts";
import { poll } from "../poll.ts";
import { tgkill } from "../signal.ts";
import type { SystemError } from "../system-error.ts";
import { BLOCKING_FUNCTION_NAMES, type BlockingFunction } from "./blocking-functions.ts";
import {
  ARGUMENTS,
  type BlockingThreadData,
  CANCEL,
  CRASHED,
  DONE,
  DONE_FD,
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
import { ENDS_UNHEARD, LOOK_UP_AFTER, startThread, type Thread } from "./thread.ts";

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

/** The caller's side of one blocking thread. One call at a time. */
export class BlockingCaller {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #doubles: Float64Array<SharedArrayBuffer>;
  readonly #thread: Thread;
  #error: IpcError | undefined;
  #calls = 0;
  /** What was taken of the last call, for a `settleSync` that comes after it. */
  #taken: BlockingOutcome = CANCELLED;
  /** Says to poll(2) that the call is over; made when first needed. */
  #doneFd = -1;

  /** @throws {IpcError} `IPC_LIMIT` when there is no signal to interrupt a call with */
  constructor() {
    interruptSignal();
    // sends nothing, but binds the function: koffi aborts the process when that is interrupted by the end of a Worker
    tgkill(getpid(), gettid(), 0);
    const slot = new SharedArrayBuffer(SLOT_BYTES);
    this.#words = new Int32Array(slot);
    this.#doubles = new Float64Array(slot);
    this.#words[DONE_FD] = -1;
    const data: BlockingThreadData = { slot, lookUpEvery: ENDS_UNHEARD ? LOOK_UP_AFTER : Number.POSITIVE_INFINITY };
    this.#thread = startThread({
      name: NAME,
      file: "./blocking-thread.ts",
      data,
      stop: () => {
        Atomics.store(this.#words, CANCEL, 1);
        Atomics.store(this.#words, STATE, STOPPED);
        Atomics.notify(this.#words, STATE);
      },
      press: () => this.#interrupt(),
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
    this.#thread.worker.ref();
    try {
      for (;;) {
        const state = Atomics.load(this.#words, STATE);
        if (state !== REQUESTED && state !== RUNNING) return this.#outcome(state);
        // pairs with the notify in blocking-thread.ts
        const { async, value } = Atomics.waitAsync(this.#words, STATE, state);
        if (async) await value;
      }
    } finally {
      this.#thread.worker.unref();
    }
  }

  /** As `run`, but blocks this thread, and cancels after `timeout` milliseconds, or when `descriptor` can be read or has hung up. */
  runSync(name: BlockingFunction, values: readonly number[], timeout: number, descriptor = -1): BlockingOutcome {
    if (descriptor !== -1) return this.#runBeside(descriptor, name, values, timeout);
    const end = performance.now() + timeout;
    this.#request(name, values);
    for (;;) {
      const state = Atomics.load(this.#words, STATE);
      if (state !== REQUESTED && state !== RUNNING) return this.#outcome(state);
      const left = end - performance.now();
      if (left > 0) Atomics.wait(this.#words, STATE, state, left);
      else this.#cancelAndWait();
    }
  }

  #runBeside(descriptor: number, name: BlockingFunction, values: readonly number[], timeout: number): BlockingOutcome {
    if (this.#doneFd === -1) this.#doneFd = eventfd(0, EFD_NONBLOCK);
    this.#request(name, values, this.#doneFd);
    poll(
      [descriptor, this.#doneFd].map((fd) => ({ fd, events: POLLIN, revents: 0 })),
      timeout,
    );
    this.settleSync();
    read(this.#doneFd, COUNT);
    return this.#outcome(Atomics.load(this.#words, STATE));
  }

  /**
   * Cancels the call that runs and blocks this thread until it is over, which takes microseconds. What it gives is what `run` resolves
   * to, whether that has happened already, is on its way in the microtask queue, or is to come.
   */
  settleSync(): BlockingOutcome {
    for (;;) {
      const state = Atomics.load(this.#words, STATE);
      if (state !== REQUESTED && state !== RUNNING) return state === IDLE ? this.#taken : this.#look(state);
      this.#cancelAndWait();
    }
  }

  #cancelAndWait(): void {
    if (this.#withdraw() && this.#interrupt()) Atomics.wait(this.#words, STATE, RUNNING, AGAIN_AFTER);
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
    this.#thread.stop();
    if (this.#doneFd !== -1) close(this.#doneFd);
    this.#doneFd = -1;
  }

  #request(name: BlockingFunction, values: readonly number[], doneFd = -1): void {
    this.#calls++;
    this.#taken = CANCELLED;
    this.#words[DONE_FD] = doneFd;
    this.#words[FUNCTION] = BLOCKING_FUNCTION_NAMES.indexOf(name);
    this.#doubles.set(values, ARGUMENTS);
    Atomics.store(this.#words, CANCEL, 0);
    // pairs with the compareExchange in blocking-thread.ts awaitRequest; fails when the thread was stopped or crashed
    Atomics.compareExchange(this.#words, STATE, IDLE, REQUESTED);
    Atomics.notify(this.#words, STATE);
  }

  /** Takes the outcome. @param state what follows REQUESTED and RUNNING */
  #outcome(state: number): BlockingOutcome {
    this.#taken = this.#look(state);
    if (state === DONE) Atomics.store(this.#words, STATE, IDLE);
    return this.#taken;
  }

  /** Looks at the outcome and leaves it there. */
  #look(state: number): BlockingOutcome {
    if (state === CRASHED) {
      throw this.#error ?? new IpcError("IPC_WORKER_CRASHED", `The thread "${NAME}" ended by itself`);
    }
    if (state !== DONE) return CANCELLED;
    return { result: this.#doubles[RESULT] as number, errno: this.#words[ERRNO] as number };
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
}

/** Where the count of an eventfd is read to. */
const COUNT = new BigUint64Array(1);
