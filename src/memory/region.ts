import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_READ,
  PROT_WRITE,
  SHM_RDONLY,
  SHM_REMAP,
} from "../ffi/abi/current.ts";
import { mmap } from "../ffi/mmap.ts";
import { shmat } from "../ffi/shm.ts";
import { pageSize } from "../ffi/sysconf.ts";
import { ARENA_BYTES, type Arena, arena, growArena } from "./arena.ts";
import { Windows } from "./windows.ts";

/**
 * A window of the arena with something mapped into it.
 *
 * Lifetime: `bytes` and every view at `offset` are valid until `close()`. After it they show zeros, and much later possibly another
 * object; they never fault. A region is not closed by garbage collection: who maps it closes it.
 */
export interface Region {
  /** Where the region starts in the arena, in bytes; a multiple of the page size. */
  readonly offset: number;
  /** Its length in bytes, as asked for. */
  readonly length: number;
  /** A view of just this region. A write to what was mapped for reading kills the process: see {@link Mapping}. */
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  readonly arena: Arena;
  /** Unmaps. Idempotent. */
  close(): void;
}

/** What a mapping is for: reading and writing, reading only, or reading and writing in a copy that nobody else sees. */
export type MapAccess = "readwrite" | "read" | "private";

let windows: Windows | undefined;

/**
 * Maps `length` bytes of a file, shared, readable and writable. The descriptor may be closed afterwards.
 *
 * @param descriptor an open file, POSIX shared memory object or memfd that is at least `offset + length` bytes long; a page beyond its
 *   end would be a SIGBUS at the first touch, so the caller has checked that
 * @param length bytes to map
 * @param offset where in the file, a multiple of the page size
 * @throws {SystemError} as of mmap(2): `EACCES`, `EAGAIN`, `EBADF`, `EINVAL`, `ENODEV`, `ENOMEM`
 * @throws {IpcError} `IPC_LIMIT` when the arena has no such window
 * @see https://man7.org/linux/man-pages/man2/mmap.2.html
 */
export function mapShared(descriptor: number, length: number, offset = 0): Region {
  return mapFile(descriptor, length, offset, "readwrite");
}

/**
 * Maps `length` bytes of a file. The descriptor may be closed afterwards.
 *
 * @param descriptor as of {@link mapShared}; open for reading and, with `"readwrite"`, for writing
 * @param offset where in the file, a multiple of the page size
 * @throws as {@link mapShared}
 */
export function mapFile(descriptor: number, length: number, offset: number, access: MapAccess): Region {
  return mapParts(length, [{ at: 0, length, descriptor, offset }], access);
}

/**
 * Attaches a System V segment. Closing the region detaches it.
 *
 * @param segment its id
 * @param length its size in bytes, as the kernel tells it
 * @throws {SystemError} as of shmat(2): `EACCES`, `EIDRM`, `EINVAL`, `ENOMEM`
 * @throws {IpcError} `IPC_LIMIT` when the arena has no such window
 * @see https://man7.org/linux/man-pages/man2/shmat.2.html
 */
export function attachSegment(segment: number, length: number, readOnly: boolean): Region {
  const flags = SHM_REMAP | (readOnly ? SHM_RDONLY : 0);
  return mapWindow(length, (address) => shmat(segment, address, flags), pageSize());
}

/**
 * Maps a ring segment: `headerBytes` once and the `dataBytes` behind them twice in a row, so that what crosses the end of the data goes
 * on in its second image and is contiguous.
 *
 * @param descriptor as of {@link mapShared}
 * @param headerBytes bytes before the data, a multiple of the page size
 * @param dataBytes bytes of data, a multiple of the page size
 * @throws as {@link mapShared}
 */
export function mapMirrored(descriptor: number, headerBytes: number, dataBytes: number): Region {
  return mapParts(headerBytes + 2 * dataBytes, [
    { at: 0, length: headerBytes + dataBytes, descriptor, offset: 0 },
    { at: headerBytes + dataBytes, length: dataBytes, descriptor, offset: headerBytes },
  ]);
}

/** Bytes of the arena that nothing is mapped into. */
export function freeArenaBytes(): number {
  return windowsOfArena().freeBytes + ARENA_BYTES - arena().bytes.length;
}

interface Part {
  readonly at: number;
  readonly length: number;
  readonly descriptor: number;
  readonly offset: number;
}

function mapParts(length: number, parts: readonly Part[], access: MapAccess = "readwrite"): Region {
  const protection = access === "read" ? PROT_READ : PROT_READ | PROT_WRITE;
  const flags = (access === "private" ? MAP_PRIVATE : MAP_SHARED) | MAP_FIXED;
  return mapWindow(length, (address) => {
    for (const { at, length: bytes, descriptor, offset } of parts) {
      mmap(address + at, bytes, protection, flags, descriptor, offset);
    }
  });
}

/**
 * Takes a window, has something mapped into it, and keeps it until it is closed.
 *
 * @param fill maps something over the `length` bytes from that native address
 * @param spare a page when the start shall not be aligned to anything larger than one. `shmat` maps a segment of huge pages over whole
 *   huge pages, however short it is, and so over the neighbours of its window; at such an address it refuses to. Otherwise 0
 */
function mapWindow(length: number, fill: (address: number) => void, spare = 0): Region {
  const taken = length + spare;
  const first = takeWindow(taken);
  const home = arena();
  const start = spare > 0 && (home.address + first) % (2 * spare) === 0 ? first + spare : first;
  const release = () => {
    clear(home, start, length);
    windowsOfArena().give(first, taken);
  };
  try {
    fill(home.address + start);
  } catch (error) {
    release();
    throw error;
  }
  let open = true;
  return {
    offset: start,
    length,
    bytes: home.bytes.subarray(start, start + length),
    arena: home,
    close() {
      if (!open) return;
      open = false;
      release();
    },
  };
}

/** Not munmap: a hole in the arena would crash the next touch, or be given to somebody else by the kernel. */
function clear(home: Arena, start: number, length: number): void {
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
  mmap(home.address + start, length, PROT_READ | PROT_WRITE, flags, -1, 0);
}

function takeWindow(length: number): number {
  const free = windowsOfArena();
  let first = free.tryTake(length);
  while (first === undefined && extend(free, length)) first = free.tryTake(length);
  return first ?? free.take(length);
}

/** Adds at least `length` bytes, and at least as much again, so that this is seldom; false when there is no more. */
function extend(free: Windows, length: number): boolean {
  const before = arena().bytes.length;
  if (before === ARENA_BYTES) return false;
  try {
    growArena(Math.min(ARENA_BYTES, Math.max(2 * before, before + length)));
  } catch {
    return false;
  }
  free.give(before, arena().bytes.length - before);
  return true;
}

function windowsOfArena(): Windows {
  windows ??= new Windows(0, arena().bytes.length, pageSize());
  return windows;
}
