import { workerData } from "node:worker_threads";

/** What a thread of the library is started with. */
export interface ThreadData<Data> {
  /** One word, which says how far the thread is. */
  readonly life: Int32Array<SharedArrayBuffer>;
  readonly data: Data;
}

/** The thread was started, but its code does not run yet. */
export const NEW = 0;
/** Its code runs; it may be in C at any time. */
export const ALIVE = 1;
/** Its code is over; it will not be in C any more. */
export const ENDED = 2;
/** It was stopped before its code ran, which it now will not. */
export const STILLBORN = 3;

/** Runs the code of a thread, unless the thread was stopped meanwhile. To be called once, by the thread's module. */
export function runThread<Data>(code: (data: Data) => void): void {
  const { life, data } = workerData as ThreadData<Data>;
  // pairs with the compareExchange in thread.ts
  if (Atomics.compareExchange(life, 0, NEW, ALIVE) !== NEW) return;
  try {
    code(data);
  } finally {
    Atomics.store(life, 0, ENDED);
    Atomics.notify(life, 0);
  }
}
