/*
 * How the segment of a `SysvSharedMemory` is made, found and attached. Nothing here knows of the class.
 */
import { domainError } from "../error-table.ts";
import { IpcError } from "../errors.ts";
import { IPC_CREAT, IPC_EXCL, IPC_PRIVATE, SHM_DEST } from "../ffi/abi/current.ts";
import { getpid } from "../ffi/ids.ts";
import { type SharedMemoryStatus, shmctlRemove, shmctlStat, shmget } from "../ffi/shm.ts";
import { type Ownership, own } from "../objects/own.ts";
import type { SysvKey } from "../objects/sysv-key.ts";
import { Mapping } from "./mapping.ts";
import { attachSegment } from "./region.ts";

/** What a `SysvSharedMemory` is made of. */
export interface SegmentParts {
  readonly id: number;
  /** Unsigned. */
  readonly key: number;
  /** Names it in error messages. */
  readonly what: string;
  readonly mapping: Mapping;
  readonly created: boolean;
  readonly ownership: Ownership | undefined;
}

/** How a segment shall be. */
export interface NewSegment {
  /** Bytes. */
  readonly size: number;
  readonly mode: number;
  readonly removeOnExit: boolean;
}

/** What error messages call the segment of a key, as the caller wrote it. */
export function named(key: SysvKey): string {
  if (key === IPC_PRIVATE) return "the private segment";
  return `the segment of key ${typeof key === "number" ? `0x${(key >>> 0).toString(16)}` : JSON.stringify(key)}`;
}

/**
 * Makes and attaches a segment.
 *
 * @param shown the key as the caller wrote it
 * @param key the number that it means
 * @throws {IpcError} as `SysvSharedMemory.create`
 */
export function makeSegment(shown: SysvKey, key: number, segment: NewSegment): SegmentParts {
  try {
    return make(shown, key, segment);
  } catch (error) {
    throw createError(error, shown, segment.size);
  }
}

/**
 * Attaches the segment of a key, or makes it when there is none.
 *
 * @throws {IpcError} as `SysvSharedMemory.openOrCreate`
 */
export function findOrMakeSegment(shown: SysvKey, key: number, segment: NewSegment): SegmentParts {
  for (;;) {
    if (key !== IPC_PRIVATE) {
      try {
        return attachById(findSegment(shown, key, false), { what: named(shown), readOnly: false });
      } catch (error) {
        if (!(error instanceof IpcError && error.code === "IPC_NOT_FOUND")) throw error;
      }
    }
    try {
      return make(shown, key, segment);
    } catch (error) {
      // made by somebody else since
      if ((error as { code?: string }).code === "EEXIST") continue;
      throw createError(error, shown, segment.size);
    }
  }
}

/**
 * The id of the segment of a key.
 *
 * @param readOnly whether reading is all that is asked for; `undefined` asks for no access
 * @throws {IpcError} `IPC_NOT_FOUND`, `IPC_PERMISSION`
 */
export function findSegment(shown: SysvKey, key: number, readOnly: boolean | undefined): number {
  try {
    return shmget(key, 0, readOnly === undefined ? 0 : readOnly ? READ : READ | WRITE);
  } catch (error) {
    throw domainError("open", error, `Cannot open ${named(shown)}. \`ipcs -m\` shows those there are`);
  }
}

/** What {@link attachById} is told besides the id. */
export interface Attaching {
  readonly what: string;
  readonly readOnly: boolean;
}

/**
 * Attaches a segment that exists.
 *
 * @throws {IpcError} `IPC_NOT_FOUND`, `IPC_PERMISSION`, `IPC_LIMIT`, `IPC_UNSUPPORTED`
 */
export function attachById(id: number, attaching: Attaching): SegmentParts {
  const { what } = attaching;
  try {
    return attach(id, attaching);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code !== "EINVAL" && code !== "EIDRM") throw domainError("open", error, `Cannot attach ${what}`);
    if (code === "EIDRM" || statusOf(id) === undefined) {
      throw new IpcError("IPC_NOT_FOUND", `Cannot attach ${what}: it was removed, or never was`, { cause: error });
    }
    throw new IpcError(
      "IPC_UNSUPPORTED",
      `Cannot attach ${what}: it is made of huge pages, for which the arena has no place. Make it without SHM_HUGETLB`,
      { cause: error },
    );
  }
}

/** Whether a segment was removed; it may be there still, as long as somebody is attached. */
export function isGone(id: number): boolean {
  const status = statusOf(id);
  if (status === undefined) return true;
  return status !== UNREADABLE && (status.mode & SHM_DEST) !== 0;
}

const READ = 0o400;
const WRITE = 0o200;
const REMEDIES: Readonly<Record<string, string>> = {
  EEXIST: ": open it, or remove it first",
  ENOSPC: ". `ipcs -ml` shows the limits",
};

function make(shown: SysvKey, key: number, { size, mode, removeOnExit }: NewSegment): SegmentParts {
  const id = shmget(key, size, IPC_CREAT | IPC_EXCL | mode);
  const remove = () => removeOwn(id);
  const ownership = removeOnExit ? own("sysv-shm", String(id), remove) : undefined;
  try {
    // not by the id's status: the mode may keep even its maker from asking
    const what = named(shown);
    const mapping = new Mapping(attachSegment(id, size, false), { what, readOnly: false });
    return { id, key, what, mapping, created: true, ownership };
  } catch (error) {
    remove();
    ownership?.release();
    throw error;
  }
}

function attach(id: number, { what, readOnly }: Attaching): SegmentParts {
  const { key, segsz } = shmctlStat(id);
  // an id comes again only after tens of thousands of other segments, so the size is this one's
  const mapping = new Mapping(attachSegment(id, segsz, readOnly), { what, readOnly });
  return { id, key: key >>> 0, what, mapping, created: false, ownership: undefined };
}

function createError(error: unknown, shown: SysvKey, size: number): unknown {
  const { code } = error as { code?: string };
  const what = `Cannot create ${named(shown)} with ${size} bytes`;
  if (code === "EINVAL") {
    // the size was checked, so only the system's own bounds are left
    return new IpcError("IPC_LIMIT", `${what}: /proc/sys/kernel/shmmax allows less`, { cause: error });
  }
  return domainError("create", error, `${what}${REMEDIES[code ?? ""] ?? ""}`);
}

/** Removes a segment that this process made, if the id is still its. */
function removeOwn(id: number): void {
  try {
    const status = statusOf(id);
    if (status === undefined || (status !== UNREADABLE && status.cpid !== getpid())) return;
    shmctlRemove(id);
  } catch {
    // gone since, or given to another user: nothing of ours any more
  }
}

const UNREADABLE = "unreadable";

/** @returns `undefined` when there is no such segment; {@link UNREADABLE} when it may not be asked about, be it one's own */
function statusOf(id: number): SharedMemoryStatus | typeof UNREADABLE | undefined {
  try {
    return shmctlStat(id);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "EINVAL" || code === "EIDRM") return undefined;
    if (code === "EACCES") return UNREADABLE;
    throw error;
  }
}
