import { FUTEX_WAITERS, O_CREAT, O_EXCL, O_RDWR } from "../../src/ffi/abi/current.ts";
import { close, posixFallocate } from "../../src/ffi/fd.ts";
import { shmOpen, shmUnlink } from "../../src/ffi/posix-shm.ts";
import { mapShared, type Region } from "../../src/memory/region.ts";
import { uniqueName } from "../support/unique-name.ts";

/** Where the objects lie, as in test/native/lock-peer.c. */
export const MUTEX = 0;
export const CONDITION = 64;
export const RW_LOCK = 128;
export const COUNTER = 192;
export const FLAG = 196;
export const REPAIRS = 200;
export const SLOTS = 256;
export const SLOT_COUNT = 256;
const BYTES = 4096;

/** A POSIX shared memory object that the tests' processes share, mapped. */
export class LockMemory implements Disposable {
  readonly name: string;
  readonly region: Region;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #made: boolean;

  /** @param name of one that exists; without it one is made, and removed in the end */
  constructor(name?: string) {
    this.#made = name === undefined;
    this.name = name ?? `/${uniqueName("locks")}`;
    const fd = shmOpen(this.name, this.#made ? O_RDWR | O_CREAT | O_EXCL : O_RDWR);
    if (this.#made) posixFallocate(fd, 0, BYTES);
    this.region = mapShared(fd, BYTES);
    close(fd);
    this.#words = this.region.arena.words;
  }

  /** The word at a byte of the memory. */
  get(byte: number): number {
    return Atomics.load(this.#words, (this.region.offset + byte) >> 2);
  }

  set(byte: number, value: number): void {
    Atomics.store(this.#words, (this.region.offset + byte) >> 2, value);
  }

  /** Whether the owner of the mutex is told that somebody waits. */
  isMarked(robust: boolean): boolean {
    const word = this.get(MUTEX);
    return robust ? (word & FUTEX_WAITERS) !== 0 : word === 2;
  }

  /** Takes that back. */
  unmark(robust: boolean): void {
    this.set(MUTEX, robust ? this.get(MUTEX) & ~FUTEX_WAITERS : 1);
  }

  /** Sum of the slots, in which each process counts for itself. */
  get sum(): number {
    let sum = 0;
    for (let slot = 0; slot < SLOT_COUNT; slot++) sum += this.get(SLOTS + 4 * slot);
    return sum;
  }

  /** Makes the counter right after the death of an owner of the lock. */
  repair(): void {
    this.set(COUNTER, this.sum);
    this.set(REPAIRS, this.get(REPAIRS) + 1);
  }

  /** Adds one, in two steps that are not atomic: right only under the lock. */
  increment(slot: number): void {
    this.set(COUNTER, this.get(COUNTER) + 1);
    this.set(SLOTS + 4 * slot, this.get(SLOTS + 4 * slot) + 1);
  }

  [Symbol.dispose](): void {
    this.region.close();
    if (this.#made) shmUnlink(this.name);
  }
}
