import { domainError } from "../error-table.ts";
import { IpcError } from "../errors.ts";
import {
  MADV_DONTNEED,
  MADV_NORMAL,
  MADV_RANDOM,
  MADV_SEQUENTIAL,
  MADV_WILLNEED,
  MS_SYNC,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  S_IFMT,
  S_IFREG,
} from "../ffi/abi/current.ts";
import { close, fstat, open } from "../ffi/fd.ts";
import { madvise, msync } from "../ffi/mmap.ts";
import { callBlocking } from "../ffi/off-thread/blocking-call.ts";
import { pageSize } from "../ffi/sysconf.ts";
import { SystemError } from "../ffi/system-error.ts";
import { checkOptionNames } from "../objects/check-option-names.ts";
import { publishFile } from "../objects/publish-file.ts";
import type { Arena } from "./arena.ts";
import { checkNewObject } from "./check-new-object.ts";
import { Mapping } from "./mapping.ts";
import { type MapAccess, mapFile } from "./region.ts";

/** How a file is mapped. */
export interface MapFileOptions {
  /**
   * `"read"` (the default) to read; `"readwrite"` to change the file, for everybody at once; `"private"` to change a copy of this mapping's
   * own, of which the file learns nothing.
   */
  readonly access?: MapAccess;
  /** First byte of the file, at any place in it. Default 0. */
  readonly offset?: number;
  /** Bytes. Default: up to the end of the file. */
  readonly length?: number;
  /** With `"readwrite"`: when there is no such file, one of so many zeros is made. A file that exists keeps its size. */
  readonly create?: number;
  /** Permission bits of a file that is made, less the umask. Default 0o600. */
  readonly mode?: number;
}

/** How {@link MappedFile.advise} says that the memory will be used. */
export type Advice = "normal" | "sequential" | "random" | "willneed" | "dontneed";

const ADVICE: Readonly<Record<Advice, number>> = {
  normal: MADV_NORMAL,
  sequential: MADV_SEQUENTIAL,
  random: MADV_RANDOM,
  willneed: MADV_WILLNEED,
  dontneed: MADV_DONTNEED,
};

/**
 * A file mapped into memory: its bytes are read and written in place, without `read` and `write`, and are shared with everybody who has
 * the file mapped or open. What is written is in the file, also when the process dies; when the machine does, what was flushed.
 *
 * Lifetime: `close()` unmaps it. Views that were taken before show zeros from then on; they never fault and never reach the file.
 * Nobody may shrink a file that is mapped: touching the lost pages kills the process with SIGBUS. Its size is checked only once, by `open`.
 *
 * @see https://man7.org/linux/man-pages/man2/mmap.2.html
 *
 * @example A counter that outlives the program
 * ```ts
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { unlinkSync } from "node:fs";
 * import { MappedFile } from "millrace";
 *
 * const path = join(tmpdir(), "counter");
 * {
 *   using file = MappedFile.open(path, { access: "readwrite", create: 8 });
 *   file.bytes[0] = (file.bytes[0] ?? 0) + 1;
 *   await file.flush();
 * }
 * using file = MappedFile.open(path);
 * console.log(file.read(0, 1)[0]);
 * unlinkSync(path);
 * // Output:
 * // 1
 * ```
 */
export class MappedFile implements Disposable {
  /**
   * Maps a file or a part of it. The file need not stay open, nor keep its name.
   *
   * @throws {IpcError} `IPC_NOT_FOUND`; `IPC_PERMISSION`; `IPC_LIMIT` no space for a new file, more than is free in the arena, or a limit of
   *   descriptors; `IPC_UNSUPPORTED` not a regular file
   * @throws {TypeError | RangeError} an option that is not one, and a part that lies past the end of the file or is empty
   */
  static open(path: string, options: MapFileOptions = {}): MappedFile {
    const wanted = checkOptions(path, options);
    const descriptor = openOrMake(path, wanted);
    try {
      return map(descriptor, path, wanted);
    } catch (error) {
      throw domainError("open", error, `Cannot map ${named(path)}`);
    } finally {
      close(descriptor);
    }
  }

