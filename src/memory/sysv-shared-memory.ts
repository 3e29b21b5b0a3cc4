/*
 * Longer than most: half of it is what its readers need to know of each call. How a segment is found and attached is in
 * `sysv-segment.ts`.
 */
import { domainError } from "../error-table.ts";
import { IpcError } from "../errors.ts";
import { IPC_PRIVATE, SHM_DEST, SHM_LOCKED } from "../ffi/abi/current.ts";
import { shmctlLock, shmctlRemove, shmctlSet, shmctlStat, shmctlUnlock } from "../ffi/shm.ts";
import { checkOptionNames } from "../objects/check-option-names.ts";
import type { Ownership } from "../objects/own.ts";
import { type SysvKey, sysvKey } from "../objects/sysv-key.ts";
import type { Arena } from "./arena.ts";
import { checkMode, checkNewObject } from "./check-new-object.ts";
import type { Mapping } from "./mapping.ts";
import type { CreateMemoryOptions, OpenMemoryOptions } from "./shared-memory.ts";
import {
  attachById,
  findOrMakeSegment,
  findSegment,
  isGone,
  makeSegment,
  named,
  type SegmentParts,
} from "./sysv-segment.ts";

/** What the kernel tells of a segment, from {@link SysvSharedMemory.stat}. */
export interface SysvSharedMemoryStat {
  /** The id that the kernel gave, as `ipcs -m` shows it. */
  readonly id: number;
  /** Unsigned; 0 for `IPC_PRIVATE`, and once it was removed while somebody is attached. */
  readonly key: number;
  /** Bytes, as its maker asked for; the memory is whole pages. */
  readonly size: number;
  /** How many times it is attached now, by all processes together. */
  readonly attaches: number;
  /** Process that made it. */
  readonly creatorPid: number;
  /** Process that attached or detached last; 0 for none. */
  readonly lastPid: number;
  /** When it was attached last, detached last, and made or changed; in whole seconds, and `undefined` for never. */
  readonly attached: Date | undefined;
  readonly detached: Date | undefined;
  readonly changed: Date | undefined;
  /** User and group of its owner. */
  readonly uid: number;
  readonly gid: number;
  /** User and group of who made it. */
  readonly creatorUid: number;
  readonly creatorGid: number;
  /** Permission bits. */
  readonly mode: number;
  /** It was removed and goes with its last detach. */
  readonly removed: boolean;
  /** Its pages are kept in memory. */
  readonly locked: boolean;
}

/** What of a segment can be changed. */
export interface SysvMemoryChanges {
  /** Permission bits. */
  readonly mode?: number;
  /** User of its owner. */
  readonly uid?: number;
  /** Group of its owner. */
  readonly gid?: number;
}

/**
 * A System V shared memory segment, as C programs use it with `shmget` and `shmat`. A number, its key, finds it.
 *
 * Its bytes lie in the arena of this thread, so `Atomics` on `arena.words` and the like are atomic between processes too. It is also a
 * place for a `Mutex` and its kin. What it holds is zeros at first.
 *
 * Lifetime: `close()` detaches it here. Views that were taken before show zeros from then on; they never fault and never reach the
 * segment. The segment stays until `remove()`, or until the process that made it ends; removed, it stays until its last detach.
 *
 * @see https://man7.org/linux/man-pages/man7/sysvipc.7.html
 *
 * @example A segment that ipcs shows, and that a C program finds by its key
 * ```ts
 * import { SysvSharedMemory } from "millrace";
 *
 * using memory = SysvSharedMemory.create(0x4d4c0051, 4096);
 * memory.bytes[0] = 42;
 * using again = SysvSharedMemory.open(0x4d4c0051, { readOnly: true });
 * console.log(again.read(0, 1)[0], memory.stat().attaches);
 * memory.remove();
 * // Output:
 * // 42 2
 * ```
 */
export class SysvSharedMemory implements Disposable {
  /**
   * Makes a segment.
   *
   * @param key a number of 32 bits; `"PATH#ID"` for the key that C's `ftok(PATH, ID)` makes; `IPC_PRIVATE` (0) for one that no key finds,
   *   only its id
   * @param size bytes, from 1
   * @throws {IpcError} `IPC_EXISTS` there is one with that key; `IPC_NOT_FOUND` no such file for `ftok`; `IPC_LIMIT` a limit of the system
   *   (`ipcs -ml`) or of the arena; `IPC_PERMISSION`
   * @throws {TypeError | RangeError} not a key, a size or a mode; nothing was made
   * @see https://man7.org/linux/man-pages/man2/shmget.2.html
   */
  static create(key: SysvKey, size: number, options: CreateMemoryOptions = {}): SysvSharedMemory {
    checkOptionNames("SysvSharedMemory.create()", options, CREATE_OPTIONS);
    const { mode = 0o600, removeOnExit = true } = options;
    checkNewObject(named(key), size, mode);
    return new SysvSharedMemory(makeSegment(key, sysvKey(key), { size, mode, removeOnExit }));
  }

