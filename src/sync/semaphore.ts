import { IpcError } from "../errors.ts";
import { CLOCK_MONOTONIC, SEM_T, SEM_VALUE_MAX } from "../ffi/abi/current.ts";
import { semClockwait, semClose, semDestroy, semGetvalue, semInit, semPost, semTrywait } from "../ffi/posix-sem.ts";
import { INTERRUPTED } from "../ffi/results.ts";
import { SystemError } from "../ffi/system-error.ts";
import { beforeBlocking } from "../objects/before-blocking.ts";
import { TimeLimit } from "../wait/time-limit.ts";
import { checkSyncOptions, checkWaitOptions, timeoutError, type WaitOptions } from "../wait/wait-options.ts";
import { NamedSemaphore, type SemaphoreOptions } from "./named-semaphore.ts";
import { OffThreadWaits } from "./off-thread-waits.ts";
import { placeAddress, type SharedPlace } from "./place.ts";

/** Alignment of a `sem_t` in bytes. */
const ALIGNMENT = 8;

/**
 * A POSIX semaphore: a counter that processes raise and lower, and wait for while it is 0. It is the C library's own `sem_t`, so C programs
 * can share it: by a name (`sem_open`), or in shared memory (`sem_init`).
 *
 * A named semaphore is an entry of `/dev/shm` and stays until it is removed. The process that made it removes it at its end, unless it was
 * made with `removeOnExit: false`; who has it open can go on. What a process took is not given back when it dies: see
 * `SysvSemaphoreArray` with `undo` for that.
 *
 * @example Three at a time
 * ```ts
 * import { Semaphore } from "millrace";
 *
 * using slots = Semaphore.create("semaphore-example", 3);
 * await slots.wait();
 * console.log(slots.value); // 2
 * slots.post();
 * slots.remove();
 * // Output:
 * // 2
 * ```
 *
 * @see https://man7.org/linux/man-pages/man7/sem_overview.7.html
 */
export class Semaphore {
  /** Size of a semaphore in shared memory, in bytes. */
  static readonly bytes: number = SEM_T.sizeof;

  /** Its name with the slash, `undefined` when it has none. */
  readonly name: string | undefined;
  readonly #address: number;
  readonly #named: NamedSemaphore | undefined;
  readonly #what: string;
  readonly #waits = new OffThreadWaits();
  #open = true;

  private constructor(at: NamedSemaphore | number) {
    this.#named = typeof at === "number" ? undefined : at;
    this.#address = typeof at === "number" ? at : at.address;
    this.name = this.#named?.name;
    this.#what = this.name === undefined ? "a semaphore in shared memory" : `the semaphore ${this.name}`;
  }

  /**
   * Makes a named semaphore.
   *
   * @param name 1 to 250 bytes without a slash, but for one at the beginning: `"turn"` and `"/turn"` are the same
   * @param value from 0 to 2147483647
   * @throws {IpcError} `IPC_EXISTS` there is one of that name; `IPC_LIMIT` no space, memory or descriptor; `IPC_PERMISSION`
   * @throws {RangeError} a name, a value or a mode that there is not
   * @see https://man7.org/linux/man-pages/man3/sem_open.3.html
   */
  static create(name: string, value: number, options: SemaphoreOptions = {}): Semaphore {
    checkValue(value);
    return new Semaphore(NamedSemaphore.create(name, value, options));
  }

  /**
   * Opens a named semaphore.
   *
   * @throws {IpcError} `IPC_NOT_FOUND`, `IPC_PERMISSION`; `IPC_CORRUPT` the file is too short to be a semaphore
   * @throws {RangeError} a name that there is not
   */
  static open(name: string): Semaphore {
    return new Semaphore(NamedSemaphore.open(name));
  }

  /**
   * Opens a named semaphore, or makes it. Any number of processes may do so at once.
   *
   * @param value of a new semaphore; that of an existing one stays
   * @throws as {@link Semaphore.create} and {@link Semaphore.open}
   */
  static openOrCreate(name: string, value: number, options: SemaphoreOptions = {}): Semaphore {
    checkValue(value);
    return new Semaphore(NamedSemaphore.openOrCreate(name, value, options));
  }

  /**
   * Removes the name of a semaphore. Who has it open keeps it.
   *
   * @returns false when there is none
   * @throws {IpcError} `IPC_PERMISSION`
   * @throws {RangeError} a name that there is not
   * @see https://man7.org/linux/man-pages/man3/sem_unlink.3.html
   */
  static remove(name: string): boolean {
    return NamedSemaphore.remove(name);
  }

  /**
   * Makes a semaphore in shared memory. Only one process may do so, before the others use it.
   *
   * @param memory stays mapped while the semaphore is used
   * @param offset in `memory`, in bytes, a multiple of 8; {@link Semaphore.bytes} bytes are used
   * @param value from 0 to 2147483647
   * @throws {RangeError} the offset or the value does not fit
   * @see https://man7.org/linux/man-pages/man3/sem_init.3.html
   */
  static init(memory: SharedPlace, offset: number, value: number): Semaphore {
    checkValue(value);
    const address = placeAddress(memory, offset, Semaphore.bytes, ALIGNMENT);
    semInit(address, value);
    return new Semaphore(address);
  }

