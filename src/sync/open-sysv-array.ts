import { setTimeout as sleep } from "node:timers/promises";
import { domainError } from "../error-table.ts";
import { IpcError } from "../errors.ts";
import { IPC_CREAT, IPC_EXCL, IPC_NOWAIT, IPC_PRIVATE } from "../ffi/abi/current.ts";
import { INTERRUPTED } from "../ffi/results.ts";
import { semctlRemove, semctlSetAll, semctlStat, semget, semop } from "../ffi/sem.ts";
import { beforeBlocking } from "../objects/before-blocking.ts";
import { type Ownership, own } from "../objects/own.ts";
import { type SysvKey, sysvKey } from "../objects/sysv-key.ts";
import { TimeLimit } from "../wait/time-limit.ts";
import { checkSyncOptions, checkWaitOptions, type WaitOptions } from "../wait/wait-options.ts";
import { checkCreateOptions } from "./check-create-options.ts";
import { checkSysvValues } from "./check-sysv-values.ts";

/** How an array of System V semaphores is made. */
export interface SysvArrayOptions {
  /** Permission bits: who may read may look at values and wait for 0, who may write may change them. Default: 0o600. */
  readonly mode?: number;
  /** Whether this process removes the array at its end. Default: true. */
  readonly removeOnExit?: boolean;
}

/** An array that was made or found. */
export interface SysvArrayOrigin {
  readonly id: number;
  /** Unsigned. */
  readonly key: number;
  readonly length: number;
  /** What it is called in errors. */
  readonly name: string;
}

/** Those that this process removes at its end, by id. */
const owned = new Map<number, Ownership>();

const WAIT_OPTIONS = { timeout: "", signal: "" } as const;
const CREATE_OPTIONS = ["mode", "removeOnExit"];

/** How long to wait for whoever made an array to set its values, in milliseconds. */
const LONGEST_SETUP = 1000;

/**
 * Makes an array and sets its values. Its `sem_otime`, which is 0 in a new array, is set last: that is how others see that the values
 * are there. (semget(2) can do neither, so there is a moment between them.)
 */
export function createSysvArray(
  key: SysvKey,
  values: readonly number[],
  options: SysvArrayOptions,
  others: Readonly<Record<string, "">> = {},
): SysvArrayOrigin {
  checkSysvValues(values);
  const { mode, removeOnExit } = checkCreateOptions("SysvSemaphoreArray.create()", options, others);
  const number = sysvKey(key);
  const name = nameOf(key);
  let id: number;
  try {
    id = semget(number, values.length, IPC_CREAT | IPC_EXCL | mode);
  } catch (error) {
    throw domainError(
      "create",
      error,
      `Cannot make ${name} of ${values.length}. \`ipcs -s\` and \`ipcs -sl\` tell more`,
    );
  }
  // an id is not given again for a long time, so it is still the same array
  if (removeOnExit)
    owned.set(
      id,
      own("sysv-sem", `${id}`, () => removeQuietly(id)),
    );
  try {
    semctlSetAll(id, values);
    markInitialised(id, values);
  } catch (error) {
    removeQuietly(id);
    disown(id);
    throw domainError("create", error, `Cannot set the values of ${name}, of mode 0${mode.toString(8)}`);
  }
  return { id, key: number, length: values.length, name };
}

/** Finds the array of a key, or of an id. */
export function openSysvArray(key: SysvKey | undefined, id?: number): SysvArrayOrigin {
  const origin = key === undefined ? `of id ${id}` : key;
  const name = nameOf(origin);
  const number = key === undefined ? undefined : checkedKey(key);
  try {
    const found = number === undefined ? checkedId(id) : semget(number, 0, 0);
    const { nsems, key: foundKey } = semctlStat(found);
    return { id: found, key: foundKey >>> 0, length: nsems, name };
  } catch (error) {
    if (isGone(error)) throw new IpcError("IPC_NOT_FOUND", `Cannot open ${name}: there are none`, { cause: error });
    throw domainError("open", error, `Cannot open ${name}. \`ipcs -s\` shows whose they are`);
  }
}

/** @returns false when there is no array of that key */
export function removeSysvArray(key: SysvKey): boolean {
  const number = checkedKey(key);
  let id: number;
  try {
    id = semget(number, 0, 0);
  } catch (error) {
    if (isGone(error)) return false;
    throw domainError("remove", error, `Cannot remove ${nameOf(key)}`);
  }
  return removeSysvArrayById(id, nameOf(key));
}

/** @returns false when it is gone already */
export function removeSysvArrayById(id: number, name: string): boolean {
  let removed = true;
  try {
    semctlRemove(id);
  } catch (error) {
    if (!isGone(error)) throw domainError("remove", error, `Cannot remove ${name}. \`ipcs -s\` shows whose they are`);
    removed = false;
  }
  disown(id);
  return removed;
}

function disown(id: number): void {
  owned.get(id)?.release();
  owned.delete(id);
}