  /**
   * Attaches the segment of a key.
   *
   * @param key as of {@link SysvSharedMemory.create}, but not `IPC_PRIVATE`
   * @throws {IpcError} `IPC_NOT_FOUND` no segment of that key, or no file for `ftok`; `IPC_PERMISSION`; `IPC_LIMIT` it is larger than what
   *   is free in the arena; `IPC_UNSUPPORTED` it is made of huge pages
   * @throws {TypeError | RangeError} not a key
   */
  static open(key: SysvKey, options: OpenMemoryOptions = {}): SysvSharedMemory {
    checkOptionNames("SysvSharedMemory.open()", options, OPEN_OPTIONS);
    const { readOnly = false } = options;
    const number = sysvKey(key);
    if (number === IPC_PRIVATE) {
      throw new RangeError("The key is IPC_PRIVATE, which finds no segment: give its id to SysvSharedMemory.fromId()");
    }
    return new SysvSharedMemory(attachById(findSegment(key, number, readOnly), { what: named(key), readOnly }));
  }

  /**
   * Attaches the segment of a key, or makes it when there is none. Of several processes that call it, one makes it; `created` tells which.
   *
   * @param size bytes; a segment that exists has to have at least as many
   * @throws {IpcError} `IPC_EXISTS` one exists that is smaller; and as {@link SysvSharedMemory.create} and {@link SysvSharedMemory.open}
   * @throws {TypeError | RangeError} as {@link SysvSharedMemory.create}
   */
  static openOrCreate(key: SysvKey, size: number, options: CreateMemoryOptions = {}): SysvSharedMemory {
    checkOptionNames("SysvSharedMemory.openOrCreate()", options, CREATE_OPTIONS);
    const { mode = 0o600, removeOnExit = true } = options;
    checkNewObject(named(key), size, mode);
    const memory = new SysvSharedMemory(findOrMakeSegment(key, sysvKey(key), { size, mode, removeOnExit }));
    if (memory.size >= size) return memory;
    memory.close();
    throw new IpcError(
      "IPC_EXISTS",
      `Cannot open ${named(key)}: it exists with ${memory.size} bytes, but ${size} were asked for. Ask for fewer, or remove it first`,
    );
  }

  /**
   * Attaches a segment by its id, as `ipcs -m` shows it and as a process hands it to another one.
   *
   * @throws {IpcError} `IPC_NOT_FOUND` no such segment, any more; and as {@link SysvSharedMemory.open}
   * @throws {TypeError | RangeError} not an id
   */
  static fromId(id: number, options: OpenMemoryOptions = {}): SysvSharedMemory {
    if (!Number.isInteger(id) || id < 0 || id > 0x7fff_ffff) {
      const Misuse = typeof id === "number" ? RangeError : TypeError;
      throw new Misuse(`The id of a segment is ${String(id)}, but must be an integer from 0 to 2147483647`);
    }
    checkOptionNames("SysvSharedMemory.fromId()", options, OPEN_OPTIONS);
    return new SysvSharedMemory(attachById(id, { what: `segment ${id}`, readOnly: options.readOnly ?? false }));
  }

  /**
   * Removes the segment of a key, whoever made it. Who is attached keeps it.
   *
   * @returns false when there is none
   * @throws {IpcError} `IPC_PERMISSION` it belongs to another user; `IPC_NOT_FOUND` no file for `ftok`
   * @throws {TypeError | RangeError} not a key
   */
  static remove(key: SysvKey): boolean {
    const number = sysvKey(key);
    if (number === IPC_PRIVATE) throw new RangeError("The key is IPC_PRIVATE, which finds no segment");
    try {
      return removeSegment(findSegment(key, number, undefined), named(key));
    } catch (error) {
      if (error instanceof IpcError && error.code === "IPC_NOT_FOUND") return false;
      throw error;
    }
  }

  /** Its id, the same for all processes. */
  readonly id: number;
  /** Unsigned; 0 (`IPC_PRIVATE`) for a segment that no key finds. */
  readonly key: number;
  /** Bytes, as its maker asked for. */
  readonly size: number;
  /** The first byte in the arena. */
  readonly offset: number;
  /** Native address of the first byte, for calls into C; valid until `close()`. */
  readonly address: number;
  /** It can only be read, by {@link SysvSharedMemory.read}. */
  readonly readOnly: boolean;
  /** This segment was made by this call, not found. */
  readonly created: boolean;
  readonly #what: string;
  readonly #mapping: Mapping;
  readonly #ownership: Ownership | undefined;

  /** For the functions of this class. */
  constructor(parts: SegmentParts) {
    if (typeof parts !== "object") throw new TypeError("A segment is made by SysvSharedMemory.create() or open()");
    const { id, key, what, mapping, created, ownership } = parts;
    this.id = id;
    this.key = key;
    this.size = mapping.size;
    this.offset = mapping.offset;
    this.address = mapping.address;
    this.readOnly = mapping.readOnly;
    this.created = created;
    this.#what = what;
    this.#mapping = mapping;
    this.#ownership = ownership;
  }

