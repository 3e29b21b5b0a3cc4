import {
  GETALL,
  GETNCNT,
  GETPID,
  GETVAL,
  GETZCNT,
  IPC_RMID,
  IPC_SET,
  IPC_STAT,
  SEM_INFO,
  SEM_STAT_ANY,
  SEMBUF,
  SEMID_DS,
  SEMINFO,
  SETALL,
  SETVAL,
} from "./abi/current.ts";
import { EAGAIN, EIDRM, EINTR, EINVAL } from "./abi/errno.ts";
import { lazyBind } from "./bind.ts";
import { checkInt32, checkInteger, checkTimeout, checkWord } from "./check.ts";
import { INTERRUPTED, WOULD_BLOCK } from "./results.ts";
import { scratch } from "./scratch.ts";
import { getMember, setMember } from "./struct.ts";
import { failedCall, lastErrno, SystemError } from "./system-error.ts";
import { interval, isForEver, ROOM_BESIDE_TIME } from "./timespec.ts";

/** System V semaphores: arrays of counters from 0 to 32767, and operations on several of them at once. */

const calls = lazyBind({
  semget: { parameters: ["i32", "i32", "i32"], result: "i32" },
  semop: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  semtimedop: { parameters: ["i32", "buffer", "usize", "pointer"], result: "i32" },
});

// semctl(2) is variadic in C, and passes its union semun by value: an int for SETVAL, else a pointer
const valueCalls = lazyBind({
  semctl: { parameters: ["i32", "i32", "i32", "i64"], result: "i32" },
});
const structCalls = lazyBind({
  semctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
});

/** What the kernel tells of an array: `struct semid_ds`. */
export interface SemaphoreArrayStatus {
  /** Signed; 0 for `IPC_PRIVATE`. */
  key: number;
  /** User and group of the owner. */
  uid: number;
  gid: number;
  /** User and group of who made it. */
  cuid: number;
  cgid: number;
  /** Permission bits. */
  mode: number;
  /** Seconds since 1970 of the last `semop` and change; 0 for never. */
  otime: number;
  ctime: number;
  /** How many semaphores it has. */
  nsems: number;
}

/** What the kernel tells of all arrays together: from `struct seminfo`. */
export interface SemaphoreArraysInfo {
  /** The highest index for {@link semctlStatIndex} in use; 0 also when there is none. */
  highestIndex: number;
  /** Arrays there are. */
  usedIds: number;
  /** Semaphores in all arrays. */
  semaphores: number;
}

/** One of the operations of a {@link semop}: `struct sembuf`. */
export interface SemaphoreOperation {
  /** Which semaphore of the array, from 0. */
  num: number;
  /** A positive number is added; a negative one is subtracted when the value allows it, and waits until then; 0 waits for 0. */
  op: number;
  /** `IPC_NOWAIT`, `SEM_UNDO` (the kernel takes it back when the process ends). */
  flags?: number;
}

/**
 * `int semget(key_t key, int nsems, int semflg)` — The array of a key, or a new one, whose values are 0. It stays until
 * {@link semctlRemove} or the next boot.
 *
 * @param key 32 bits, signed or unsigned; `IPC_PRIVATE` makes a new array that no key finds
 * @param count semaphores; of an existing array at most its own, also 0
 * @param flags `IPC_CREAT`, `IPC_EXCL`, and permission bits
 * @returns the array's id, the same in all processes
 * @throws {SystemError} `EACCES` no permission
 * @throws {SystemError} `EEXIST` `IPC_CREAT | IPC_EXCL` and there is one
 * @throws {SystemError} `EINVAL` a new one of 0 semaphores, more than the limit or than the existing one has
 * @throws {SystemError} `ENOENT` no array of that key
 * @throws {SystemError} `ENOMEM`, `ENOSPC` no memory, or the system's limit of arrays or semaphores
 * @see https://man7.org/linux/man-pages/man2/semget.2.html
 */
