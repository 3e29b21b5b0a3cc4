/*
 * How the memory of a `SharedMemory` is made, opened, mapped and removed. Nothing here knows of the class.
 */
import { lstatSync } from "node:fs";
import { domainError } from "../error-table.ts";
import { IpcError } from "../errors.ts";
import {
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  MFD_ALLOW_SEALING,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  S_IFMT,
  S_IFREG,
} from "../ffi/abi/current.ts";
import { addSeals } from "../ffi/fcntl.ts";
import { close, type FileStatus, fstat, posixFallocate } from "../ffi/fd.ts";
import { memfdCreate } from "../ffi/memfd.ts";
import { shmOpen, shmUnlink } from "../ffi/posix-shm.ts";
import { type Ownership, own } from "../objects/own.ts";
import { publishFile } from "../objects/publish-file.ts";
import { Mapping } from "./mapping.ts";
import { mapFile } from "./region.ts";

/** What a `SharedMemory` is made of. */
export interface MemoryParts {
  readonly name: string | undefined;
  readonly descriptor: number;
  readonly mapping: Mapping;
  readonly identity: FileStatus;
  readonly created: boolean;
  readonly ownership: Ownership | undefined;
}

/** What error messages call memory without a name. */
export const ANONYMOUS = "anonymous shared memory";

/** What error messages call memory with a name. */
export function named(name: string): string {
  return `shared memory ${JSON.stringify(name)}`;
}

/** Where `shm_open` of Linux's C libraries has its objects. */
function pathOf(name: string): string {
  return `/dev/shm${name}`;
}

/**
 * Makes an object with a name, published whole.
 *
 * @throws {SystemError} `EEXIST`, `ENOSPC` and what `open(2)` says
 * @throws {IpcError} as of the mapping
 */
export function makeNamed(name: string, size: number, mode: number, removeOnExit: boolean): MemoryParts {
  const descriptor = publishFile(pathOf(name), size, mode);
  const identity = fstat(descriptor);
  const remove = () => {
    removeSame(name, identity);
  };
  const ownership = removeOnExit ? own("posix-shm", name, remove) : undefined;
  try {
    return adopt(descriptor, { name, what: named(name), readOnly: false, created: true, ownership });
  } catch (error) {
    remove();
    ownership?.release();
    throw error;
  }
}

/** Opens and maps an object by its name. @throws as `shm_open(3)`, and as {@link adopt} */
export function openNamed(name: string, readOnly: boolean): MemoryParts {
  // O_NONBLOCK: a FIFO that somebody put there does not hold this process up
  const descriptor = shmOpen(name, (readOnly ? O_RDONLY : O_RDWR) | O_NONBLOCK);
  return adopt(descriptor, { name, what: named(name), readOnly });
}

/** Opens an object, or makes it when there is none. @throws {IpcError} as {@link openNamed} and {@link makeNamed} */
export function openOrMake(name: string, size: number, mode: number, removeOnExit: boolean): MemoryParts {
  for (;;) {
    try {
      return openNamed(name, false);
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOENT")
        throw domainError("open", error, `Cannot open ${named(name)}`);
    }
    try {
      return makeNamed(name, size, mode, removeOnExit);
    } catch (error) {
      // made by somebody else since
      if ((error as { code?: string }).code === "EEXIST") continue;
      throw domainError("create", error, `Cannot create ${named(name)} of ${size} bytes`);
    }
  }
}

/** Makes a memfd. @throws {SystemError} as `memfd_create(2)` and `posix_fallocate(3)` */
export function makeAnonymous(name: string, size: number, seal: boolean): MemoryParts {
  const descriptor = memfdCreate(name, MFD_ALLOW_SEALING);
  try {
    posixFallocate(descriptor, 0, size);
    if (seal) addSeals(descriptor, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  } catch (error) {
    close(descriptor);
    throw error;
  }
  return adopt(descriptor, { name: undefined, what: ANONYMOUS, readOnly: false, created: true });
}

/** What {@link adopt} is told. */
export interface Adopting {
  readonly name: string | undefined;
  readonly what: string;
  readonly readOnly: boolean;
  readonly created?: boolean;
  readonly ownership?: Ownership | undefined;
}

/** Maps what a descriptor is of, whole. The descriptor belongs to the result, and is closed when there is none. */
export function adopt(descriptor: number, { name, what, readOnly, created = false, ownership }: Adopting): MemoryParts {
  try {
    const identity = fstat(descriptor);
    checkMappable(identity, what);
    const region = mapFile(descriptor, identity.size, 0, readOnly ? "read" : "readwrite");
    const mapping = new Mapping(region, { what, readOnly });
    return { name, descriptor, mapping, identity, created, ownership };
  } catch (error) {
    close(descriptor);
    throw error;
  }
}

function checkMappable({ mode, size }: FileStatus, what: string): void {
  if ((mode & S_IFMT) !== S_IFREG) {
    throw new IpcError(
      "IPC_UNSUPPORTED",
      `Cannot map ${what}: it is not a shared memory object but a folder, pipe, socket or device`,
    );
  }
  if (size === 0) {
    throw new IpcError(
      "IPC_BUSY",
      `Cannot map ${what}: it has 0 bytes, so its maker has not given it a size yet. Try again, or remove it if nobody is making it`,
    );
  }
}

/** Removes a name if it is that object's. @returns whether it did */
export function removeSame(name: string, { dev, ino }: FileStatus): boolean {
  const status = lstatSync(pathOf(name), { throwIfNoEntry: false });
  if (status === undefined || status.ino !== ino || status.dev !== dev) return false;
  try {
    shmUnlink(name);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return false;
    throw error;
  }
}