  /** As it was given. */
  readonly path: string;
  readonly access: MapAccess;
  /** Bytes that are mapped. */
  readonly size: number;
  /** Where in the file they begin. */
  readonly fileOffset: number;
  /** The first byte in the arena; it is aligned to 4, or to a page, only if `fileOffset` is. */
  readonly offset: number;
  /** Native address of the first byte, for calls into C; valid until `close()`. */
  readonly address: number;
  readonly #mapping: Mapping;
  /** Bytes from the beginning of the page to the first byte: calls take whole pages. */
  readonly #skip: number;

  /** For {@link MappedFile.open}. */
  constructor(path: string, access: MapAccess, fileOffset: number, mapping: Mapping) {
    if (typeof mapping !== "object") throw new TypeError("A file is mapped by MappedFile.open()");
    this.path = path;
    this.access = access;
    this.size = mapping.size;
    this.fileOffset = fileOffset;
    this.offset = mapping.offset;
    this.address = mapping.address;
    this.#mapping = mapping;
    this.#skip = fileOffset % pageSize();
  }

  /** The same as `size`. */
  get length(): number {
    return this.size;
  }

  /** It can only be read, by {@link MappedFile.read}. */
  get readOnly(): boolean {
    return this.access === "read";
  }

  /**
   * The bytes of the file; valid until `close()`.
   *
   * @throws {TypeError} it is mapped with `"read"`
   * @throws {IpcError} `IPC_CLOSED`
   */
  get bytes(): Uint8Array<SharedArrayBuffer> {
    return this.#mapping.bytes;
  }

  /**
   * The arena that it lies in, at `offset`; for `Atomics` on `arena.words`.
   *
   * @throws {TypeError} it is mapped with `"read"`
   * @throws {IpcError} `IPC_CLOSED`
   */
  get arena(): Arena {
    return this.#mapping.arena;
  }

  /**
   * A copy of a part.
   *
   * @param offset first byte, counted from the first mapped one. Default 0
   * @param length bytes. Default: up to the end
   * @throws {RangeError} not inside what is mapped
   * @throws {IpcError} `IPC_CLOSED`
   */
  read(offset?: number, length?: number): Uint8Array<ArrayBuffer> {
    return this.#mapping.read(offset, length);
  }

