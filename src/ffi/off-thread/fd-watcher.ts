import type { Worker } from "node:worker_threads";
import type { IpcError } from "../../errors.ts";
import {
  EFD_CLOEXEC,
  EFD_NONBLOCK,
  EPOLL_CLOEXEC,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLL_EVENT,
  EPOLLERR,
  EPOLLHUP,
  EPOLLIN,
  EPOLLONESHOT,
  EPOLLOUT,
} from "../abi/current.ts";
import { lazyBind } from "../bind.ts";
import { failedCall } from "../system-error.ts";
import { entryAt, HEAD, QUEUE_BYTES, type ReactorThreadData, STOP_SEQUENCE, TAIL } from "./reactor-queue.ts";
import { ENDS_UNHEARD, LOOK_UP_AFTER, startThread } from "./thread.ts";

const c = lazyBind({
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
});

/** What to wait for: `"read"` until a read would not block, `"write"` until a write would not. */
export type Direction = "read" | "write";

/** A pending wait. */
export interface Wait {
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** What is known of a descriptor. */
interface Watch {
  /** It is in the epoll set, as far as we know. */
  registered: boolean;
  /** Names the last time that the descriptor was armed; a report with another number is out of date. */
  sequence: number;
  /** The events for which it is armed now. */
  armed: number;
  readonly read: Set<Wait>;
  readonly write: Set<Wait>;
}

/**
 * Registers descriptors in an epoll set and reads the queue in which the thread reports.
 *
 * Each registration fires once (EPOLLONESHOT) and stays in the set disarmed, so that the next wait is one system call. What the kernel
 * gives back with a report is the descriptor and the sequence of the arming; a report of an earlier arming, or of a file that had this
 * descriptor number before, does not match and is dropped, and the later arming brings its own.
 */
export class FdWatcher {
  readonly #watches = new Map<number, Watch>();
  readonly #words = new Int32Array(new SharedArrayBuffer(QUEUE_BYTES));
  readonly #epoll: number;
  readonly #stopper: number;
  readonly #worker: Worker;
  readonly #lost: () => void;
  #sequence = STOP_SEQUENCE;
  #tail = 0;
  #pending = 0;
  #listening = false;

  /** @param lost called when the thread crashed, with which every wait was rejected and this object is of no use any more */
  constructor(lost: () => void) {
    this.#lost = lost;
    this.#epoll = c().epoll_create1(EPOLL_CLOEXEC);
    if (this.#epoll < 0) throw failedCall("epoll_create1");
    this.#stopper = c().eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    try {
      if (this.#stopper < 0) throw failedCall("eventfd");
      if (!this.#control(EPOLL_CTL_ADD, this.#stopper, EPOLLIN, STOP_SEQUENCE)) throw failedCall("epoll_ctl");
      const data: ReactorThreadData = {
        queue: this.#words.buffer,
        epoll: this.#epoll,
        stopper: this.#stopper,
        longestSleep: ENDS_UNHEARD ? LOOK_UP_AFTER : -1,
      };
      this.#worker = startThread({
        name: "millrace reactor",
        file: "./reactor-thread.ts",
        data,
        // the thread closes both descriptors when it has seen this
        stop: () => c().write(this.#stopper, new BigUint64Array([1n]), 8),
        crashed: (error) => this.#crash(error),
      });
    } catch (error) {
      this.#close();
      throw error;
    }
  }

  add(fd: number, direction: Direction, wait: Wait): void {
    let watch = this.#watches.get(fd);
    if (watch === undefined) {
      watch = { registered: false, sequence: 0, armed: 0, read: new Set(), write: new Set() };
      this.#watches.set(fd, watch);
    }
    watch[direction].add(wait);
    if (++this.#pending === 1) this.#worker.ref();
    this.#listen();
    this.#arm(fd, watch);
  }

  remove(fd: number, direction: Direction, wait: Wait): void {
    const watch = this.#watches.get(fd);
    if (!watch?.[direction].delete(wait)) return;
    this.#settled();
    if (watch.read.size + watch.write.size === 0) this.#drop(fd, watch);
    else if (watch[direction].size === 0) this.#arm(fd, watch);
  }

  forget(fd: number): void {
    const watch = this.#watches.get(fd);
    if (watch === undefined) return;
    this.#drop(fd, watch);
    this.#resolveAll(watch.read);
    this.#resolveAll(watch.write);
  }

  #drop(fd: number, watch: Watch): void {
    this.#watches.delete(fd);
    // fails when the descriptor was closed before, which took it out of the set
    if (watch.registered) this.#control(EPOLL_CTL_DEL, fd, 0, 0);
  }

  /** Arms the descriptor for what is waited for, if it is not. */
  #arm(fd: number, watch: Watch): void {
    const wanted = (watch.read.size > 0 ? EPOLLIN : 0) | (watch.write.size > 0 ? EPOLLOUT : 0);
    if (wanted === watch.armed) return;
    this.#sequence = (this.#sequence + 1) | 0 || 1;
    watch.sequence = this.#sequence;
    watch.armed = wanted;
    if (this.#control(watch.registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, wanted | EPOLLONESHOT, watch.sequence)) {
      watch.registered = true;
      return;
    }
    let error = failedCall("epoll_ctl");
    if (error.code === "ENOENT" || error.code === "EEXIST") {
      // closed and opened again without our knowledge, or in the set although it was closed, by a duplicate
      const other = error.code === "ENOENT" ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
      if (this.#control(other, fd, wanted | EPOLLONESHOT, watch.sequence)) {
        watch.registered = true;
        return;
      }
      error = failedCall("epoll_ctl");
    }
    this.#watches.delete(fd);
    for (const wait of [...watch.read, ...watch.write]) {
      this.#settled();
      // EPERM: a file that is always ready
      if (error.code === "EPERM") wait.resolve();
      else wait.reject(error);
    }
  }

