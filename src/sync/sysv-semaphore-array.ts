/**
 * Arrays of System V semaphores. Longer than most files: one kernel object has that many properties, and each is one call.
 */

import { domainError } from "../error-table.ts";
import { IpcError } from "../errors.ts";
import { IPC_NOWAIT, SEM_UNDO, SEMBUF } from "../ffi/abi/current.ts";
import { checkUint32 } from "../ffi/check.ts";
import { INTERRUPTED, WOULD_BLOCK } from "../ffi/results.ts";
import {
  type SemaphoreArrayStatus,
  type SemaphoreOperation,
  semctlGetAll,
  semctlGetNcnt,
  semctlGetPid,
  semctlGetValue,
  semctlGetZcnt,
  semctlSet,
  semctlSetAll,
  semctlSetValue,
  semctlStat,
  semtimedop,
} from "../ffi/sem.ts";
import { setMember } from "../ffi/struct.ts";
import { SystemError } from "../ffi/system-error.ts";
import { beforeBlocking } from "../objects/before-blocking.ts";
import { checkOptionNames } from "../objects/check-option-names.ts";
import type { SysvKey } from "../objects/sysv-key.ts";
import { TimeLimit } from "../wait/time-limit.ts";
import { checkSyncOptions, checkWaitOptions, timeoutError, type WaitOptions } from "../wait/wait-options.ts";
import { checkMode } from "./check-create-options.ts";
import { checkSysvValue, checkSysvValues } from "./check-sysv-values.ts";
import { OffThreadWaits } from "./off-thread-waits.ts";
import {
  createSysvArray,
  isGone,
  openOrCreateSysvArray,
  openOrCreateSysvArraySync,
  openSysvArray,
  removeSysvArray,
  removeSysvArrayById,
  type SysvArrayOptions,
  type SysvArrayOrigin,
} from "./open-sysv-array.ts";

/** One of the operations that are done at once. */
export interface SysvSemaphoreOperation {
  /** Which semaphore of the array, from 0. */
  readonly num: number;
  /** A positive number is added; a negative one is subtracted as soon as the value allows it; 0 waits for the value to be 0. */
  readonly op: number;
  /** The kernel takes it back when this process ends, however it ends (`SEM_UNDO`). Default: false. */
  readonly undo?: boolean;
}

/**
 * An array of System V semaphores: counters from 0 to 32767, of which several are changed at once or not at all. Any program that uses
 * `semop(2)` can share it.
 *
 * The array is the kernel's and stays until it is removed. The process that made it removes it at its end, unless it was made with
 * `removeOnExit: false`. An object of this class is only a handle on it.
 *
 * @example Take two resources at once
 * ```ts
 * import { SysvSemaphoreArray } from "millrace";
 *
 * using forks = SysvSemaphoreArray.create(0x4d4c0050, [1, 1, 1]);
 * const both = [{ num: 0, op: -1, undo: true }, { num: 1, op: -1, undo: true }];
 * await forks.operate(both);
 * console.log(forks.values()); // [ 0, 0, 1 ]
 * console.log(forks.tryOperate([{ num: 1, op: -1 }, { num: 2, op: -1 }])); // false
 * await forks.operate(both.map(({ num }) => ({ num, op: 1, undo: true })));
 * forks.remove();
 * // Output:
 * // [ 0, 0, 1 ]
 * // false
 * ```
 *
 * @see https://man7.org/linux/man-pages/man7/sysvipc.7.html
 */
export class SysvSemaphoreArray {
  /** The kernel's id of the array, the same in all processes. */
  readonly id: number;
  /** Its key, unsigned; 0 when it has none (`IPC_PRIVATE`). */
  readonly key: number;
  /** How many semaphores it has. */
  readonly length: number;
  readonly #name: string;
  readonly #waits = new OffThreadWaits();
  #open = true;

  private constructor({ id, key, length, name }: SysvArrayOrigin) {
    this.id = id;
    this.key = key;
    this.length = length;
    this.#name = name;
  }

  /**
   * Makes an array.
   *
   * @param key that no array has, or `IPC_PRIVATE`
   * @param values from 0 to 32767, one for each semaphore
   * @throws {IpcError} `IPC_EXISTS` there is one of that key
   * @throws {IpcError} `IPC_LIMIT` the system's limit of arrays or semaphores, `IPC_NOT_FOUND` the file of `"PATH#ID"`, `IPC_PERMISSION`
   * @throws {RangeError} a key, a value or a mode that there is not; no value or more than 32000
   * @see https://man7.org/linux/man-pages/man2/semget.2.html
   */
  static create(key: SysvKey, values: readonly number[], options: SysvArrayOptions = {}): SysvSemaphoreArray {
    return new SysvSemaphoreArray(createSysvArray(key, values, options));
  }