export function semget(key: number, count: number, flags: number): number {
  checkWord("key", key);
  checkInt32("count", count);
  checkInt32("flags", flags);
  const array: number = calls().semget(key | 0, count, flags);
  if (array < 0) throw failedCall("semget");
  return array;
}

/**
 * `int semop(int semid, struct sembuf *sops, size_t nsops)` — Does all of the operations at once, or none, and blocks the thread
 * until it can, unless one that cannot has `IPC_NOWAIT`.
 *
 * @returns 0 when done, {@link WOULD_BLOCK} when `IPC_NOWAIT` kept it from waiting, {@link INTERRUPTED} when a signal ended the wait
 * @throws {SystemError} `E2BIG` more operations than `/proc/sys/kernel/sem` allows
 * @throws {SystemError} `EACCES` no permission to change values, or to read them for an `op` of 0
 * @throws {SystemError} `EFBIG` no semaphore of that number
 * @throws {SystemError} `EIDRM` the array was removed meanwhile
 * @throws {SystemError} `EINVAL` no such array, or no operation
 * @throws {SystemError} `ENOMEM` no memory, also for `SEM_UNDO`
 * @throws {SystemError} `ERANGE` a value beyond 32767
 * @see https://man7.org/linux/man-pages/man2/semop.2.html
 */
export function semop(array: number, operations: readonly SemaphoreOperation[]): number {
  checkInt32("array", array);
  const sops = fillOperations(operations);
  return outcome("semop", calls().semop(array, sops, operations.length));
}

/**
 * `int semtimedop(int semid, struct sembuf *sops, size_t nsops, const struct timespec *timeout)` — {@link semop}, which waits at most
 * so long.
 *
 * @param timeout milliseconds, also fractions; `Infinity` waits for ever
 * @returns 0 when done, {@link WOULD_BLOCK} when the time is over, {@link INTERRUPTED} when a signal ended the wait
 * @throws {SystemError} as {@link semop}
 * @see https://man7.org/linux/man-pages/man2/semtimedop.2.html
 */
export function semtimedop(array: number, operations: readonly SemaphoreOperation[], timeout: number): number {
  checkInt32("array", array);
  checkTimeout(timeout);
  const sops = fillOperations(operations);
  const timespec = isForEver(timeout) ? 0 : interval(timeout);
  return outcome("semtimedop", calls().semtimedop(array, sops, operations.length, timespec));
}

/**
 * `semctl(semid, semnum, GETVAL)` — The value of one semaphore.
 *
 * @throws {SystemError} `EACCES` no permission to read
 * @throws {SystemError} `EIDRM`, `EINVAL` no such array, any more, or no semaphore of that number
 * @see https://man7.org/linux/man-pages/man2/semctl.2.html
 */
export function semctlGetValue(array: number, num: number): number {
  return semctl(array, num, GETVAL, 0);
}

/**
 * `semctl(semid, semnum, SETVAL, value)` — Sets one semaphore, and forgets what processes would undo of it.
 *
 * @throws {SystemError} `EACCES` no permission to change values
 * @throws {SystemError} `EIDRM`, `EINVAL` no such array, any more, or no semaphore of that number
 * @throws {SystemError} `ERANGE` a value below 0 or beyond 32767
 * @see https://man7.org/linux/man-pages/man2/semctl.2.html
 */
export function semctlSetValue(array: number, num: number, value: number): void {
  checkInt32("value", value);
  semctl(array, num, SETVAL, value);
}

/**
 * `semctl(semid, semnum, GETPID)` — The process that last operated on a semaphore, set it, or had it undone by its end; 0 for none.
 *
 * @throws {SystemError} as {@link semctlGetValue}
 * @see https://man7.org/linux/man-pages/man2/semctl.2.html
 */
export function semctlGetPid(array: number, num: number): number {
  return semctl(array, num, GETPID, 0);
}

/**
 * `semctl(semid, semnum, GETNCNT)` — How many threads wait for a semaphore to grow.
 *
 * @throws {SystemError} as {@link semctlGetValue}
 * @see https://man7.org/linux/man-pages/man2/semctl.2.html
 */