  /**
   * Has what was written put on the disk, and resolves when it is there. Other processes see it without that. The event loop goes on, and
   * `close()` meanwhile does no harm.
   *
   * @throws {TypeError} it is not mapped with `"readwrite"`
   * @throws {SystemError} `EIO` the disk failed
   * @throws {IpcError} `IPC_CLOSED`; `IPC_WORKER_CRASHED` the thread that waits ended by itself
   * @see https://man7.org/linux/man-pages/man2/msync.2.html
   */
  async flush(): Promise<void> {
    this.#checkFlush();
    const { result, errno } = await callBlocking("msync", [this.address - this.#skip, this.size + this.#skip, MS_SYNC]);
    if (result !== 0) throw new SystemError("msync", errno);
  }

  /** As {@link MappedFile.flush}, and blocks the thread. */
  flushSync(): void {
    this.#checkFlush();
    msync(this.address - this.#skip, this.size + this.#skip, MS_SYNC);
  }

  /**
   * Tells the kernel how the memory will be used, so that it reads ahead, or does not, or frees the pages.
   *
   * @param advice with `"dontneed"` a `"private"` mapping **loses what was written to it**; others read it from the file again
   * @throws {TypeError} not an advice
   * @throws {SystemError} `EIO`, `ENOMEM`, `EAGAIN` as of madvise(2)
   * @throws {IpcError} `IPC_CLOSED`
   * @see https://man7.org/linux/man-pages/man2/madvise.2.html
   */
  advise(advice: Advice): void {
    this.#mapping.checkOpen();
    if (!Object.hasOwn(ADVICE, advice)) {
      throw new TypeError(`The advice is ${shown(advice)}, but must be one of ${Object.keys(ADVICE).join(", ")}`);
    }
    madvise(this.address - this.#skip, this.size + this.#skip, ADVICE[advice]);
  }

  /** Unmaps it. Idempotent. */
  close(): void {
    if (this.#mapping.isOpen) this.#mapping.close();
  }

  /** The same as `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #checkFlush(): void {
    this.#mapping.checkOpen();
    if (this.access === "readwrite") return;
    throw new TypeError(
      `The file ${this.path} is mapped with "${this.access}": nothing of it goes to the file, so there is nothing to flush`,
    );
  }
}

interface Wanted {
  readonly access: MapAccess;
  readonly offset: number;
  readonly length: number | undefined;
  readonly create: number | undefined;
  readonly mode: number;
}

function named(path: string): string {
  return `the file ${path}`;
}

function checkOptions(path: string, options: MapFileOptions): Wanted {
  checkOptionNames("MappedFile.open()", options, { access: "", offset: "", length: "", create: "", mode: "" });
  const { access = "read", offset = 0, length, create, mode = 0o600 } = options;
  if (typeof path !== "string") throw new TypeError(`The path of a file is a string, not ${shown(path)}`);
  if (access !== "read" && access !== "readwrite" && access !== "private") {
    throw new TypeError(
      `The access to ${named(path)} is ${shown(access)}, but must be "read", "readwrite" or "private"`,
    );
  }
  checkPlace("offset", offset, 0);
  if (length !== undefined) checkPlace("length", length, 1);
  if (create !== undefined) {
    if (access !== "readwrite") {
      throw new TypeError(`Cannot create ${named(path)} with access "${access}": "readwrite" would be right`);
    }
    checkNewObject(named(path), create, mode);
  }
  return { access, offset, length, create, mode };
}

function checkPlace(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  const Misuse = typeof value === "number" ? RangeError : TypeError;
  throw new Misuse(
    `The ${name} of a mapping is ${shown(value)}, but must be a whole number of bytes, ${least} or more`,
  );
}

function openOrMake(path: string, { access, create, mode }: Wanted): number {
  for (;;) {
    try {
      // O_NONBLOCK: a FIFO does not hold this process up
      return open(path, (access === "readwrite" ? O_RDWR : O_RDONLY) | O_NONBLOCK);
    } catch (error) {
      if (create === undefined || (error as { code?: string }).code !== "ENOENT") {
        throw domainError("open", error, `Cannot open ${named(path)}`);
      }
    }
    try {
      return publishFile(path, create, mode);
    } catch (error) {
      // made by somebody else since
      if ((error as { code?: string }).code === "EEXIST") continue;
      throw domainError("create", error, `Cannot create ${named(path)} of ${create} bytes`);
    }
  }
}

function map(descriptor: number, path: string, { access, offset, length }: Wanted): MappedFile {
  const { mode, size } = fstat(descriptor);
  if ((mode & S_IFMT) !== S_IFREG) {
    throw new IpcError(
      "IPC_UNSUPPORTED",
      `Cannot map ${named(path)}: it is a folder, pipe, socket or device, not a regular file`,
    );
  }
  const bytes = length ?? size - offset;
  if (bytes < 1 || offset + bytes > size) {
    const part = length === undefined ? `from byte ${offset}` : `bytes ${offset} to ${offset + length}`;
    throw new RangeError(`Cannot map ${named(path)} ${part}: it has ${size} bytes`);
  }
  const skip = offset % pageSize();
  const region = mapFile(descriptor, skip + bytes, offset - skip, access);
  const mapping = new Mapping(region, { what: named(path), readOnly: access === "read", skip });
  return new MappedFile(path, access, offset, mapping);
}

function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