  #control(operation: number, fd: number, events: number, sequence: number): boolean {
    event[EVENTS] = events;
    event[TOKEN] = fd;
    event[TOKEN + 1] = sequence;
    return c().epoll_ctl(this.#epoll, operation, fd, event) === 0;
  }

  /** Has `#drain` called when the queue is not empty, once. */
  #listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    // pairs with the store of the head in reactor-thread.ts
    const { async, value } = Atomics.waitAsync(this.#words, HEAD, this.#tail);
    if (async) value.then(() => this.#drain());
    else queueMicrotask(() => this.#drain());
  }

  #drain(): void {
    this.#listening = false;
    const words = this.#words;
    const head = Atomics.load(words, HEAD);
    while (this.#tail !== head) {
      const entry = entryAt(this.#tail);
      this.#tail = (this.#tail + 1) | 0;
      this.#report(words[entry] as number, words[entry + 1] as number, words[entry + 2] as number);
    }
    // pairs with the load of the tail in reactor-thread.ts isFull
    Atomics.store(words, TAIL, head);
    Atomics.notify(words, TAIL);
    if (this.#pending > 0) this.#listen();
  }

  #report(fd: number, sequence: number, events: number): void {
    const watch = this.#watches.get(fd);
    if (watch?.sequence !== sequence) return;
    watch.armed = 0;
    const failed = events & (EPOLLERR | EPOLLHUP);
    if (events & EPOLLIN || failed) this.#resolveAll(watch.read);
    if (events & EPOLLOUT || failed) this.#resolveAll(watch.write);
    this.#arm(fd, watch);
  }

  #resolveAll(waits: Set<Wait>): void {
    for (const wait of waits) {
      waits.delete(wait);
      this.#settled();
      wait.resolve();
    }
  }

  #settled(): void {
    if (--this.#pending === 0) this.#worker.unref();
  }

  #crash(error: IpcError): void {
    this.#lost();
    this.#close();
    for (const { read, write } of this.#watches.values()) for (const wait of [...read, ...write]) wait.reject(error);
    this.#watches.clear();
  }

  #close(): void {
    c().close(this.#epoll);
    if (this.#stopper >= 0) c().close(this.#stopper);
  }
}

const EVENTS = EPOLL_EVENT.events.offset / 4;
const TOKEN = EPOLL_EVENT.data_u64.offset / 4;
const event = new Int32Array(EPOLL_EVENT.sizeof / 4);