  /**
   * Opens the array of a key, as it is. An array whose `stat().otime` is 0 may not have its values yet: use
   * {@link SysvSemaphoreArray.openOrCreate} where processes start together.
   *
   * @throws {IpcError} `IPC_NOT_FOUND`, `IPC_PERMISSION` also when it may be changed but not read
   */
  static open(key: SysvKey): SysvSemaphoreArray {
    return new SysvSemaphoreArray(openSysvArray(key));
  }

  /**
   * Opens the array of a key, or makes it. Any number of processes may do so at once: one makes the array, and the others get it when it has
   * its values. A process that dies between the two steps leaves an array for which the others wait until the time is over.
   *
   * @param values of a new array; an existing one has as many semaphores
   * @param options `timeout`: how long to wait for the values, in milliseconds, 1000 unless told otherwise; `signal`
   * @throws {IpcError} `IPC_EXISTS` it has another number of semaphores
   * @throws {IpcError} `IPC_TIMEOUT` nobody has set its values; `IPC_ABORTED`; as {@link SysvSemaphoreArray.create}
   */
  static async openOrCreate(
    key: SysvKey,
    values: readonly number[],
    options: SysvArrayOptions & WaitOptions = {},
  ): Promise<SysvSemaphoreArray> {
    return new SysvSemaphoreArray(await openOrCreateSysvArray(key, values, options));
  }

  /**
   * As {@link SysvSemaphoreArray.openOrCreate}, but blocks the thread.
   *
   * @param options `timeout` in milliseconds, 1000 unless told otherwise
   * @throws as {@link SysvSemaphoreArray.openOrCreate}
   */
  static openOrCreateSync(
    key: SysvKey,
    values: readonly number[],
    options: SysvArrayOptions & Omit<WaitOptions, "signal"> = {},
  ): SysvSemaphoreArray {
    return new SysvSemaphoreArray(openOrCreateSysvArraySync(key, values, options));
  }

  /**
   * The array of an id, for example one of `IPC_PRIVATE` that a parent process made.
   *
   * @throws {IpcError} `IPC_NOT_FOUND`, `IPC_PERMISSION`
   */
  static fromId(id: number): SysvSemaphoreArray {
    return new SysvSemaphoreArray(openSysvArray(undefined, id));
  }

  /**
   * Removes the array of a key. Whoever waits on it, in any process, ends with `IPC_CLOSED`.
   *
   * @returns false when there is none
   * @throws {IpcError} `IPC_PERMISSION` neither its owner nor its maker; `IPC_NOT_FOUND` the file of `"PATH#ID"`
   */
  static remove(key: SysvKey): boolean {
    return removeSysvArray(key);
  }

