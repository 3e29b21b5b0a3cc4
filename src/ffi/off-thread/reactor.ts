import { type Direction, FdWatcher, type Wait } from "./fd-watcher.ts";

/**
 * Waits until a descriptor is ready: a read (write) would not block, the other side hung up, or the descriptor failed. It takes no
 * data; the caller tries again after it.
 *
 * While it waits it uses no CPU and no timer. It keeps the process alive until it resolves or rejects. Any number of waits may be
 * pending, also several on one descriptor. A regular file, which epoll refuses, is ready at once.
 *
 * The first wait starts the reactor, a thread that sleeps in epoll_wait; each Worker that waits has its own. On Node the end of a
 * Worker with a reactor by `worker.terminate()`, or by the end of the process, takes up to half a second, see `thread.ts`.
 *
 * @param fd an open descriptor; call {@link forgetFd} before it is closed
 * @param direction `"read"` or `"write"`
 * @param signal ends the wait, which then rejects with `signal.reason`
 * @param background does not keep the process alive
 * @throws {SystemError} `EBADF` when the descriptor is not open
 * @throws {SystemError} `EMFILE`, `ENFILE`, `ENOMEM`, `ENOSPC` when a limit of the system was reached
 * @throws {IpcError} `IPC_WORKER_CRASHED` when the reactor's thread ended; the next wait starts another one
 * @throws {IpcError} `IPC_UNSUPPORTED` when this process has no way to call C
 * @see https://man7.org/linux/man-pages/man7/epoll.7.html
 */
export function waitForFd(fd: number, direction: Direction, signal?: AbortSignal, background = false): Promise<void> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    watcher ??= new FdWatcher(() => {
      watcher = undefined;
    });
    const wait: Wait =
      signal === undefined
        ? { resolve, reject, background }
        : abortable(signal, resolve, reject, background, () => watcher?.remove(fd, direction, wait));
    watcher.add(fd, direction, wait);
  });
}

/**
 * Ends all waits on a descriptor, which resolve, and takes it out of the epoll set. Call it before a descriptor is closed on which
 * somebody may wait: the kernel reports nothing about a closed descriptor, and its number may be given to another file at once.
 *
 * It does nothing for a descriptor that it does not know.
 */
export function forgetFd(fd: number): void {
  watcher?.forget(fd);
}

/** Waits again and again for one direction of one descriptor, such as a doorbell. */
export class FdWaiter {
  readonly #fd: number;
  readonly #direction: Direction;
  #closed = false;

  /**
   * @param fd an open descriptor, which stays the caller's
   * @param direction what to wait for
   */
  constructor(fd: number, direction: Direction) {
    this.#fd = fd;
    this.#direction = direction;
  }

  /**
   * As {@link waitForFd}; resolves at once after `close()`.
   *
   * @throws as {@link waitForFd}
   */
  wait(signal?: AbortSignal): Promise<void> {
    return this.#closed ? Promise.resolve() : waitForFd(this.#fd, this.#direction, signal);
  }

  /** Resolves the pending waits on the descriptor, as {@link forgetFd}. Call it before the descriptor is closed. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    forgetFd(this.#fd);
  }
}

let watcher: FdWatcher | undefined;

function abortable(
  signal: AbortSignal,
  resolve: () => void,
  reject: (reason: unknown) => void,
  background: boolean,
  remove: () => void,
): Wait {
  const onAbort = () => {
    remove();
    reject(signal.reason);
  };
  const leave = () => signal.removeEventListener("abort", onAbort);
  signal.addEventListener("abort", onAbort, { once: true });
  return {
    background,
    resolve() {
      leave();
      resolve();
    },
    reject(reason) {
      leave();
      reject(reason);
    },
  };
}
