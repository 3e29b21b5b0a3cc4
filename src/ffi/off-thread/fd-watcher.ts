import type { IpcError } from "../../errors.ts";
import {
  EFD_NONBLOCK,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLLERR,
  EPOLLHUP,
  EPOLLIN,
  EPOLLONESHOT,
  EPOLLOUT,
} from "../abi/current.ts";
import { epollCreate1, epollCtl } from "../epoll.ts";
import { eventfd } from "../eventfd.ts";
import { close, write } from "../fd.ts";
import type { SystemError } from "../system-error.ts";
import { entryAt, HEAD, QUEUE_BYTES, type ReactorThreadData, STOP_TOKEN, TAIL } from "./reactor-queue.ts";
import { ENDS_UNHEARD, LOOK_UP_AFTER, startThread, type Thread } from "./thread.ts";

/** What to wait for: `"read"` until a read would not block, `"write"` until a write would not. */
export type Direction = "read" | "write";

/** A pending wait; one of the two is called once. */
export interface Wait {
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
  /** It does not keep the process alive. */
  readonly background?: boolean;
}

/** What is known of a descriptor. */
interface Watch {
  readonly fd: number;
  readonly read: Set<Wait>;
  readonly write: Set<Wait>;
  /** It is in the epoll set, as far as we know. */
  registered: boolean;
  /** The events for which it is armed. */
  armed: number;
  /** Names this arming in the report that it brings. */
  token: number;
}

/**
 * Waits for descriptors: registers them in an epoll set, and reads the queue in which the thread that sleeps on the set reports.
 *
 * A registration reports once (EPOLLONESHOT) and then stays in the set, disarmed, so the next wait is one system call. Each arming has
 * a token of its own, which the kernel gives back with the report. So a report of an earlier arming, or of a file that had this
 * descriptor number before, is known as such and dropped; the later arming brings its own.
 */
export class FdWatcher {
  readonly #watches = new Map<number, Watch>();
  readonly #armed = new Map<number, Watch>();
  readonly #words = new Int32Array(new SharedArrayBuffer(QUEUE_BYTES));
  readonly #epoll = epollCreate1();
  readonly #stopper: number;
  readonly #thread: Thread;
  readonly #lost: () => void;
  #lastToken = STOP_TOKEN;
  #tail = 0;
  #pending = 0;
  #background = 0;
  #listening = false;

