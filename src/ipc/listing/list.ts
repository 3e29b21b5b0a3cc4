import { OBJECT_KINDS } from "../../objects/object-kinds.ts";
import type { ObjectKind } from "../../objects/own.ts";
import { findObjects } from "./find-objects.ts";
import type { ObjectInfo } from "./object-info.ts";

/** What {@link list} shows. */
export interface ListOptions {
  /** Only these kinds. */
  readonly kinds?: readonly ObjectKind[] | undefined;
}

/**
 * Lists the objects of this machine that outlive the processes that made them, also those that other programs made: System V segments,
 * queues and semaphore arrays, POSIX shared memory and semaphores, POSIX queues (all of them where `/dev/mqueue` is mounted), and of this
 * library the rings, the FIFOs and the unix sockets. It is a snapshot: what it says of another process may have changed since.
 *
 * @returns sorted by kind and name
 * @throws {TypeError} `kinds` has something else than the kinds there are
 * @throws {IpcError} `IPC_PERMISSION`, `IPC_NOT_FOUND` when the object directory cannot be used
 *
 * @example What is left of killed processes
 * ```ts
 * import { objects } from "millrace";
 *
 * for (const { kind, name, size, stale } of objects.list()) {
 *   if (stale) console.log(kind, name, size);
 * }
 * ```
 */
export function list(options: ListOptions = {}): ObjectInfo[] {
  if (options === null || typeof options !== "object") {
    throw new TypeError(`The options are ${String(options)}, but must be an object { kinds }`);
  }
  const { kinds = OBJECT_KINDS } = options;
  if (!Array.isArray(kinds)) throw new TypeError(`kinds is ${String(kinds)}, but must be an array such as ["ring"]`);
  for (const kind of kinds) checkKind(kind);
  return findObjects(kinds).map(({ info }) => info);
}

/** @throws {TypeError} when there is no such kind */
export function checkKind(kind: unknown): ObjectKind {
  const known = OBJECT_KINDS.find((one) => one === kind);
  if (known === undefined)
    throw new TypeError(`kind is ${JSON.stringify(kind)}, but must be one of ${OBJECT_KINDS.join(", ")}`);
  return known;
}
