/** A blocking thread: makes the C calls that its slot (`call-slot.ts`) asks for, one at a time. */
import { EINTR } from "../abi/errno.ts";
import { write } from "../fd.ts";
import { gettid } from "../ids.ts";
import type { NativeFunction } from "../library.ts";
import { recommendedLibrary } from "../recommended.ts";
import { lastErrno } from "../system-error.ts";
import {
  argumentCount,
  BLOCKING_FUNCTION_NAMES,
  BLOCKING_FUNCTIONS,
  type BlockingFunction,
} from "./blocking-functions.ts";
import { blockingSequences } from "./blocking-sequences.ts";
import {
  ARGUMENTS,
  type BlockingThreadData,
  CANCEL,
  CRASHED,
  DONE,
  DONE_FD,
  ERRNO,
  FUNCTION,
  REQUESTED,
  RESULT,
  RUNNING,
  STATE,
  STOPPED,
  THREAD,
} from "./call-slot.ts";
import { allowInterrupt, interruptEvery } from "./interrupt.ts";
import { runThread } from "./thread-life.ts";

const ONE = new BigUint64Array([1n]);

runThread(({ slot, lookUpEvery }: BlockingThreadData) => {
  const words = new Int32Array(slot);
  const doubles = new Float64Array(slot);
  let endLookingUp: (() => void) | undefined;

  try {
    allowInterrupt();
    if (lookUpEvery < Number.POSITIVE_INFINITY) endLookingUp = interruptEvery(lookUpEvery);
    const functions = {
      ...recommendedLibrary().bind(BLOCKING_FUNCTIONS),
      ...blockingSequences(() => Atomics.load(words, CANCEL) !== 0),
    };
    Atomics.store(words, THREAD, gettid());
    while (awaitRequest()) {
      call(functions);
      tellDoneFd();
      // pairs with the loads of the state in blocking-caller.ts
      Atomics.compareExchange(words, STATE, RUNNING, DONE);
      Atomics.notify(words, STATE);
    }
  } catch (error) {
    tellDoneFd();
    Atomics.store(words, STATE, CRASHED);
    throw error;
  } finally {
    endLookingUp?.();
    Atomics.store(words, THREAD, 0);
    Atomics.notify(words, STATE);
  }

  /** Before the state says so: afterwards the caller may close the descriptor. */
  function tellDoneFd(): void {
    if (words[DONE_FD] !== -1) write(words[DONE_FD] as number, ONE);
  }

  /** @returns false when the thread shall end */
  function awaitRequest(): boolean {
    for (;;) {
      // pairs with the store of the state in blocking-caller.ts request
      const state = Atomics.compareExchange(words, STATE, REQUESTED, RUNNING);
      if (state === REQUESTED) return true;
      if (state === STOPPED) return false;
      Atomics.wait(words, STATE, state);
    }
  }

  function call(functions: Record<BlockingFunction, NativeFunction>): void {
    const name = BLOCKING_FUNCTION_NAMES[words[FUNCTION] as number] as BlockingFunction;
    const values = doubles.slice(ARGUMENTS, ARGUMENTS + argumentCount(name));
    let result = -1;
    let errno = EINTR;
    // a signal that is not meant to cancel the call makes it start again; one that comes before the call is sent again
    while (errno === EINTR && Atomics.load(words, CANCEL) === 0) {
      result = functions[name](...values);
      errno = result === -1 ? lastErrno() : 0;
    }
    doubles[RESULT] = result;
    words[ERRNO] = errno;
  }
});
