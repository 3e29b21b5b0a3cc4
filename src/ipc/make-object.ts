import { lstatSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { IpcError } from "../errors.ts";
import { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR, S_IFMT, S_IFREG } from "../ffi/abi/current.ts";
import { close, fstat, open, posixFallocate, write } from "../ffi/fd.ts";
import { geteuid, getpid } from "../ffi/ids.ts";
import { pageSize } from "../ffi/sysconf.ts";
import { headerBytesOf } from "../ring/header-bytes.ts";
import { initializeHeader } from "../ring/initialize-header.ts";
import type { RingKind } from "../ring/validate-header.ts";
import { SEGMENT_FILE, sweepTemporaries, temporaryPath } from "./presence-object.ts";

/** What is asked of a new object. */
export interface NewObject {
  /** For messages. */
  readonly address: string;
  /** Bytes of data of a new object: a power of two of whole pages. */
  readonly capacity: number;
  /** Permission bits of the files. */
  readonly mode: number;
}

/** What an object is besides its files' sizes: which kind of ring, and how its ends are woken. */
export interface ObjectShape {
  readonly kind: RingKind;
  /** One of the files that `makeBells` makes. */
  readonly bell: string;
  makeBells(directory: string, mode: number): void;
}

/** So often an object can vanish between two looks before it is taken for none. */
const MOST_LOOKS = 1000;

/** Opens the segment of an object, which is made when there is none. */
export function openOrCreate(
  path: string,
  options: NewObject,
  shape: ObjectShape,
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
export function buildObject(path: string, { capacity, mode }: NewObject, shape: ObjectShape): string {
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

/** True while `path` still leads to the open segment. */
export function isAt(path: string, segment: number): boolean {
  const found = lstatSync(join(path, SEGMENT_FILE), { throwIfNoEntry: false, bigint: true });
  return found !== undefined && Number(found.ino) === fstat(segment).ino;
}
