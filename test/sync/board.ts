import { SysvSharedMemory } from "../../src/memory/sysv-shared-memory.ts";
import { Mutex } from "../../src/sync/mutex.ts";
import type { MutexGuard } from "../../src/sync/mutex-guard.ts";

/** Bytes of `struct board` of test/native/segment-peer.c, and where its members lie after the mutex. */
export const BOARD = { size: 80, fromC: 40, fromScripts: 44, total: 48, last: 56 };
/** For `ftok`, of the folder in which both programs run. */
export const ID = 66;

/** The struct in its segment, and the mutex in it. Its numbers are written in plain stores: right only with the lock. */
export class Board implements Disposable {
  readonly memory: SysvSharedMemory;
  readonly mutex: Mutex;
  readonly #view: DataView;

  /** @param makes whether to make the segment; else it is there */
  constructor(makes = false) {
    const key = `.#${ID}`;
    this.memory = makes ? SysvSharedMemory.create(key, BOARD.size) : SysvSharedMemory.open(key);
    this.mutex = makes ? Mutex.create(this.memory, 0) : Mutex.at(this.memory, 0);
    const { buffer, byteOffset, byteLength } = this.memory.bytes;
    this.#view = new DataView(buffer, byteOffset, byteLength);
  }

  get fromC(): number {
    return this.#view.getUint32(BOARD.fromC, true);
  }

  get fromScripts(): number {
    return this.#view.getUint32(BOARD.fromScripts, true);
  }

  get total(): bigint {
    return this.#view.getBigUint64(BOARD.total, true);
  }

  set total(value: bigint) {
    this.#view.setBigUint64(BOARD.total, value, true);
  }

  get last(): string {
    return new TextDecoder().decode(this.memory.read(BOARD.last)).replace(/\0.*$/s, "");
  }

  /** Counts, and gives the lock up. */
  count(guard: MutexGuard): void {
    this.#view.setUint32(BOARD.fromScripts, this.fromScripts + 1, true);
    this.total += 1n;
    this.memory.bytes.set(new TextEncoder().encode(`script, ${this.fromScripts}\0`), BOARD.last);
    guard.unlock();
  }

  [Symbol.dispose](): void {
    this.memory.close();
  }
}
