/**
 * The reactor's thread: sleeps in epoll_wait and puts what became ready into the queue (`reactor-queue.ts`). It registers nothing; the
 * epoll set is the process's, so the main thread does that itself while this one sleeps.
 */
import { workerData } from "node:worker_threads";
import { EPOLL_EVENT } from "../abi/current.ts";
import { lazyBind } from "../bind.ts";
import { failedCall } from "../system-error.ts";
import { entryAt, HEAD, QUEUE_ENTRIES, type ReactorThreadData, STOP_SEQUENCE, TAIL } from "./reactor-queue.ts";

const c = lazyBind({
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
});

const { queue, epoll, stopper, longestSleep } = workerData as ReactorThreadData;
const words = new Int32Array(queue);

const EVENTS_PER_CALL = 64;
const STRIDE = EPOLL_EVENT.sizeof / 4;
const EVENTS = EPOLL_EVENT.events.offset / 4;
const TOKEN = EPOLL_EVENT.data_u64.offset / 4;
// shared, so that it lies outside of every heap and stays where it is while the thread sleeps
const events = new Int32Array(new SharedArrayBuffer(EVENTS_PER_CALL * EPOLL_EVENT.sizeof));

let head = 0;
while (report(sleep()));
c().close(epoll);
c().close(stopper);

function sleep(): number {
  for (;;) {
    const count = c().epoll_wait(epoll, events, EVENTS_PER_CALL, longestSleep) as number;
    if (count > 0) return count;
    if (count === 0) continue;
    const error = failedCall("epoll_wait");
    if (error.code !== "EINTR") throw error;
  }
}

/** @returns false when the thread shall end */
function report(count: number): boolean {
  for (let index = 0; index < count; index++) {
    const event = index * STRIDE;
    const sequence = events[event + TOKEN + 1] as number;
    if (sequence === STOP_SEQUENCE) return false;
    if (isFull()) {
      publish();
      // pairs with the store of the tail in reactor.ts; at the end of the process Node breaks this wait, and no other runtime minds it
      while (isFull()) Atomics.wait(words, TAIL, (head - QUEUE_ENTRIES) | 0);
    }
    const entry = entryAt(head);
    words[entry] = events[event + TOKEN] as number;
    words[entry + 1] = sequence;
    words[entry + 2] = events[event + EVENTS] as number;
    head = (head + 1) | 0;
  }
  publish();
  return true;
}

function isFull(): boolean {
  return ((head - Atomics.load(words, TAIL)) | 0) === QUEUE_ENTRIES;
}

/** Makes the entries visible and wakes the main thread; pairs with the load of the head in reactor.ts. */
function publish(): void {
  Atomics.store(words, HEAD, head);
  Atomics.notify(words, HEAD);
}
