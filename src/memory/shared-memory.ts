/*
 * Longer than most: half of it is what its readers need to know of each call. How the memory is made and mapped is in
 * `shared-memory-parts.ts`.
 */
import { domainError } from "../error-table.ts";
import { IpcError } from "../errors.ts";
import { F_SEAL_SHRINK } from "../ffi/abi/current.ts";
import { dup, getSeals } from "../ffi/fcntl.ts";
import { close, type FileStatus, fstat } from "../ffi/fd.ts";
import { shmUnlink } from "../ffi/posix-shm.ts";
import { checkOptionNames } from "../objects/check-option-names.ts";
import type { Ownership } from "../objects/own.ts";
import type { Arena } from "./arena.ts";
import { checkNewObject } from "./check-new-object.ts";
import type { Mapping } from "./mapping.ts";
import { sharedMemoryName } from "./shared-memory-name.ts";
import {
  ANONYMOUS,
  adopt,
  type MemoryParts,
  makeAnonymous,
  makeNamed,
  named,
  openNamed,
  openOrMake,
  removeSame,
} from "./shared-memory-parts.ts";

/** How shared memory is made. */
export interface CreateMemoryOptions {
  /** Permission bits, less the umask. Default 0o600: this user alone. */
  readonly mode?: number;
  /** Whether its name is removed when this process ends. Default true. */
  readonly removeOnExit?: boolean;
}

/** How shared memory is opened. */
export interface OpenMemoryOptions {
  /** Maps it so that it can only be read, by {@link SharedMemory.read}. Default false. */
  readonly readOnly?: boolean;
}

/** How shared memory without a name is made. */
export interface AnonymousMemoryOptions {
  /** Shown in `/proc/PID/maps`; need not be unique. Default `"millrace"`. */
  readonly name?: string;
  /** Fixes its size for good and for everybody, so that no mapping of it can lose its pages. Default true. */
  readonly seal?: boolean;
}

/** What the kernel tells of shared memory, from {@link SharedMemory.stat}. */
export interface SharedMemoryStat {
  /** Bytes now. */
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
  /** User and group of its owner. */
  readonly uid: number;
  readonly gid: number;
  /** Identifies it among all objects that exist at this moment. */
  readonly inode: number;
  /** It has no name, or none any more: it goes with its last mapping and descriptor. */
  readonly removed: boolean;
}

/**
 * Memory that processes share: a POSIX shared memory object (a name in `/dev/shm`, which C programs open with `shm_open`), or a memfd,
 * which has no name and is handed on as a descriptor.
 *
 * Its bytes lie in the arena of this thread, so `Atomics` on `arena.words` and the like are atomic between processes too. It is also a
 * place for a `Mutex` and its kin. What it holds is zeros at first.
 *
 * Lifetime: `close()` unmaps it here. Views that were taken before show zeros from then on; they never fault and never reach the object.
 * The object itself stays until `remove()`, or until the process that made it ends, and its memory until nobody has it open or mapped.
 * Do not shrink an object that somebody has mapped (`ftruncate`): touching the lost pages kills a process with SIGBUS. Sealed memory
 * cannot be shrunk.
 *
 * @see https://man7.org/linux/man-pages/man7/shm_overview.7.html
 *
 * @example Two mappings of one object
 * ```ts
 * import { SharedMemory } from "millrace";
 *
 * using made = SharedMemory.create("/millrace-example", 4096);
 * using opened = SharedMemory.open("/millrace-example");
 * made.bytes[0] = 42;
 * console.log(opened.bytes[0]);
 * made.remove();
 * // Output:
 * // 42
 * ```
 */
export class SharedMemory implements Disposable {
  /**
   * Makes an object. It appears under its name at once with its whole size, and its memory is taken now, so writing to it cannot fail.
   *
   * @param name `"/frames"`, or `"frames"` which is the same: up to 255 bytes after the slash, and no other slash
   * @param size bytes, from 1
   * @throws {IpcError} `IPC_EXISTS` the name is taken; `IPC_LIMIT` `/dev/shm` is full, or a limit of descriptors or of the arena;
   *   `IPC_PERMISSION`
   * @throws {TypeError | RangeError} not a name, a size or a mode; nothing was made
   */
  static create(name: string, size: number, options: CreateMemoryOptions = {}): SharedMemory {
    const canonical = sharedMemoryName(name);
    checkOptionNames("SharedMemory.create()", options, CREATE_OPTIONS);
    const { mode = 0o600, removeOnExit = true } = options;
    checkNewObject(named(canonical), size, mode);
    try {
      return new SharedMemory(makeNamed(canonical, size, mode, removeOnExit));
    } catch (error) {
      const remedy = (error as { code?: string }).code === "EEXIST" ? ": open it, or remove it first" : "";
      throw domainError("create", error, `Cannot create ${named(canonical)} of ${size} bytes${remedy}`);
    }
  }

