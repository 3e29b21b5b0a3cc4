import { rmSync } from "node:fs";
import { domainError } from "../error-table.ts";
import { IpcError } from "../errors.ts";
import { close } from "../ffi/fd.ts";
import { tryLock, unlock } from "../ffi/lock.ts";
import { renameExchange } from "../ffi/rename.ts";
import { pageSize } from "../ffi/sysconf.ts";
import type { Region } from "../memory/region.ts";
import { waitForLock } from "../objects/wait-for-lock.ts";
import { capacityOfSize } from "../ring/header-bytes.ts";
import { SEGMENT_LIVE, SEGMENT_REMOVED, SEGMENT_STATE_OFFSET, SEGMENT_SUPERSEDED } from "../ring/layout.ts";
import type { Side } from "./link.ts";
import { buildObject, isAt, type NewObject, type ObjectShape, openOrCreate } from "./make-object.ts";
import { mapSegment } from "./map-segment.ts";
import { pidWord, removeObject, roleByte, SETUP_BYTE } from "./presence-object.ts";

/** An object whose segment is open and mapped, under its setup lock. */
export interface OpenObject {
  /** For messages. */
  readonly address: string;
  /** Its directory. */
  readonly path: string;
  /** The open segment. Its locks are this end's, and go with it. */
  readonly segment: number;
  /** The segment, mapped: header and (mirrored) data. */
  readonly region: Region;
  /** The words of the arena, and the index there of the header. */
  readonly words: Int32Array;
  readonly header: number;
  /** Bytes of data. */
  readonly capacity: number;
  /** Whether this call made it. */
  readonly created: boolean;
}

/** How an end of an object is taken: what the kinds of objects do differently. */
export interface Taking<End extends { closeBells(): void }> {
  readonly side: Side;
  /** Any number of processes may be at this end: they share its lock. */
  readonly shared: boolean;
  readonly options: NewObject;
  readonly shape: ObjectShape;
  /** What to do about a system call that failed, by errno. Default: what helps in the object directory. */
  readonly remedies?: Readonly<Record<string, string>> | undefined;
  /** Called under the setup lock: true when the object may be used; false when it was replaced or removed and the name has to be looked up again. */
  fits(object: OpenObject): boolean;
  /** Called under the setup lock, with the role's lock: opens the rest and takes the end, which sets the state word. */
  take(object: OpenObject): End;
}

/**
 * Takes an end of the object at `path`, and makes it when there is none.
 *
 * @throws {IpcError} `IPC_BUSY` when a live process holds that end; `IPC_CORRUPT` when it is not what this version writes; `IPC_LIMIT` when
 *   there is no room for it; `IPC_PERMISSION`; and what `fits` and `take` throw
 */
export function attachObject<End extends { closeBells(): void }>(path: string, taking: Taking<End>): End {
  const { side, options, remedies = REMEDIES } = taking;
  try {
    for (;;) {
      const { segment, created } = openOrCreate(path, options, taking.shape);
      const end = attachOpened(segment, path, created, taking);
      if (end !== undefined) return end;
    }
  } catch (error) {
    const remedy = remedies[(error as { code?: string }).code ?? ""];
    const message = `Cannot open ${options.address} as ${side}, in ${path}`;
    throw domainError("create", error, remedy === undefined ? message : `${message}. ${remedy}`);
  }
}

/** Takes the end of an open segment; `undefined`, with the segment closed, when the name has to be looked up again. */
function attachOpened<End extends { closeBells(): void }>(
  segment: number,
  path: string,
  created: boolean,
  taking: Taking<End>,
): End | undefined {
  const { side, shared, options, shape } = taking;
  const { address } = options;
  let region: Region | undefined;
  let end: End | undefined;
  try {
    waitForLock(segment, "write", SETUP_BYTE, 1);
    region = mapSegment(segment, address, shape.kind);
    const { words } = region.arena;
    const header = region.offset >> 2;
    const segmentState = Atomics.load(words, header + (SEGMENT_STATE_OFFSET >> 2));
    const stale = !isAt(path, segment);
    if (!stale && !SEGMENT_STATES.includes(segmentState)) {
      throw new IpcError(
        "IPC_CORRUPT",
        `Cannot open ${address}: the state word of its segment in ${path} is ${segmentState >>> 0}, not 0, 1 or 2. ` +
          "Remove it, or use another name",
      );
    }
    if (!stale && segmentState !== SEGMENT_LIVE) removeObject(path, words, header);
    const capacity = capacityOfSize(shape.kind, region.length, pageSize(), 2) ?? 0;
    const object = { address, path, segment, region, words, header, capacity, created };
    if (stale || segmentState !== SEGMENT_LIVE || !taking.fits(object)) {
      region.close();
      close(segment);
      return undefined;
    }
    if (!tryLock(segment, shared ? "read" : "write", roleByte(side), 1)) {
      throw busy(address, side, words[header + pidWord(side)]);
    }
    end = taking.take(object);
    unlock(segment, SETUP_BYTE, 1);
    return end;
  } catch (error) {
    end?.closeBells();
    region?.close();
    close(segment);
    throw error;
  }
}

/**
 * Puts a new object in the place of one to which other processes are attached, and tells them.
 *
 * @param bell what wakes them, open; it is closed here
 * @param ring rings it
 */
export function supersede(
  object: OpenObject,
  { options, shape }: Pick<Taking<never>, "options" | "shape">,
  bell: number,
  ring: () => void,
): void {
  const { path, words, header } = object;
  let replacement: string | undefined;
  const state = header + (SEGMENT_STATE_OFFSET >> 2);
  try {
    replacement = buildObject(path, options, shape);
    Atomics.store(words, state, SEGMENT_SUPERSEDED);
    try {
      renameExchange(replacement, path);
    } catch (error) {
      // a file system that cannot exchange; the object stays what it was
      Atomics.store(words, state, SEGMENT_LIVE);
      throw new IpcError(
        "IPC_EXISTS",
        `Cannot make ${options.address} larger for its sender: ${(error as Error).message}. ` +
          "Open the sender before the receiver, or give both the same capacity",
        { cause: error },
      );
    }
    ring();
  } finally {
    close(bell);
    if (replacement !== undefined) rmSync(replacement, { recursive: true, force: true });
  }
}

const SEGMENT_STATES = [SEGMENT_LIVE, SEGMENT_REMOVED, SEGMENT_SUPERSEDED];

/** What to do about a system call that failed. */
export const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: "Free space there, ask for a smaller capacity, or set MILLRACE_DIR to another tmpfs",
  EDQUOT: "Free space there, ask for a smaller capacity, or set MILLRACE_DIR to another tmpfs",
  EACCES: "Mend the permissions there, or set MILLRACE_DIR to a directory of your own on a tmpfs",
  EPERM: "Mend the permissions there, or set MILLRACE_DIR to a directory of your own on a tmpfs",
  EROFS: "Set MILLRACE_DIR to a directory of your own on a tmpfs",
  EMFILE: "Close some descriptors, or raise the limit of open files (ulimit -n)",
};

function busy(address: string, side: Side, pid: number | undefined): IpcError {
  return new IpcError(
    "IPC_BUSY",
    `Cannot open ${address} as ${side}: process ${pid} already holds that end. Close it there, or use another name`,
  );
}