export function semctlGetNcnt(array: number, num: number): number {
  return semctl(array, num, GETNCNT, 0);
}

/**
 * `semctl(semid, semnum, GETZCNT)` — How many threads wait for a semaphore to be 0.
 *
 * @throws {SystemError} as {@link semctlGetValue}
 * @see https://man7.org/linux/man-pages/man2/semctl.2.html
 */
export function semctlGetZcnt(array: number, num: number): number {
  return semctl(array, num, GETZCNT, 0);
}

/**
 * `semctl(semid, 0, GETALL, values)` — The values of all semaphores at one moment.
 *
 * @throws {SystemError} `EACCES` no permission to read
 * @throws {SystemError} `EIDRM`, `EINVAL` no such array, any more
 * @see https://man7.org/linux/man-pages/man2/semctl.2.html
 */
export function semctlGetAll(array: number): Uint16Array<ArrayBuffer> {
  const values = new Uint16Array(semctlStat(array).nsems);
  semctlStruct(array, 0, GETALL, values);
  return values;
}

/**
 * `semctl(semid, 0, SETALL, values)` — Sets all semaphores at one moment, and forgets what processes would undo of them.
 *
 * @param values as many as the array has semaphores
 * @throws {SystemError} `EACCES` no permission to read the array, or to change values
 * @throws {SystemError} `EIDRM`, `EINVAL` no such array, any more
 * @throws {SystemError} `ERANGE` a value beyond 32767
 * @throws {RangeError} too few or too many values
 * @see https://man7.org/linux/man-pages/man2/semctl.2.html
 */
export function semctlSetAll(array: number, values: ArrayLike<number>): void {
  for (let num = 0; num < values.length; num++) checkInt32(`values[${num}]`, values[num] as number);
  const { nsems } = semctlStat(array);
  if (values.length !== nsems)
    throw new RangeError(`values has ${values.length} items, but the array ${nsems} semaphores`);
  semctlStruct(array, 0, SETALL, Uint16Array.from(values));
}

/**
 * `semctl(semid, 0, IPC_STAT, &semid_ds)` — Tells about an array.
 *
 * @throws {SystemError} `EACCES` no permission to read
 * @throws {SystemError} `EIDRM`, `EINVAL` no such array, any more
 * @see https://man7.org/linux/man-pages/man2/semctl.2.html
 */
export function semctlStat(array: number): SemaphoreArrayStatus {
  semctlStruct(array, 0, IPC_STAT, scratch);
  return status();
}

/**
 * `semctl(semid, 0, IPC_SET, &semid_ds)` — Changes the owner or the permission bits of an array; what is not given stays.
 *
 * @throws {SystemError} `EACCES` no permission to read the array
 * @throws {SystemError} `EIDRM`, `EINVAL` no such array, any more
 * @throws {SystemError} `EPERM` not the owner
 * @see https://man7.org/linux/man-pages/man2/semctl.2.html
 */
export function semctlSet(array: number, changes: Partial<Pick<SemaphoreArrayStatus, "uid" | "gid" | "mode">>): void {
  semctlStruct(array, 0, IPC_STAT, scratch);
  const { uid, gid, mode } = changes;
  if (uid !== undefined) setMember(scratch, SEMID_DS.sem_perm_uid, uid);
  if (gid !== undefined) setMember(scratch, SEMID_DS.sem_perm_gid, gid);
  if (mode !== undefined) setMember(scratch, SEMID_DS.sem_perm_mode, mode);
  semctlStruct(array, 0, IPC_SET, scratch);
}

/**
 * `semctl(semid, 0, IPC_RMID)` — Removes an array. Whoever waits on it gets `EIDRM`.
 *
 * @throws {SystemError} `EIDRM`, `EINVAL` no such array, any more
 * @throws {SystemError} `EPERM` not the owner
 * @see https://man7.org/linux/man-pages/man2/semctl.2.html
 */
export function semctlRemove(array: number): void {
  semctl(array, 0, IPC_RMID, 0);
}