  /**
   * Opens an object that exists.
   *
   * @param name as of {@link SharedMemory.create}
   * @throws {IpcError} `IPC_NOT_FOUND`; `IPC_PERMISSION`; `IPC_LIMIT` it is larger than what is free in the arena, or a limit of
   *   descriptors; `IPC_BUSY` its maker has not given it a size yet; `IPC_UNSUPPORTED` what has that name is no shared memory
   * @throws {TypeError | RangeError} not a name
   */
  static open(name: string, options: OpenMemoryOptions = {}): SharedMemory {
    const canonical = sharedMemoryName(name);
    checkOptionNames("SharedMemory.open()", options, OPEN_OPTIONS);
    try {
      return new SharedMemory(openNamed(canonical, options.readOnly ?? false));
    } catch (error) {
      throw domainError("open", error, `Cannot open ${named(canonical)}`);
    }
  }

  /**
   * Opens the object, or makes it when there is none. Of several processes that call it, one makes it; `created` tells which.
   *
   * @param size bytes; an object that exists has to have at least as many
   * @throws {IpcError} `IPC_EXISTS` one exists that is smaller; and as {@link SharedMemory.create} and {@link SharedMemory.open}
   * @throws {TypeError | RangeError} as {@link SharedMemory.create}
   */
  static openOrCreate(name: string, size: number, options: CreateMemoryOptions = {}): SharedMemory {
    const canonical = sharedMemoryName(name);
    checkOptionNames("SharedMemory.openOrCreate()", options, CREATE_OPTIONS);
    const { mode = 0o600, removeOnExit = true } = options;
    checkNewObject(named(canonical), size, mode);
    const memory = new SharedMemory(openOrMake(canonical, size, mode, removeOnExit));
    if (memory.size >= size) return memory;
    memory.close();
    throw new IpcError(
      "IPC_EXISTS",
      `Cannot open ${named(canonical)}: it exists with ${memory.size} bytes, but ${size} were asked for. Ask for fewer, or remove it first`,
    );
  }

  /**
   * Makes memory without a name (a memfd). Another process gets it as a descriptor: inherited, or over a unix socket.
   *
   * @param size bytes, from 1
   * @throws {IpcError} `IPC_LIMIT` no memory, or a limit of descriptors or of the arena
   * @throws {TypeError | RangeError} not a size, or a name of more than 249 bytes; nothing was made
   * @see https://man7.org/linux/man-pages/man2/memfd_create.2.html
   *
   * @example Hand memory to a child process, which finds it as its descriptor 3
   * ```ts
   * import { spawn } from "node:child_process";
   * import { once } from "node:events";
   * import { SharedMemory } from "millrace";
   *
   * using memory = SharedMemory.anonymous(4096);
   * memory.bytes.set(new TextEncoder().encode("hello"));
   * // another millrace program would say SharedMemory.fromDescriptor(3)
   * const child = spawn("head", ["-c", "5", "/dev/fd/3"], { stdio: ["ignore", "inherit", "inherit", memory.descriptor] });
   * await once(child, "exit");
   * // Output:
   * // hello
   * ```
   */
  static anonymous(size: number, options: AnonymousMemoryOptions = {}): SharedMemory {
    checkOptionNames("SharedMemory.anonymous()", options, { name: "", seal: "boolean" });
    const { name = "millrace", seal = true } = options;
    checkAnonymousName(name);
    checkNewObject(ANONYMOUS, size, 0o600);
    try {
      return new SharedMemory(makeAnonymous(name, size, seal));
    } catch (error) {
      throw domainError("create", error, `Cannot create ${ANONYMOUS} of ${size} bytes`);
    }
  }

  /**
   * Maps the memory behind a descriptor: a memfd or a POSIX object that was inherited or received. The descriptor is duplicated and
   * stays the caller's.
   *
   * Whoever handed it over may shrink it, which would kill this process: look at `sealed` when that is somebody else's program.
   *
   * @param descriptor such as 3, when a parent put it fourth into `stdio`
   * @throws {IpcError} `IPC_PERMISSION` it is open for reading only, or sealed against writing: pass `readOnly`; `IPC_LIMIT`, `IPC_BUSY` and
   *   `IPC_UNSUPPORTED` as {@link SharedMemory.open}
   * @throws {SystemError} `EBADF` not an open descriptor
   * @throws {TypeError | RangeError} not a descriptor's number
   */
  static fromDescriptor(descriptor: number, options: OpenMemoryOptions = {}): SharedMemory {
    const what = `the memory of descriptor ${descriptor}`;
    if (!Number.isInteger(descriptor) || descriptor < 0 || descriptor > 0x7fff_ffff) {
      const Misuse = typeof descriptor === "number" ? RangeError : TypeError;
      const found = typeof descriptor === "string" ? JSON.stringify(descriptor) : String(descriptor);
      throw new Misuse(`The descriptor is ${found}, but must be an integer from 0 to 2147483647`);
    }
    checkOptionNames("SharedMemory.fromDescriptor()", options, OPEN_OPTIONS);
    try {
      const copy = dup(descriptor, FIRST_DESCRIPTOR);
      return new SharedMemory(adopt(copy, { name: undefined, what, readOnly: options.readOnly ?? false }));
    } catch (error) {
      throw domainError("open", error, `Cannot map ${what}`);
    }
  }