  /**
   * The semaphore that another process made in shared memory with {@link Semaphore.init}, or a C program with `sem_init` and `pshared` 1.
   * Nothing in a `sem_t` tells that it is one.
   *
   * @param memory stays mapped while the semaphore is used
   * @param offset in `memory`, in bytes, a multiple of 8
   * @throws {RangeError} the offset does not fit
   */
  static at(memory: SharedPlace, offset: number): Semaphore {
    return new Semaphore(placeAddress(memory, offset, Semaphore.bytes, ALIGNMENT));
  }

  /**
   * Takes one, as soon as there is one. A wait that is given up has taken none.
   *
   * @throws {IpcError} `IPC_TIMEOUT`, `IPC_ABORTED`; `IPC_CLOSED` this handle is closed, or was meanwhile
   * @see https://man7.org/linux/man-pages/man3/sem_wait.3.html
   */
  async wait(options: WaitOptions = {}): Promise<void> {
    this.#checkOpen();
    checkWaitOptions(options);
    const what = `wait() for ${this.#what}`;
    const limit = new TimeLimit(what, options);
    limit.throwIfAborted();
    if (this.tryWait()) return;
    limit.throwIfOver();
    const { result, errno } = await this.#waits.call(
      what,
      "sem_wait",
      [this.#address],
      limit.left() ?? {},
      options.timeout,
      // one that was taken in the moment when the wait was given up
      () => semPost(this.#address),
    );
    if (result === -1) throw new SystemError("sem_wait", errno);
  }

  /**
   * Takes one, if there is one now.
   *
   * @returns whether it did
   * @throws {IpcError} `IPC_CLOSED` this handle is closed
   */
  tryWait(): boolean {
    this.#checkOpen();
    let result = semTrywait(this.#address);
    while (result === INTERRUPTED) result = semTrywait(this.#address);
    return result === 0;
  }

  /**
   * As {@link Semaphore.wait}, but blocks the thread.
   *
   * @param options `timeout` in milliseconds
   * @throws {IpcError} `IPC_TIMEOUT`; `IPC_CLOSED` this handle is closed; `IPC_UNSUPPORTED` a timeout with a glibc older than 2.30
   */
  waitSync(options: Omit<WaitOptions, "signal"> = {}): void {
    this.#checkOpen();
    checkSyncOptions(options);
    if (this.tryWait()) return;
    const what = `waitSync() for ${this.#what}`;
    const limit = new TimeLimit(what, options);
    for (;;) {
      const left = limit.left()?.timeout ?? Number.POSITIVE_INFINITY;
      if (left > 0) beforeBlocking();
      const result = semClockwait(this.#address, CLOCK_MONOTONIC, left);
      if (result === 0) return;
      // it took none: again, for what is left of the time
      if (result !== INTERRUPTED) throw timeoutError(what, options.timeout ?? left);
    }
  }

  /**
   * Adds one, and wakes one that waits.
   *
   * @throws {SystemError} `EOVERFLOW` the value is 2147483647 already
   * @throws {IpcError} `IPC_CLOSED` this handle is closed
   * @see https://man7.org/linux/man-pages/man3/sem_post.3.html
   */
  post(): void {
    this.#checkOpen();
    semPost(this.#address);
  }

  /** How many can be taken now; 0 while somebody waits. @throws {IpcError} `IPC_CLOSED` this handle is closed */
  get value(): number {
    this.#checkOpen();
    return semGetvalue(this.#address);
  }

  /**
   * Removes the name of this semaphore, unless another semaphore has it by now. Who has it open keeps it.
   *
   * @returns false when the name is gone already
   * @throws {IpcError} `IPC_PERMISSION`
   * @throws {TypeError} it is one in shared memory, which has no name
   */
  remove(): boolean {
    if (this.#named === undefined) {
      throw new TypeError("A semaphore in shared memory has no name to remove: destroy() ends it");
    }
    return this.#named.remove();
  }

  /**
   * Ends a semaphore in shared memory, whose bytes are then free. Nobody may wait for it in any process. It closes this handle.
   *
   * @throws {TypeError} it is a named one
   * @see https://man7.org/linux/man-pages/man3/sem_destroy.3.html
   */
  destroy(): void {
    if (this.#named !== undefined) throw new TypeError(`Cannot destroy ${this.#what}, which has a name: remove() it`);
    if (!this.#open) return;
    this.close();
    semDestroy(this.#address);
  }

  /** Gives up the waits of this handle, which end with `IPC_CLOSED`, and closes it. The semaphore stays. Idempotent. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    // before the memory goes: no thread may be in sem_wait then
    this.#waits.endAll(this.#closed());
    if (this.#named !== undefined) semClose(this.#address);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #checkOpen(): void {
    if (!this.#open) throw this.#closed();
  }

  #closed(): IpcError {
    return new IpcError("IPC_CLOSED", `The handle of ${this.#what} is closed. Open it again`);
  }
}

function checkValue(value: number): void {
  if (typeof value !== "number") throw new TypeError(`The value is of type ${typeof value}, but must be a number`);
  if (!Number.isInteger(value) || value < 0 || value > SEM_VALUE_MAX) {
    throw new RangeError(`The value is ${value}, but must be an integer from 0 to ${SEM_VALUE_MAX}`);
  }
}
