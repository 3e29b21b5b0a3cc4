import { type BigIntStats, lstatSync } from "node:fs";
import { domainError } from "../error-table.ts";
import { IpcError } from "../errors.ts";
import { O_CREAT, O_EXCL, SEM_T } from "../ffi/abi/current.ts";
import { semOpen, semUnlink } from "../ffi/posix-sem.ts";
import { own } from "../objects/own.ts";
import { checkCreateOptions } from "./check-create-options.ts";

/** How a named semaphore is made. */
export interface SemaphoreOptions {
  /** Permission bits, less the umask. To open a semaphore needs the permission to read and to write. Default: 0o600. */
  readonly mode?: number;
  /** Whether this process removes the semaphore at its end. Default: true. */
  readonly removeOnExit?: boolean;
}

/** Longest name in bytes, without the slash: the file's begins with `sem.`, and has at most 255. */
const LONGEST_NAME = 251;

/** Those that this process removes at its end. */
const owned = new Set<NamedSemaphore>();

/** A named semaphore that is open, and the file of `/dev/shm` that it is. */
export class NamedSemaphore {
  readonly name: string;
  /** Native address of the `sem_t`, outside of the arena, until `semClose`. */
  readonly address: number;
  readonly #file: string | undefined;
  #release = () => {};

  private constructor(name: string, address: number) {
    this.name = name;
    this.address = address;
    this.#file = fileId(name);
  }

  /** Makes one; @throws as `Semaphore.create` */
  static create(name: string, value: number, options: SemaphoreOptions): NamedSemaphore {
    const { mode, removeOnExit } = checkCreateOptions("Semaphore.create()", options);
    const checked = semaphoreName(name);
    let semaphore: NamedSemaphore;
    try {
      semaphore = new NamedSemaphore(checked, semOpen(checked, O_CREAT | O_EXCL, mode, value));
    } catch (error) {
      const exists = (error as { code?: unknown }).code === "EEXIST";
      const remedy = exists ? ". Open it, or remove it first" : "";
      throw domainError("create", error, `Cannot make the semaphore ${checked}${remedy}`);
    }
    if (removeOnExit) {
      const ownership = own("posix-sem", checked, () => {
        try {
          semaphore.remove();
        } catch {
          // given to another user since
        }
      });
      owned.add(semaphore);
      semaphore.#release = () => {
        owned.delete(semaphore);
        ownership.release();
      };
    }
    return semaphore;
  }

  /** Opens one; @throws as `Semaphore.open` */
  static open(name: string): NamedSemaphore {
    const checked = semaphoreName(name);
    const size = fileOf(checked)?.size;
    // sem_open does not look, and the first touch would be a SIGBUS
    if (size !== undefined && size < SEM_T.sizeof) {
      throw new IpcError(
        "IPC_CORRUPT",
        `The file ${pathOf(checked)} is no semaphore: it has ${size} bytes, not ${SEM_T.sizeof}. Remove it`,
      );
    }
    try {
      return new NamedSemaphore(checked, semOpen(checked, 0));
    } catch (error) {
      throw domainError("open", error, `Cannot open the semaphore ${checked}`);
    }
  }

  /** Each turn of the loop means that another process made or removed it meanwhile. */
  static openOrCreate(name: string, value: number, options: SemaphoreOptions): NamedSemaphore {
    checkCreateOptions("Semaphore.openOrCreate()", options);
    for (;;) {
      try {
        return NamedSemaphore.open(name);
      } catch (error) {
        if (!(error instanceof IpcError && error.code === "IPC_NOT_FOUND")) throw error;
      }
      try {
        return NamedSemaphore.create(name, value, options);
      } catch (error) {
        if (!(error instanceof IpcError && error.code === "IPC_EXISTS")) throw error;
      }
    }
  }

  /** Removes the name, unless it is another semaphore's by now. @returns false when it is */
  remove(): boolean {
    if (this.#hasName()) return NamedSemaphore.remove(this.name);
    this.#release();
    return false;
  }

  /** Removes a name, whatever semaphore has it. @returns false when none has */
  static remove(name: string): boolean {
    const checked = semaphoreName(name);
    let removed = true;
    try {
      semUnlink(checked);
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOENT") {
        throw domainError("remove", error, `Cannot remove the semaphore ${checked}`);
      }
      removed = false;
    }
    for (const semaphore of owned) if (semaphore.name === checked && !semaphore.#hasName()) semaphore.#release();
    return removed;
  }

  #hasName(): boolean {
    return this.#file !== undefined && fileId(this.name) === this.#file;
  }
}

/**
 * Checks the name of a semaphore.
 *
 * @returns with the slash
 * @throws {TypeError} not a string
 * @throws {RangeError} empty, too long, or with a slash or a NUL character
 */
export function semaphoreName(name: string): string {
  if (typeof name !== "string")
    throw new TypeError(`The name is of type ${typeof name}, but must be a string, such as "turn"`);
  const bare = name.startsWith("/") ? name.slice(1) : name;
  const length = new TextEncoder().encode(bare).length;
  const wrong =
    length === 0
      ? "is empty"
      : length > LONGEST_NAME
        ? `has ${length} bytes, but may have ${LONGEST_NAME}`
        : /[/\0]/.test(bare)
          ? "holds a slash or a NUL character after its beginning"
          : undefined;
  if (wrong === undefined) return `/${bare}`;
  const text = JSON.stringify(name.length > 80 ? `${name.slice(0, 60)}…` : name);
  throw new RangeError(`The name ${text} of a semaphore ${wrong}: a name is such as "turn" or "/turn"`);
}

/** What tells the file of a name from others that had the name before, or will have it. */
function fileId(name: string): string | undefined {
  const status = fileOf(name);
  return status && `${status.dev} ${status.ino}`;
}

function fileOf(name: string): BigIntStats | undefined {
  return lstatSync(pathOf(name), { bigint: true, throwIfNoEntry: false });
}

function pathOf(name: string): string {
  return `/dev/shm/sem.${name.slice(1)}`;
}