  /**
   * Removes a name, whoever made the object. Who has it open or mapped keeps it.
   *
   * @returns false when there is no object of that name
   * @throws {IpcError} `IPC_PERMISSION` it belongs to another user
   * @throws {TypeError | RangeError} not a name
   */
  static remove(name: string): boolean {
    const canonical = sharedMemoryName(name);
    try {
      shmUnlink(canonical);
      return true;
    } catch (error) {
      if ((error as { code?: string }).code === "ENOENT") return false;
      throw domainError("remove", error, `Cannot remove ${named(canonical)}`);
    }
  }

  /** With its slash; `undefined` for memory without a name. */
  readonly name: string | undefined;
  /** Bytes, as they were when it was opened. */
  readonly size: number;
  /** The first byte in the arena. */
  readonly offset: number;
  /** Native address of the first byte, for calls into C; valid until `close()`. */
  readonly address: number;
  /** It can only be read, by {@link SharedMemory.read}. */
  readonly readOnly: boolean;
  /** This object was made by this call, not found. */
  readonly created: boolean;
  readonly #descriptor: number;
  readonly #mapping: Mapping;
  readonly #identity: FileStatus;
  readonly #ownership: Ownership | undefined;

  /** For the functions of this class. */
  constructor(parts: MemoryParts) {
    if (typeof parts !== "object")
      throw new TypeError("Memory is made by SharedMemory.create(), open() or anonymous()");
    const { name, descriptor, mapping, identity, created, ownership } = parts;
    this.name = name;
    this.size = mapping.size;
    this.offset = mapping.offset;
    this.address = mapping.address;
    this.readOnly = mapping.readOnly;
    this.created = created;
    this.#descriptor = descriptor;
    this.#mapping = mapping;
    this.#identity = identity;
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
   * The descriptor, to be put into `stdio` of a child process, which then finds it at that place. Other children do not get it. It is closed
   * by `close()`.
   *
   * @throws {IpcError} `IPC_CLOSED`
   */
  get descriptor(): number {
    this.#mapping.checkOpen();
    return this.#descriptor;
  }

  /**
   * Nobody can shrink it any more, so touching it is safe whoever else has it.
   *
   * @throws {IpcError} `IPC_CLOSED`
   */
  get sealed(): boolean {
    const { descriptor } = this;
    try {
      return (getSeals(descriptor) & F_SEAL_SHRINK) !== 0;
    } catch (error) {
      // a file of a file system without seals
      if ((error as { code?: string }).code === "EINVAL") return false;
      throw error;
    }
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
   * @throws {IpcError} `IPC_CLOSED`
   */
  stat(): SharedMemoryStat {
    const { size, mode, uid, gid, ino, nlink } = fstat(this.descriptor);
    return { size, mode: mode & PERMISSIONS, uid, gid, inode: ino, removed: nlink === 0 };
  }

  /**
   * Removes its name, if that still leads to this object. Works after `close()` too.
   *
   * @returns false when it is gone already, when the name leads to another object by now, and for memory without a name
   * @throws {IpcError} `IPC_PERMISSION` it belongs to another user
   */
  remove(): boolean {
    if (this.name === undefined) return false;
    try {
      const removed = removeSame(this.name, this.#identity);
      this.#ownership?.release();
      return removed;
    } catch (error) {
      throw domainError("remove", error, `Cannot remove ${named(this.name)}`);
    }
  }

  /** Unmaps it and closes the descriptor; the object stays. Idempotent. */
  close(): void {
    if (!this.#mapping.isOpen) return;
    this.#mapping.close();
    close(this.#descriptor);
  }

  /** The same as `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }
}

const CREATE_OPTIONS = { mode: "", removeOnExit: "boolean" } as const;
const OPEN_OPTIONS = { readOnly: "boolean" } as const;
const PERMISSIONS = 0o7777;
/** Past the standard streams. */
const FIRST_DESCRIPTOR = 3;
/** What `memfd_create(2)` takes, in bytes. */
const MAX_ANONYMOUS_NAME = 249;

function checkAnonymousName(name: string): void {
  if (typeof name !== "string") {
    throw new TypeError(`The name of ${ANONYMOUS} is of type ${typeof name}, but must be a string`);
  }
  if (name.includes("\0") || new TextEncoder().encode(name).length > MAX_ANONYMOUS_NAME) {
    throw new RangeError(
      `The name of ${ANONYMOUS} must be at most ${MAX_ANONYMOUS_NAME} bytes without NUL, not ${JSON.stringify(name.slice(0, 80))}`,
    );
  }
}
