import { lstatSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { domainError } from "../error-table.ts";
import { IpcError } from "../errors.ts";
import { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR, S_IFMT, S_IFREG } from "../ffi/abi/current.ts";
import { close, fstat, open, posixFallocate, write } from "../ffi/fd.ts";
import { mkfifo } from "../ffi/fifo.ts";
import { geteuid, getpid } from "../ffi/ids.ts";
import { queryLock, tryLock, unlock } from "../ffi/lock.ts";
import { renameExchange } from "../ffi/rename.ts";
import { pageSize } from "../ffi/sysconf.ts";
import type { Region } from "../memory/region.ts";
import { waitForLock } from "../objects/wait-for-lock.ts";
import { headerBytesOf } from "../ring/header-bytes.ts";
import { initializeHeader } from "../ring/initialize-header.ts";
import {
  HEAD_OFFSET,
  KIND_SPSC,
  OWNER_WORDS_OFFSET,
  SEGMENT_LIVE,
  SEGMENT_REMOVED,
  SEGMENT_STATE_OFFSET,
  SEGMENT_SUPERSEDED,
  STATE_CLOSED,
  STATE_NEVER,
  TAIL_OFFSET,
} from "../ring/layout.ts";
import type { RingKind } from "../ring/validate-header.ts";
import type { Side } from "./link.ts";
import { mapSegment } from "./map-segment.ts";
import { openBell } from "./open-bell.ts";
import { Presence } from "./presence.ts";
import {
  bellFile,
  otherSide,
  pidWord,
  placeOf,
  removeObject,
  roleByte,
  SEGMENT_FILE,
  SETUP_BYTE,
  sessionsWord,
  stateWord,
  sweepTemporaries,
  temporaryPath,
} from "./presence-object.ts";

/** What is asked of a new object. */
export type NewObject = Pick<AttachOptions, "address" | "capacity" | "mode">;

/** What an object does that stays when nobody holds it. */
export interface Keep {
  readonly shape: ObjectShape;
  /**
   * Called under the setup lock when the end is this process's and before `enter`, in the place of making another object: begins the
   * next session where the last one is over. `peerHeld`: somebody is at the other end.
   */
  reopen(object: KeptObject): void;
  /** Called under the setup lock when an end leaves, before its memory goes. */
  leave?(region: Region): void;
}

/** What `Keep.reopen` works on. */
export interface KeptObject {
  readonly words: Int32Array;
  /** Index in `words` of the header. */
  readonly header: number;
  readonly side: Side;
  readonly peerHeld: boolean;
}

/** What `attachPresence` wants to know. */
export interface AttachOptions {
  /** For messages. */
  readonly address: string;
  /** Bytes of data of a new object: a power of two of whole pages. */
  readonly capacity: number;
  /** True when the user asked for that capacity, so that a smaller object will not do. */
  readonly capacityAsked: boolean;
  /** Permission bits of the files. */
  readonly mode: number;
  /** Called under the setup lock before an object whose last session is over is replaced; it reads the object's owner words. */
  readonly discard?: (ownerWord: (index: 0 | 1 | 2 | 3) => number) => void;
  /** For an object that stays. */
  readonly keep?: Keep | undefined;
}

/**
 * Attaches to the object `name`, or at a path if it is one, as its producer (a sender) or consumer (a receiver), and makes it when there is none. An object whose
 * last session is over, and one that is too small and holds nothing, is replaced.
 *
 * @param enter called under the setup lock when everything is open, to take the end: it sets the state word
 * @throws {IpcError} `IPC_BUSY` when a live process holds that end; `IPC_EXISTS` when the object is in use and smaller than asked for;
 *   `IPC_CORRUPT` when it is not what this version writes; `IPC_LIMIT` when there is no room for it; `IPC_PERMISSION`
 */
export function attachPresence(
  name: string,
  side: Side,
  options: AttachOptions,
  enter: (presence: Presence) => void,
): Presence {
  const path = placeOf(name);
  const remedies = options.keep === undefined ? REMEDIES : KEPT_REMEDIES;
  try {
    for (;;) {
      const { segment, created } = openOrCreate(path, options, options.keep?.shape);
      const presence = attachOpened(segment, path, name, side, options, created, enter);
      if (presence !== undefined) return presence;
    }
  } catch (error) {
    const remedy = remedies[(error as { code?: string }).code ?? ""];
    const message = `Cannot open ${options.address} as ${side}, in ${path}`;
    throw domainError("create", error, remedy === undefined ? message : `${message}. ${remedy}`);
  }
}

/** So often an object can vanish between two looks before it is taken for none. */
const MOST_LOOKS = 1000;

/** What an object is besides its files' sizes: which kind of ring, and how its ends are woken. */
export interface ObjectShape {
  readonly kind: RingKind;
  /** One of the files that `makeBells` makes. */
  readonly bell: string;
  makeBells(directory: string, mode: number): void;
}

const TWO_BELLS: ObjectShape = twoBells(KIND_SPSC);

/** An object with a bell for each end. */
export function twoBells(kind: RingKind): ObjectShape {
  return {
    kind,
    bell: bellFile("sender"),
    makeBells(directory, mode) {
      mkfifo(join(directory, bellFile("sender")), mode);
      mkfifo(join(directory, bellFile("receiver")), mode);
    },
  };
}

/** Opens the segment of an object, which is made when there is none. */
export function openOrCreate(
  path: string,
  options: NewObject,
  shape: ObjectShape = TWO_BELLS,
): { segment: number; created: boolean } {
  let created = false;
  for (let look = 0; look < MOST_LOOKS; look++) {
    const segment = openSegment(path, options.address, shape);
    if (segment !== undefined) return { segment, created };
    created = createObject(path, options, shape);
  }
  // what is neither there nor can be made is a folder of somebody else's
  throw foreign(path, options.address, undefined);
}

/** Opens the segment of an object; `undefined` when there is no object, or no longer. */
function openSegment(path: string, address: string, shape: ObjectShape): number | undefined {
  try {
    const segment = open(join(path, SEGMENT_FILE), O_RDWR | O_NOFOLLOW);
    checkSegment(segment, path, address);
    return segment;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ENOTDIR" || code === "ELOOP" || code === "EISDIR" || code === "ENXIO")
      throw foreign(path, address, error);
    if (code !== "ENOENT") throw error;
  }
  const found = lstatSync(path, { throwIfNoEntry: false });
  // a directory without a segment: one that is just being removed, or not ours
  if (found !== undefined && lstatSync(join(path, shape.bell), { throwIfNoEntry: false }) === undefined) {
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) throw foreign(path, address, undefined);
  }
  return undefined;
}