  /** The same as `size`. */
  get length(): number {
    return this.size;
  }

  /**
   * The memory itself; valid until `close()`.
   *
   * @throws {TypeError} it is open for reading only
   * @throws {IpcError} `IPC_CLOSED`
   */
  get bytes(): Uint8Array<SharedArrayBuffer> {
    return this.#mapping.bytes;
  }

  /**
   * The arena that it lies in, at `offset`; for `Atomics` on `arena.words`.
   *
   * @throws {TypeError} it is open for reading only
   * @throws {IpcError} `IPC_CLOSED`
   */
  get arena(): Arena {
    return this.#mapping.arena;
  }

  /**
   * A copy of a part.
   *
   * @param offset first byte. Default 0
   * @param length bytes. Default: up to the end
   * @throws {RangeError} not inside the memory
   * @throws {IpcError} `IPC_CLOSED`
   */
  read(offset?: number, length?: number): Uint8Array<ArrayBuffer> {
    return this.#mapping.read(offset, length);
  }

  /**
   * Asks the kernel about it.
   *
   * @throws {IpcError} `IPC_CLOSED`; `IPC_PERMISSION` when it may not be read any more
   */
  stat(): SysvSharedMemoryStat {
    const status = this.#control("ask about", () => shmctlStat(this.id));
    const { key, uid, gid, cuid, cgid, mode, segsz, atime, dtime, ctime, cpid, lpid, nattch } = status;
    return {
      id: this.id,
      key: key >>> 0,
      size: segsz,
      attaches: nattch,
      creatorPid: cpid,
      lastPid: lpid,
      attached: date(atime),
      detached: date(dtime),
      changed: date(ctime),
      uid,
      gid,
      creatorUid: cuid,
      creatorGid: cgid,
      mode: mode & PERMISSIONS,
      removed: (mode & SHM_DEST) !== 0,
      locked: (mode & SHM_LOCKED) !== 0,
    };
  }

  /**
   * Changes its permission bits or its owner; what is not given stays. Attachments that exist stay too.
   *
   * @throws {IpcError} `IPC_PERMISSION` it is another user's; `IPC_CLOSED`
   * @throws {TypeError | RangeError} not permission bits, or not a user or group
   */
  set(changes: SysvMemoryChanges): void {
    checkOptionNames("set()", changes, { mode: "", uid: "", gid: "" });
    const { mode, uid, gid } = changes;
    if (mode !== undefined) checkMode(this.#what, mode);
    if (uid !== undefined) checkId("uid", uid);
    if (gid !== undefined) checkId("gid", gid);
    this.#control("change", () => shmctlSet(this.id, changes));
  }

  /**
   * Keeps its pages in memory, for all processes, once they were touched: they are not swapped out.
   *
   * @throws {IpcError} `IPC_LIMIT` more than `RLIMIT_MEMLOCK`; `IPC_PERMISSION` another user's, or no locked memory allowed; `IPC_CLOSED`
   */
  lock(): void {
    this.#control("lock", () => shmctlLock(this.id));
  }

  /**
   * Lets its pages be swapped out again.
   *
   * @throws {IpcError} `IPC_PERMISSION` it is another user's; `IPC_CLOSED`
   */
  unlock(): void {
    this.#control("unlock", () => shmctlUnlock(this.id));
  }

  /**
   * Removes the segment: no key finds it any more, and it goes with its last detach. Works after `close()` too.
   *
   * @returns false when it was removed already
   * @throws {IpcError} `IPC_PERMISSION` it belongs to another user
   */
  remove(): boolean {
    const removed = removeSegment(this.id, this.#what);
    this.#ownership?.release();
    return removed;
  }

  /** Detaches it here; the segment stays. Idempotent. */
  close(): void {
    if (this.#mapping.isOpen) this.#mapping.close();
  }

  /** The same as `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #control<Result>(verb: string, call: () => Result): Result {
    this.#mapping.checkOpen();
    try {
      return call();
    } catch (error) {
      throw domainError("operate", error, `Cannot ${verb} ${this.#what}`);
    }
  }
}

const PERMISSIONS = 0o777;

function removeSegment(id: number, what: string): boolean {
  try {
    // removed already, and there only while somebody is attached
    if (isGone(id)) return false;
    shmctlRemove(id);
    return true;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "EINVAL" || code === "EIDRM") return false;
    throw domainError("remove", error, `Cannot remove ${what}`);
  }
}

function date(seconds: number): Date | undefined {
  return seconds === 0 ? undefined : new Date(seconds * 1000);
}

function checkId(name: string, value: number): void {
  if (typeof value === "number" && value >>> 0 === value) return;
  const Misuse = typeof value === "number" ? RangeError : TypeError;
  throw new Misuse(`${name} is ${String(value)}, but must be an integer from 0 to 4294967295`);
}

const CREATE_OPTIONS = { mode: "", removeOnExit: "boolean" } as const;
const OPEN_OPTIONS = { readOnly: "boolean" } as const;