  /**
   * Does all of the operations at once, as soon as all of them are possible.
   *
   * An operation that is given up has had no effect. One that was done in the very moment counts as done.
   *
   * @throws {IpcError} `IPC_CLOSED` the array was removed, or this handle closed; `IPC_TIMEOUT`; `IPC_ABORTED`
   * @throws {IpcError} `IPC_PERMISSION`; `IPC_LIMIT` no more processes can undo
   * @throws {SystemError} `E2BIG` more operations than the system takes at once; `ERANGE` a value beyond 32767, also of what is to be undone
   * @throws {RangeError} no operation, no such semaphore, or an `op` beyond -32768 to 32767
   * @see https://man7.org/linux/man-pages/man2/semop.2.html
   */
  async operate(operations: readonly SysvSemaphoreOperation[], options: WaitOptions = {}): Promise<void> {
    this.#check(operations);
    checkWaitOptions(options);
    const limit = new TimeLimit(this.#call("operate"), options);
    limit.throwIfAborted();
    if (this.#try(operations)) return;
    limit.throwIfOver();
    const sops = new DataView(new SharedArrayBuffer(operations.length * SEMBUF.sizeof));
    operations.forEach(({ num, op, undo }, index) => {
      setMember(sops, SEMBUF.sem_num, num, index * SEMBUF.sizeof);
      setMember(sops, SEMBUF.sem_op, op, index * SEMBUF.sizeof);
      setMember(sops, SEMBUF.sem_flg, undo ? SEM_UNDO : 0, index * SEMBUF.sizeof);
    });
    // SEM_UNDO works from any thread: those of a process share what is to be undone (CLONE_SYSVSEM), until the last of them ends
    const args = [this.id, sops, operations.length];
    const { result, errno } = await this.#waits.call(
      this.#call("operate"),
      "semop",
      args,
      limit.left() ?? {},
      options.timeout,
    );
    if (result === -1) throw this.#failure(new SystemError("semop", errno));
  }

  /**
   * Does all of the operations at once, if all of them are possible now.
   *
   * @returns whether they were done
   * @throws as {@link SysvSemaphoreArray.operate}
   */
  tryOperate(operations: readonly SysvSemaphoreOperation[]): boolean {
    this.#check(operations);
    return this.#try(operations);
  }

  /**
   * As {@link SysvSemaphoreArray.operate}, but blocks the thread.
   *
   * @param options `timeout` in milliseconds
   * @throws as {@link SysvSemaphoreArray.operate}
   */
  operateSync(operations: readonly SysvSemaphoreOperation[], options: Omit<WaitOptions, "signal"> = {}): void {
    this.#check(operations);
    checkSyncOptions(options);
    const limit = new TimeLimit(this.#call("operateSync"), options);
    if (this.#try(operations)) return;
    const sops = withFlags(operations, 0);
    for (;;) {
      const left = limit.left()?.timeout ?? Number.POSITIVE_INFINITY;
      if (left > 0) beforeBlocking();
      const result = this.#attempt(() => semtimedop(this.id, sops, left));
      if (result === 0) return;
      // it had no effect: again, for what is left of the time
      if (result !== INTERRUPTED) throw timeoutError(this.#call("operateSync"), options.timeout ?? left);
    }
  }

  /** Subtracts one from a semaphore, as soon as it is not 0. @throws as {@link SysvSemaphoreArray.operate} */
  async wait(num: number, options: WaitOptions & { readonly undo?: boolean } = {}): Promise<void> {
    checkOptionNames("wait()", options, WAIT_OPTIONS);
    const { undo = false, ...limits } = options;
    return this.operate([{ num, op: -1, undo }], limits);
  }

  /**
   * Subtracts one from a semaphore, if it is not 0 now.
   *
   * @returns whether it did
   * @throws as {@link SysvSemaphoreArray.operate}
   */
  tryWait(num: number, options: { readonly undo?: boolean } = {}): boolean {
    return this.tryOperate([{ ...checkUndo(options), num, op: -1 }]);
  }

  /** As {@link SysvSemaphoreArray.wait}, but blocks the thread. @throws as {@link SysvSemaphoreArray.operate} */
  waitSync(num: number, options: Omit<WaitOptions, "signal"> & { readonly undo?: boolean } = {}): void {
    checkOptionNames("waitSync()", options, WAIT_OPTIONS);
    const { undo = false, ...limits } = options;
    this.operateSync([{ num, op: -1, undo }], limits);
  }

  /** Adds one to a semaphore. @throws as {@link SysvSemaphoreArray.operate} */
  post(num: number, options: { readonly undo?: boolean } = {}): void {
    this.tryOperate([{ ...checkUndo(options), num, op: 1 }]);
  }

  /**
   * The values of all semaphores at one moment.
   *
   * @throws {IpcError} `IPC_CLOSED`, `IPC_PERMISSION`
   */
  values(): number[] {
    return [...this.#attempt(() => semctlGetAll(this.id))];
  }

  /**
   * Sets all semaphores at one moment. What processes would have undone of them is forgotten.
   *
   * @param values from 0 to 32767, one for each semaphore
   * @throws {IpcError} `IPC_CLOSED`, `IPC_PERMISSION`
   * @throws {RangeError} too few, too many, or not from 0 to 32767
   */
  setValues(values: readonly number[]): void {
    checkSysvValues(values);
    if (values.length !== this.length) {
      throw new RangeError(`There are ${values.length} values, but ${this.length} semaphores in ${this.#name}`);
    }
    this.#attempt(() => semctlSetAll(this.id, values));
  }

  /** The value of one semaphore. @throws {IpcError} `IPC_CLOSED`, `IPC_PERMISSION` @throws {RangeError} no such semaphore */
  value(num: number): number {
    return this.#one(num, semctlGetValue);
  }

  /**
   * Sets one semaphore. What processes would have undone of it is forgotten.
   *
   * @throws {IpcError} `IPC_CLOSED`, `IPC_PERMISSION`
   * @throws {RangeError} no such semaphore, or a value that is not from 0 to 32767
   */
  setValue(num: number, value: number): void {
    checkSysvValue("The value", value);
    this.#one(num, (id) => semctlSetValue(id, num, value));
  }

  /** The process that changed a semaphore last, 0 for none. @throws as {@link SysvSemaphoreArray.value} */
  lastPid(num: number): number {
    return this.#one(num, semctlGetPid);
  }

  /** How many threads, of all processes, wait for a semaphore to grow. @throws as {@link SysvSemaphoreArray.value} */
  waitingForIncrease(num: number): number {
    return this.#one(num, semctlGetNcnt);
  }

  /** How many threads, of all processes, wait for a semaphore to be 0. @throws as {@link SysvSemaphoreArray.value} */
  waitingForZero(num: number): number {
    return this.#one(num, semctlGetZcnt);
  }

  /** What the kernel tells of the array. Times are in seconds since 1970, 0 for never. @throws as {@link SysvSemaphoreArray.values} */
  stat(): SemaphoreArrayStatus {
    return this.#attempt(() => semctlStat(this.id));
  }

  /**
   * Changes the owner or the permission bits of the array.
   *
   * @throws {IpcError} `IPC_CLOSED`; `IPC_PERMISSION` not the owner
   */
  set(changes: { readonly mode?: number; readonly uid?: number; readonly gid?: number }): void {
    checkOptionNames("set()", changes, { mode: "", uid: "", gid: "" });
    const { mode, uid, gid } = changes;
    if (mode !== undefined) checkMode(mode);
    if (uid !== undefined) checkUint32("uid", uid);
    if (gid !== undefined) checkUint32("gid", gid);
    this.#attempt(() => semctlSet(this.id, changes));
  }

  /**
   * Removes the array. Whoever waits on it, in any process, ends with `IPC_CLOSED`.
   *
   * @returns false when it is gone already
   * @throws {IpcError} `IPC_PERMISSION` neither its owner nor its maker
   */
  remove(): boolean {
    return removeSysvArrayById(this.id, this.#name);
  }

  /** Gives up the waits of this handle, which end with `IPC_CLOSED`. The array stays. Idempotent. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#waits.endAll(this.#closed());
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #check(operations: readonly SysvSemaphoreOperation[]): void {
    if (!Array.isArray(operations)) {
      throw new TypeError(`The operations are ${String(operations)}, but must be an array of { num, op, undo }`);
    }
    if (operations.length === 0) throw new RangeError("There is no operation, but there must be at least one");
    for (const operation of operations) {
      checkOptionNames("an operation", operation, { num: "", op: "", undo: "boolean" });
      const { num, op } = operation;
      this.#checkNum(num);
      if (!Number.isInteger(op) || op < -32_768 || op > 32_767) {
        throw new RangeError(`The op is ${String(op)}, but must be an integer from -32768 to 32767`);
      }
    }
    this.#checkOpen();
  }

  #checkNum(num: number): void {
    if (Number.isInteger(num) && num >= 0 && num < this.length) return;
    throw new RangeError(
      `There is no semaphore ${String(num)} in ${this.#name}: it has the numbers 0 to ${this.length - 1}`,
    );
  }

  #checkOpen(): void {
    if (!this.#open) throw this.#closed();
  }

  #closed(): IpcError {
    return new IpcError("IPC_CLOSED", `The handle of ${this.#name} is closed. Open it again`);
  }

  #call(name: string): string {
    return `${name}() on ${this.#name}`;
  }

  #try(operations: readonly SysvSemaphoreOperation[]): boolean {
    const sops = withFlags(operations, IPC_NOWAIT);
    for (;;) {
      // a signal handler that runs meanwhile makes no difference to a call that does not wait, but may come before it
      const result = this.#attempt(() => semtimedop(this.id, sops, 0));
      if (result !== INTERRUPTED) return result !== WOULD_BLOCK;
    }
  }

  #one<Result>(num: number, call: (id: number, num: number) => Result): Result {
    this.#checkNum(num);
    return this.#attempt(() => call(this.id, num));
  }

  #attempt<Result>(call: () => Result): Result {
    this.#checkOpen();
    try {
      return call();
    } catch (error) {
      throw this.#failure(error);
    }
  }

  #failure(error: unknown): unknown {
    if (isGone(error)) {
      return new IpcError(
        "IPC_CLOSED",
        `Cannot use ${this.#name} of id ${this.id}: they were removed, by ipcrm or another program. Open them again`,
        { cause: error },
      );
    }
    return domainError("operate", error, `Cannot use ${this.#name}. \`ipcs -s -i ${this.id}\` shows whose it is`);
  }
}

function withFlags(operations: readonly SysvSemaphoreOperation[], flags: number): SemaphoreOperation[] {
  return operations.map(({ num, op, undo }) => ({ num, op, flags: flags | (undo ? SEM_UNDO : 0) }));
}

const WAIT_OPTIONS = { undo: "boolean", timeout: "", signal: "" } as const;

function checkUndo(options: { readonly undo?: boolean }): { readonly undo?: boolean } {
  checkOptionNames("the call", options, { undo: "boolean" });
  return options;
}
