import { domainError } from "../error-table.ts";
import { ftok } from "../ffi/msg.ts";

/**
 * What a System V object is found by: a number of 32 bits, signed or unsigned, or `"PATH#ID"`, from which C's `ftok` makes one. The ID is
 * a number from 1 to 255 or one character. `IPC_PRIVATE` makes an object that no key finds.
 */
export type SysvKey = number | string;

/**
 * The number of a key.
 *
 * @returns unsigned
 * @throws {IpcError} `IPC_NOT_FOUND` when the file of `"PATH#ID"` does not exist; `IPC_PERMISSION`
 * @throws {TypeError} neither a number nor a string
 * @throws {RangeError} not of 32 bits, or a string of another form
 * @see https://man7.org/linux/man-pages/man3/ftok.3.html
 */
export function sysvKey(key: SysvKey): number {
  if (typeof key === "number") {
    if ((key | 0) !== key && key >>> 0 !== key) {
      throw new RangeError(`The key is ${key}, but must be an integer of 32 bits, such as 0x4d4c0001`);
    }
    return key >>> 0;
  }
  if (typeof key !== "string") {
    throw new TypeError(`The key is ${describe(key)}, but must be a number of 32 bits, or "PATH#ID" for ftok`);
  }
  const hash = key.lastIndexOf("#");
  const path = key.slice(0, Math.max(hash, 0));
  const id = projectId(key.slice(hash + 1));
  if (path === "" || id === undefined) {
    throw new RangeError(
      `The key is ${JSON.stringify(key)}, but must be a number of 32 bits, or "PATH#ID" with an ID of 1 to 255 or one character`,
    );
  }
  try {
    return ftok(path, id) >>> 0;
  } catch (error) {
    const what = `Cannot make a key of ${JSON.stringify(key)}: ftok takes it from a file that exists. Create the file, or use a number, such as 0x4d4c0001`;
    throw domainError("open", error, what);
  }
}

/** `ftok` uses the low 8 bits; C programs give a number or a letter. @returns `undefined` when `text` is neither */
export function projectId(text: string): number | undefined {
  if (/^[!-/:-~]$/.test(text)) return text.charCodeAt(0);
  const id = Number(text);
  return /^\d+$/.test(text) && id >= 1 && id <= 255 ? id : undefined;
}

function describe(value: unknown): string {
  return value === null ? "null" : `of type ${typeof value}`;
}
