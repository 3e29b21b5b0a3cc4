/**
 * The reactor's thread: sleeps in epoll_wait and puts what became ready into the queue (`reactor-queue.ts`). It registers nothing: the
 * epoll set belongs to the process, so the thread that waits adds to it while this one sleeps.
 */
import { epollWait } from "../epoll.ts";
import { close, write } from "../fd.ts";
import { entryAt, HEAD, QUEUE_ENTRIES, type ReactorThreadData, STOP_TOKEN, TAIL } from "./reactor-queue.ts";
import { runThread } from "./thread-life.ts";

runThread(({ queue, epoll, stopper, longestSleep }: ReactorThreadData) => {
  const words = new Int32Array(queue);
  let head = 0;

  // adds nothing, but binds the functions: koffi aborts the process when that is interrupted by its end
  write(stopper, new BigUint64Array(1));
  while (sleepAndReport());
  close(epoll);
  close(stopper);

  /** @returns false when the thread shall end */
  function sleepAndReport(): boolean {
    for (const { events, data } of epollWait(epoll, longestSleep)) {
      if (data === STOP_TOKEN) return false;
      if (isFull()) {
        publish();
        // pairs with the store of the tail in fd-watcher.ts, and with the one at the end of the process
        while (isFull()) Atomics.wait(words, TAIL, (head - QUEUE_ENTRIES) | 0);
      }
      const entry = entryAt(head);
      words[entry] = data | 0;
      words[entry + 1] = data / 2 ** 32;
      words[entry + 2] = events;
      head = (head + 1) | 0;
    }
    publish();
    return true;
  }

  function isFull(): boolean {
    return ((head - Atomics.load(words, TAIL)) | 0) === QUEUE_ENTRIES;
  }

  /** Shows the entries and wakes who waits for them; pairs with the load of the head in fd-watcher.ts. */
  function publish(): void {
    Atomics.store(words, HEAD, head);
    Atomics.notify(words, HEAD);
  }
});