/** Closes and refuses a segment that is not a file of this user, in a directory of this user's that is not a link. */
function checkSegment(segment: number, path: string, address: string): void {
  const { mode, uid } = fstat(segment);
  const user = geteuid();
  const folder = lstatSync(path, { throwIfNoEntry: false });
  const owner = uid === user ? (folder?.uid ?? user) : uid;
  if ((mode & S_IFMT) === S_IFREG && owner === user && !folder?.isSymbolicLink()) return;
  close(segment);
  if (owner === user) throw foreign(path, address, undefined);
  const what = uid === user ? `the folder ${path}` : `its segment in ${path}`;
  throw new IpcError(
    "IPC_PERMISSION",
    `Cannot open ${address}: ${what} belongs to user ${owner}, not to ${user}. Remove it, or use another name`,
  );
}

function foreign(path: string, address: string, cause: unknown): IpcError {
  return new IpcError(
    "IPC_CORRUPT",
    `Cannot open ${address}: ${path} is not a millrace object. Remove it, or use another name`,
    {
      cause,
    },
  );
}

/** Makes the object under its name; false when somebody else was first. */
function createObject(path: string, options: NewObject, shape: ObjectShape): boolean {
  const temporary = buildObject(path, options, shape);
  try {
    renameSync(temporary, path);
    return true;
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" || code === "ENOTEMPTY") return false;
    if (code === "ENOTDIR") throw foreign(path, options.address, error);
    throw error;
  }
}

