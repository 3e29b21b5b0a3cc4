import { IpcError } from "../errors.ts";
import type { Arena } from "./arena.ts";
import type { Region } from "./region.ts";

/** What a {@link Mapping} is of. */
export interface MappingOptions {
  /** Names the object in error messages, such as `Shared memory "/frames"`. */
  readonly what: string;
  /** A write to it would kill the process: no view is given out. */
  readonly readOnly: boolean;
  /** Bytes of the region before its first one of interest. */
  readonly skip?: number;
}

/** What the classes for people do with their region: it is given out only while that is safe. */
export class Mapping {
  readonly readOnly: boolean;
  /** Bytes. */
  readonly size: number;
  /** Where it starts in the arena, in bytes. */
  readonly offset: number;
  /** Native address of its first byte. */
  readonly address: number;
  readonly #region: Region;
  readonly #what: string;
  readonly #bytes: Uint8Array<SharedArrayBuffer>;
  #isOpen = true;

  constructor(region: Region, { what, readOnly, skip = 0 }: MappingOptions) {
    this.readOnly = readOnly;
    this.size = region.length - skip;
    this.offset = region.offset + skip;
    this.address = region.arena.address + this.offset;
    this.#region = region;
    this.#what = what;
    this.#bytes = region.bytes.subarray(skip);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The memory itself, writable. */
  get bytes(): Uint8Array<SharedArrayBuffer> {
    this.checkWritable();
    return this.#bytes;
  }

  get arena(): Arena {
    this.checkWritable();
    return this.#region.arena;
  }

  /** A copy. */
  read(offset = 0, length = this.size - offset): Uint8Array<ArrayBuffer> {
    this.checkOpen();
    if (!Number.isSafeInteger(offset) || offset < 0 || offset > this.size) {
      throw new RangeError(`offset is ${offset}, but ${this.#what} takes an integer from 0 to ${this.size}`);
    }
    if (!Number.isSafeInteger(length) || length < 0 || length > this.size - offset) {
      throw new RangeError(
        `length is ${length}, but ${this.#what} takes an integer from 0 to ${this.size - offset} at offset ${offset}`,
      );
    }
    const copy = new Uint8Array(length);
    copy.set(this.#bytes.subarray(offset, offset + length));
    return copy;
  }

  checkOpen(): void {
    if (!this.#isOpen) throw new IpcError("IPC_CLOSED", `${sentence(this.#what)} was closed`);
  }

  checkWritable(): void {
    this.checkOpen();
    if (this.readOnly) {
      throw new TypeError(
        `${sentence(this.#what)} is open for reading only, and a write through a view would kill the process. Use read(), which copies, or open it for writing`,
      );
    }
  }

  close(): void {
    this.#isOpen = false;
    this.#region.close();
  }
}

function sentence(what: string): string {
  return what.charAt(0).toUpperCase() + what.slice(1);
}