  /** @param lost called when the thread crashed; every wait was rejected and this object is of no use any more */
  constructor(lost: () => void) {
    this.#lost = lost;
    try {
      this.#stopper = eventfd(0, EFD_NONBLOCK);
    } catch (error) {
      close(this.#epoll);
      throw error;
    }
    try {
      epollCtl(this.#epoll, EPOLL_CTL_ADD, this.#stopper, EPOLLIN, STOP_TOKEN);
      // adds nothing, but binds the function: koffi aborts the process when that is interrupted by the end of a Worker
      write(this.#stopper, new BigUint64Array(1));
      const data: ReactorThreadData = {
        queue: this.#words.buffer,
        epoll: this.#epoll,
        stopper: this.#stopper,
        longestSleep: ENDS_UNHEARD ? LOOK_UP_AFTER : Number.POSITIVE_INFINITY,
      };
      this.#thread = startThread({
        name: "millrace reactor",
        file: "./reactor-thread.ts",
        data,
        // the thread closes both descriptors when it has seen this
        stop: () => write(this.#stopper, new BigUint64Array([1n])),
        // or it sleeps because the queue is full, which is then no longer what it is
        press: () => {
          Atomics.sub(this.#words, TAIL, 1);
          Atomics.notify(this.#words, TAIL);
        },
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
      watch = { fd, read: new Set(), write: new Set(), registered: false, armed: 0, token: STOP_TOKEN };
      this.#watches.set(fd, watch);
    }
    watch[direction].add(wait);
    if (wait.background) this.#background++;
    else if (++this.#pending === 1) this.#thread.worker.ref();
    this.#listen();
    this.#arm(watch);
  }

  /** Takes a wait out, without settling it. */
  remove(fd: number, direction: Direction, wait: Wait): void {
    const watch = this.#watches.get(fd);
    if (!watch?.[direction].delete(wait)) return;
    this.#settled(wait);
    if (watch.read.size + watch.write.size === 0) this.#drop(watch);
    else this.#arm(watch);
  }

  /** Resolves the waits on a descriptor and takes it out of the set. */
  forget(fd: number): void {
    const watch = this.#watches.get(fd);
    if (watch === undefined) return;
    this.#drop(watch);
    this.#resolveAll(watch.read);
    this.#resolveAll(watch.write);
  }

  #drop({ fd, token, registered }: Watch): void {
    this.#watches.delete(fd);
    this.#armed.delete(token);
    if (!registered) return;
    try {
      epollCtl(this.#epoll, EPOLL_CTL_DEL, fd);
    } catch {
      // it was closed before, which took it out of the set
    }
  }

  /** Arms a descriptor for what is waited for, unless it is. */
  #arm(watch: Watch): void {
    const wanted = (watch.read.size > 0 ? EPOLLIN : 0) | (watch.write.size > 0 ? EPOLLOUT : 0);
    if (wanted === watch.armed) return;
    this.#armed.delete(watch.token);
    watch.armed = wanted;
    watch.token = ++this.#lastToken;
    this.#armed.set(watch.token, watch);
    try {
      this.#register(watch);
    } catch (error) {
      this.#watches.delete(watch.fd);
      this.#armed.delete(watch.token);
      for (const wait of [...watch.read, ...watch.write]) {
        this.#settled(wait);
        // a file that is always ready
        if ((error as SystemError).code === "EPERM") wait.resolve();
        else wait.reject(error);
      }
    }
  }

  #register(watch: Watch): void {
    const { fd, armed, token } = watch;
    const change = (operation: number) => epollCtl(this.#epoll, operation, fd, armed | EPOLLONESHOT, token);
    try {
      change(watch.registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD);
    } catch (error) {
      // ENOENT: closed without `forget`, and the number is another file's now. EEXIST: dropped after its close, but a duplicate kept it
      const { code } = error as SystemError;
      if (code !== "ENOENT" && code !== "EEXIST") throw error;
      change(code === "ENOENT" ? EPOLL_CTL_ADD : EPOLL_CTL_MOD);
    }
    watch.registered = true;
  }

  /** Has `#drain` called as soon as the queue is not empty. */
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
      const [low = 0, high = 0, events = 0] = [words[entry], words[entry + 1], words[entry + 2]];
      this.#tail = (this.#tail + 1) | 0;
      const watch = this.#armed.get((low >>> 0) + high * 2 ** 32);
      if (watch !== undefined) this.#report(watch, events);
    }
    // pairs with the load of the tail in reactor-thread.ts
    Atomics.store(words, TAIL, head);
    Atomics.notify(words, TAIL);
    if (this.#pending + this.#background > 0) this.#listen();
  }

  #report(watch: Watch, events: number): void {
    this.#armed.delete(watch.token);
    watch.armed = 0;
    const failed = (events & (EPOLLERR | EPOLLHUP)) !== 0;
    if (failed || events & EPOLLIN) this.#resolveAll(watch.read);
    if (failed || events & EPOLLOUT) this.#resolveAll(watch.write);
    this.#arm(watch);
  }

  #resolveAll(waits: Set<Wait>): void {
    for (const wait of waits) {
      waits.delete(wait);
      this.#settled(wait);
      wait.resolve();
    }
  }

  #settled({ background }: Wait): void {
    if (background) this.#background--;
    else if (--this.#pending === 0) this.#thread.worker.unref();
  }

  #crash(error: IpcError): void {
    this.#lost();
    this.#close();
    for (const { read, write } of this.#watches.values()) for (const wait of [...read, ...write]) wait.reject(error);
    this.#watches.clear();
  }

  #close(): void {
    close(this.#epoll);
    close(this.#stopper);
  }
}
