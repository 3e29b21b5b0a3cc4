import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { domainError } from "../../error-table.ts";
import { IpcError } from "../../errors.ts";
import { O_NOFOLLOW, O_RDWR } from "../../ffi/abi/current.ts";
import { close, open } from "../../ffi/fd.ts";
import { mqUnlink } from "../../ffi/mq.ts";
import { msgctlRemove } from "../../ffi/msg.ts";
import { semUnlink } from "../../ffi/posix-sem.ts";
import { shmUnlink } from "../../ffi/posix-shm.ts";
import { semctlRemove } from "../../ffi/sem.ts";
import { shmctlRemove } from "../../ffi/shm.ts";
import { objectDirectory } from "../../objects/object-directory.ts";
import type { ObjectKind } from "../../objects/own.ts";
import { waitForLock } from "../../objects/wait-for-lock.ts";
import { KIND_FUNNEL } from "../../ring/funnel-layout.ts";
import { KIND_BROADCAST, KIND_KEPT, KIND_SPSC } from "../../ring/layout.ts";
import type { RingKind } from "../../ring/validate-header.ts";
import { mapSegment } from "../map-segment.ts";
import { removeObject, SEGMENT_FILE, SETUP_BYTE } from "../presence-object.ts";
import { removePresence } from "../remove-presence.ts";
import { findObjects, type ListedObject } from "./find-objects.ts";
import { checkKind } from "./list.ts";
import type { ObjectInfo } from "./object-info.ts";
import { BROADCAST_SUFFIX, FUNNEL_SUFFIX } from "./rings.ts";

/** How {@link remove} removes. */
export interface RemoveOptions {
  /** Also an object that somebody uses, or of which that is not known. */
  readonly force?: boolean | undefined;
}

/**
 * Removes an object, whoever made it, if the system allows that.
 *
 * @param target its kind and name as `objects.list` gives them. A System V object may also be named by its key, as `0x` and hexadecimal digits. A
 *   ring in a file that nobody has open is not listed: `Channel.remove` removes it
 * @returns what was removed
 * @throws {TypeError} there is no such kind
 * @throws {IpcError} `IPC_BUSY` somebody uses it, or may use it; `force` removes it all the same. `IPC_NOT_FOUND`, `IPC_PERMISSION`
 *
 * @example Remove a ring that a program left
 * ```ts
 * import { Channel, objects } from "millrace";
 *
 * const sender = await Channel.sender("ring:left-behind");
 * await sender.send(new Uint8Array(8));
 * await sender.close(); // what was sent waits for a receiver
 * console.log(objects.remove({ kind: "ring", name: "left-behind" }).backlog);
 * ```
 */
export function remove(
  target: { readonly kind: ObjectKind; readonly name: string },
  options: RemoveOptions = {},
): ObjectInfo {
  const kind = checkKind(target.kind);
  const { name } = target;
  if (typeof name !== "string" || name === "")
    throw new TypeError(`name is ${JSON.stringify(name)}, but must be a string that is not empty`);
  const found = findObjects([kind], name).find((object) => isNamed(object, name));
  const what = `Cannot remove ${kind} ${name}`;
  if (found === undefined) throw new IpcError("IPC_NOT_FOUND", `${what}: there is none of that name`);
  const { use, holders, notes } = found;
  if (use !== "free" && options.force !== true) {
    const why = holders?.length
      ? `process ${holders.join(", ")} uses it`
      : notes.length > 0
        ? notes.join("; ")
        : "it is in use";
    throw new IpcError("IPC_BUSY", `${what}: ${why}. End that first, or force it`);
  }
  try {
    if (!removeFound(found, options.force === true)) {
      throw new IpcError("IPC_NOT_FOUND", `${what}: it is gone meanwhile`);
    }
  } catch (error) {
    throw domainError("remove", error, what);
  }
  return found.info;
}

function isNamed({ kind, name, key, path, recordName }: ListedObject, wanted: string): boolean {
  if (name === wanted || recordName === wanted || (path === wanted && path !== undefined)) return true;
  if (kind.startsWith("sysv-")) return /^0x[0-9a-f]{1,8}$/i.test(wanted) && key !== 0 && Number(wanted) === key;
  return kind.startsWith("posix-") && name === `/${wanted}`;
}

function removeFound({ kind, name, recordName, path }: ListedObject, force: boolean): boolean {
  try {
    if (kind === "sysv-shm") shmctlRemove(Number(name));
    else if (kind === "sysv-msg") msgctlRemove(Number(name));
    else if (kind === "sysv-sem") semctlRemove(Number(name));
    else if (kind === "posix-shm") shmUnlink(name);
    else if (kind === "posix-sem") semUnlink(name);
    else if (kind === "posix-mq") mqUnlink(name);
    else if (kind === "ring") return removeRing(recordName, force);
    else rmSync(path as string);
    return true;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ENOENT" || code === "EINVAL" || code === "EIDRM") return false;
    throw error;
  }
}

function kindOf(name: string): RingKind {
  if (name.endsWith(BROADCAST_SUFFIX)) return KIND_BROADCAST;
  return name.endsWith(FUNNEL_SUFFIX) ? KIND_FUNNEL : KIND_SPSC;
}

function removeRing(path: string, force: boolean): boolean {
  const name = path.slice(objectDirectory().length + 1);
  const isInFile = dirname(path) !== objectDirectory();
  const kind = isInFile ? KIND_KEPT : kindOf(name);
  if (!force) return removePresence(isInFile ? path : name, name, kind);
  const segment = open(join(path, SEGMENT_FILE), O_RDWR | O_NOFOLLOW);
  try {
    waitForLock(segment, "write", SETUP_BYTE, 1);
    const region = mapSegment(segment, name, kind);
    removeObject(path, region.arena.words, region.offset >> 2);
    region.close();
    return true;
  } finally {
    close(segment);
  }
}