/**
 * `semctl(0, 0, SEM_INFO, &seminfo)` — Tells about all arrays together.
 *
 * @see https://man7.org/linux/man-pages/man2/semctl.2.html
 */
export function semctlInfo(): SemaphoreArraysInfo {
  const highestIndex = semctlStruct(0, 0, SEM_INFO, scratch);
  return {
    highestIndex,
    usedIds: getMember(scratch, SEMINFO.semusz),
    semaphores: getMember(scratch, SEMINFO.semaem),
  };
}

/**
 * `semctl(index, 0, SEM_STAT_ANY, &semid_ds)` — Tells about the array at an index of the kernel's table, also one that this user may
 * not read. To list all, ask for each index from 0 to {@link SemaphoreArraysInfo.highestIndex}.
 *
 * @returns with its id; `undefined` when there is no array at that index, or none any more
 * @see https://man7.org/linux/man-pages/man2/semctl.2.html
 */
export function semctlStatIndex(index: number): (SemaphoreArrayStatus & { id: number }) | undefined {
  checkInt32("index", index);
  const id: number = structCalls().semctl(index, 0, SEM_STAT_ANY, scratch);
  if (id >= 0) return { id, ...status() };
  const errno = lastErrno();
  if (errno === EINVAL || errno === EIDRM) return undefined;
  throw new SystemError("semctl", errno);
}

function semctl(array: number, num: number, operation: number, value: number): number {
  checkInt32("array", array);
  checkInt32("num", num);
  const result: number = valueCalls().semctl(array, num, operation, value);
  if (result < 0) throw failedCall("semctl");
  return result;
}

function semctlStruct(array: number, num: number, operation: number, struct: ArrayBufferView): number {
  checkInt32("array", array);
  const result: number = structCalls().semctl(array, num, operation, struct);
  if (result < 0) throw failedCall("semctl");
  return result;
}

function status(): SemaphoreArrayStatus {
  return {
    key: getMember(scratch, SEMID_DS.sem_perm___key),
    uid: getMember(scratch, SEMID_DS.sem_perm_uid),
    gid: getMember(scratch, SEMID_DS.sem_perm_gid),
    cuid: getMember(scratch, SEMID_DS.sem_perm_cuid),
    cgid: getMember(scratch, SEMID_DS.sem_perm_cgid),
    mode: getMember(scratch, SEMID_DS.sem_perm_mode),
    otime: getMember(scratch, SEMID_DS.sem_otime),
    ctime: getMember(scratch, SEMID_DS.sem_ctime),
    nsems: getMember(scratch, SEMID_DS.sem_nsems),
  };
}

function fillOperations(operations: readonly SemaphoreOperation[]): DataView {
  const bytes = operations.length * SEMBUF.sizeof;
  const sops = bytes <= ROOM_BESIDE_TIME ? scratch : new DataView(new ArrayBuffer(bytes));
  let base = 0;
  for (const { num, op, flags = 0 } of operations) {
    checkShort("num", num, 0, 65_535);
    checkShort("op", op, -32_768, 32_767);
    checkShort("flags", flags, -32_768, 32_767);
    setMember(sops, SEMBUF.sem_num, num, base);
    setMember(sops, SEMBUF.sem_op, op, base);
    setMember(sops, SEMBUF.sem_flg, flags, base);
    base += SEMBUF.sizeof;
  }
  return sops;
}

/** A C `short` or `unsigned short`, which would drop the higher bits. */
function checkShort(name: string, value: number, lowest: number, highest: number): void {
  checkInteger(name, value);
  if (value < lowest || value > highest)
    throw new RangeError(`${name} is ${value}, but must be an integer from ${lowest} to ${highest}`);
}

function outcome(syscall: string, result: number): number {
  if (result === 0) return 0;
  const errno = lastErrno();
  if (errno === EAGAIN) return WOULD_BLOCK;
  if (errno === EINTR) return INTERRUPTED;
  throw new SystemError(syscall, errno);
}