/** Finds an array or makes it, and waits until it has its values. */
export async function openOrCreateSysvArray(
  key: SysvKey,
  values: readonly number[],
  options: SysvArrayOptions & WaitOptions,
): Promise<SysvArrayOrigin> {
  checkSysvValues(values);
  checkCreateOptions("SysvSemaphoreArray.openOrCreate()", options, WAIT_OPTIONS);
  checkWaitOptions(options, CREATE_OPTIONS);
  const { signal } = options;
  const limit = setupLimit(key, options);
  limit.throwIfAborted();
  for (let pause = 1; ; pause = longer(pause)) {
    const found = findOrMake(key, values, options);
    if (found !== undefined) return found;
    limit.throwIfOver();
    // the kernel tells nobody that sem_otime was set; it takes microseconds unless that process is stopped
    await sleep(Math.min(pause, limit.left()?.timeout ?? pause), undefined, signal && { signal }).catch(() => {});
  }
}

/** As {@link openOrCreateSysvArray}, and blocks the thread. */
export function openOrCreateSysvArraySync(
  key: SysvKey,
  values: readonly number[],
  options: SysvArrayOptions & WaitOptions,
): SysvArrayOrigin {
  checkSysvValues(values);
  checkCreateOptions("SysvSemaphoreArray.openOrCreate()", options, WAIT_OPTIONS);
  checkSyncOptions(options, CREATE_OPTIONS);
  const limit = setupLimit(key, options);
  const never = new Int32Array(new SharedArrayBuffer(4));
  for (let pause = 1; ; pause = longer(pause)) {
    const found = findOrMake(key, values, options);
    if (found !== undefined) return found;
    limit.throwIfOver();
    beforeBlocking();
    Atomics.wait(never, 0, 0, Math.min(pause, limit.left()?.timeout ?? pause));
  }
}

function setupLimit(key: SysvKey, { timeout = LONGEST_SETUP, signal }: WaitOptions): TimeLimit {
  return new TimeLimit(
    `openOrCreate() of ${nameOf(key)}, which another process made and has not set yet (if it died, remove them with ipcrm)`,
    signal === undefined ? { timeout } : { timeout, signal },
  );
}

/** The next pause between two looks, in milliseconds. */
function longer(pause: number): number {
  return Math.min(2 * pause, 20);
}

/** @returns `undefined` while an array is there that has no values yet, or when it went meanwhile */
function findOrMake(key: SysvKey, values: readonly number[], options: SysvArrayOptions): SysvArrayOrigin | undefined {
  if (sysvKey(key) === IPC_PRIVATE) return createSysvArray(key, values, options, WAIT_OPTIONS);
  try {
    const found = openSysvArray(key);
    if (found.length !== values.length) {
      throw new IpcError(
        "IPC_EXISTS",
        `Cannot open ${found.name} as ${values.length} semaphores: there are ${found.length}. Give as many values, or use another key`,
      );
    }
    return isInitialised(found.id) ? found : undefined;
  } catch (error) {
    if (!(error instanceof IpcError && error.code === "IPC_NOT_FOUND")) throw error;
  }
  try {
    return createSysvArray(key, values, options, WAIT_OPTIONS);
  } catch (error) {
    // somebody else was first
    if (error instanceof IpcError && error.code === "IPC_EXISTS") return undefined;
    throw error;
  }
}

function isInitialised(id: number): boolean {
  try {
    return semctlStat(id).otime !== 0;
  } catch {
    return false;
  }
}

/** Sets `sem_otime` with operations that change nothing. */
function markInitialised(id: number, [first = 0]: readonly number[]): void {
  // in the middle the value must stay in its range
  const step = first === 0 ? 1 : -1;
  for (;;) {
    const operations = [step, -step].map((op) => ({ num: 0, op, flags: IPC_NOWAIT }));
    // anything but an interruption means that somebody else uses the array by now, which sets the time as well
    if (semop(id, operations) !== INTERRUPTED) return;
  }
}

function removeQuietly(id: number): void {
  try {
    semctlRemove(id);
  } catch {
    // gone, or given to another user
  }
}

/** The array is there no more, or never was. */
export function isGone(error: unknown): boolean {
  const code = (error as { code?: string } | null)?.code;
  return code === "EIDRM" || code === "EINVAL" || code === "ENOENT";
}

function checkedKey(key: SysvKey): number {
  const number = sysvKey(key);
  if (number !== IPC_PRIVATE) return number;
  throw new RangeError("The key is IPC_PRIVATE, which no array is found by: use the id of one");
}

function checkedId(id: unknown): number {
  if (typeof id !== "number") throw new TypeError(`The id is ${String(id)}, but must be a number`);
  if ((id | 0) !== id || id < 0) throw new RangeError(`The id is ${id}, but must be an integer from 0 to 2147483647`);
  return id;
}

function nameOf(key: SysvKey): string {
  const text = typeof key === "number" ? `0x${(key >>> 0).toString(16).padStart(8, "0")}` : String(key);
  return `the semaphores ${text}`;
}