/** Builds an object under a temporary name and gives its path. */
export function buildObject(path: string, { capacity, mode }: NewObject, shape: ObjectShape = TWO_BELLS): string {
  sweepTemporaries(dirname(path));
  const temporary = temporaryPath(path);
  mkdirSync(temporary, { mode: 0o700 });
  try {
    const headerBytes = pageSize();
    const segmentBytes = headerBytesOf(shape.kind, capacity, headerBytes) + capacity;
    const segment = open(join(temporary, SEGMENT_FILE), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    try {
      // all of it now: a full tmpfs is an error here, and not a SIGBUS later
      posixFallocate(segment, 0, segmentBytes);
      const words = new Int32Array(headerBytes >> 2);
      initializeHeader({ words, offset: 0 }, { capacity, creatorPid: getpid(), headerBytes, kind: shape.kind });
      write(segment, new Uint8Array(words.buffer));
    } finally {
      close(segment);
    }
    shape.makeBells(temporary, mode);
    return temporary;
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    throw error;
  }
}

/** Takes the end of an open segment; `undefined`, with the segment closed, when the name has to be looked up again. */
function attachOpened(
  segment: number,
  path: string,
  name: string,
  side: Side,
  options: AttachOptions,
  created: boolean,
  enter: (presence: Presence) => void,
): Presence | undefined {
  const opened = [segment];
  let region: Region | undefined;
  try {
    waitForLock(segment, "write", SETUP_BYTE, 1);
    region = mapSegment(segment, options.address, options.keep?.shape.kind);
    const { words } = region.arena;
    const header = region.offset >> 2;
    const segmentState = Atomics.load(words, header + (SEGMENT_STATE_OFFSET >> 2));
    const stale = !isAt(path, segment);
    if (!stale && !SEGMENT_STATES.includes(segmentState)) {
      throw new IpcError(
        "IPC_CORRUPT",
        `Cannot open ${options.address}: the state word of its segment in ${path} is ${segmentState >>> 0}, not 0, 1 or 2. ` +
          "Remove it, or use another name",
      );
    }
    if (!stale && segmentState !== SEGMENT_LIVE) removeObject(path, words, header);
    if (stale || segmentState !== SEGMENT_LIVE || !fits(region, segment, path, side, options)) {
      region.close();
      close(segment);
      return undefined;
    }
    if (!tryLock(segment, "write", roleByte(side), 1)) throw busy(options.address, side, words[header + pidWord(side)]);
    const bell = openBell(join(path, bellFile(side)), O_RDONLY);
    opened.push(bell);
    // for reading too, so that it opens without a reader there
    const peerBell = openBell(join(path, bellFile(otherSide(side))), O_RDWR);
    opened.push(peerBell);
    const capacity = (region.length - pageSize()) / 2;
    if (options.keep !== undefined) {
      const peerHeld = queryLock(segment, "write", roleByte(otherSide(side)), 1);
      options.keep.reopen({ words, header, side, peerHeld });
    }
    const { keep } = options;
    const presence = new Presence({ name, side, region, capacity, created, path, segment, bell, peerBell, keep });
    enter(presence);
    unlock(segment, SETUP_BYTE, 1);
    if (keep === undefined) presence.own();
    return presence;
  } catch (error) {
    region?.close();
    for (const descriptor of opened) close(descriptor);
    throw error;
  }
}

/** True when the object may be used; false when it was replaced or removed and the name has to be looked up again. */
function fits(region: Region, segment: number, path: string, side: Side, options: AttachOptions): boolean {
  const { words } = region.arena;
  const header = region.offset >> 2;
  const other = otherSide(side);
  if (queryLock(segment, "write", roleByte(side), 1)) return true; // busy, which is reported by the caller
  const peerHeld = queryLock(segment, "write", roleByte(other), 1);
  const receiverState = Atomics.load(words, header + stateWord("receiver"));
  if (options.keep === undefined && !peerHeld && receiverState === STATE_CLOSED) {
    // the last receiver left and nobody is there: that session is over
    options.discard?.((index) => Atomics.load(words, header + (OWNER_WORDS_OFFSET >> 2) + index));
    removeObject(path, words, header);
    return false;
  }
  const capacity = (region.length - pageSize()) / 2;
  if (!options.capacityAsked || capacity >= options.capacity) return true;
  const empty =
    options.keep === undefined
      ? Atomics.load(words, header + (HEAD_OFFSET >> 2)) === Atomics.load(words, header + (TAIL_OFFSET >> 2))
      : Atomics.load(words, header + sessionsWord("sender")) === 0;
  const replaceable =
    empty && (side === "sender" || (!peerHeld && Atomics.load(words, header + stateWord(other)) === STATE_NEVER));
  if (!replaceable) {
    throw new IpcError(
      "IPC_EXISTS",
      `Cannot open ${options.address} with a capacity of ${options.capacity} bytes: it exists with ${capacity} and ${options.keep === undefined ? "is in use" : "keeps what was sent"}. ` +
        "Open it without a capacity, or let the sender ask for the larger one when it is made",
    );
  }
  if (peerHeld) supersede(path, words, header, other, options);
  else removeObject(path, words, header);
  return false;
}

/** Puts a new object in the place of one to which the other end is attached, and tells it. */
function supersede(path: string, words: Int32Array, header: number, other: Side, options: AttachOptions): void {
  const bell = openBell(join(path, bellFile(other)), O_RDWR);
  let replacement: string | undefined;
  const state = header + (SEGMENT_STATE_OFFSET >> 2);
  try {
    replacement = buildObject(path, options, options.keep?.shape);
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
    write(bell, new Uint8Array(1));
  } finally {
    close(bell);
    if (replacement !== undefined) rmSync(replacement, { recursive: true, force: true });
  }
}

const SEGMENT_STATES = [SEGMENT_LIVE, SEGMENT_REMOVED, SEGMENT_SUPERSEDED];

/** What to do about a system call that failed. */
const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: "Free space there, ask for a smaller capacity, or set MILLRACE_DIR to another tmpfs",
  EDQUOT: "Free space there, ask for a smaller capacity, or set MILLRACE_DIR to another tmpfs",
  EACCES: "Mend the permissions there, or set MILLRACE_DIR to a directory of your own on a tmpfs",
  EPERM: "Mend the permissions there, or set MILLRACE_DIR to a directory of your own on a tmpfs",
  EROFS: "Set MILLRACE_DIR to a directory of your own on a tmpfs",
  EMFILE: "Close some descriptors, or raise the limit of open files (ulimit -n)",
};

const FREE_SPACE = "Free space there, ask for a smaller capacity, or use a path on another file system";

const KEPT_REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: FREE_SPACE,
  EDQUOT: FREE_SPACE,
  EACCES: "Mend the permissions there, or use a path in a folder of your own",
  EPERM: "Mend the permissions there, or use a path on a file system that has FIFOs",
  EROFS: "Use a path on a file system that can be written to",
  ENODEV: "Use a path on a file system whose files can be mapped shared",
  ENOENT: "Make the folder that it shall lie in",
  EMFILE: REMEDIES.EMFILE as string,
};

/** True while `path` still leads to the open segment. */
export function isAt(path: string, segment: number): boolean {
  const found = lstatSync(join(path, SEGMENT_FILE), { throwIfNoEntry: false, bigint: true });
  return found !== undefined && Number(found.ino) === fstat(segment).ino;
}

export function busy(address: string, side: Side, pid: number | undefined): IpcError {
  return new IpcError(
    "IPC_BUSY",
    `Cannot open ${address} as ${side}: process ${pid} already holds that end. Close it there, or use another name`,
  );
}
