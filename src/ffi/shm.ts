import {
  IPC_RMID,
  IPC_SET,
  IPC_STAT,
  SHM_INFO,
  SHM_LOCK,
  SHM_STAT_ANY,
  SHM_UNLOCK,
  SHM_USAGE,
  SHMID_DS,
} from "./abi/current.ts";
import { EIDRM, EINVAL } from "./abi/errno.ts";
import { lazyBind } from "./bind.ts";
import { checkInt32, checkSize, checkWord } from "./check.ts";
import { scratch } from "./scratch.ts";
import { getMember, setMember } from "./struct.ts";
import { failedCall, lastErrno, SystemError } from "./system-error.ts";

/**
 * System V shared memory, by native address. Nothing here gives JavaScript a view of the memory, nor keeps track of it:
 * `src/memory` does that. A wrong address destroys other memory of the process, and the process with it.
 */

const calls = lazyBind({
  shmget: { parameters: ["i32", "usize", "i32"], result: "i32" },
  // isize, so that a failure is -1; no address of a process is beyond 2^47
  shmat: { parameters: ["i32", "pointer", "i32"], result: "isize" },
  shmdt: { parameters: ["pointer"], result: "i32" },
  shmctl: { parameters: ["i32", "i32", "buffer"], result: "i32" },
});

/** What the kernel tells of a segment: `struct shmid_ds`. */
export interface SharedMemoryStatus {
  /** Signed; 0 for `IPC_PRIVATE`, and after {@link shmctlRemove} while somebody is attached. */
  key: number;
  /** User and group of the owner. */
  uid: number;
  gid: number;
  /** User and group of who made it. */
  cuid: number;
  cgid: number;
  /** Permission bits, with `SHM_DEST` when it goes with its last attach, and `SHM_LOCKED`. */
  mode: number;
  /** Bytes, as asked for: the memory itself is whole pages. */
  segsz: number;
  /** Seconds since 1970 of the last `shmat`, `shmdt` and change; 0 for never. */
  atime: number;
  dtime: number;
  ctime: number;
  /** Process that made it, and that of the last `shmat` or `shmdt`; 0 for none. */
  cpid: number;
  lpid: number;
  /** How many times it is attached now. */
  nattch: number;
}

/** What the kernel tells of all segments together: `struct shm_info`. */
export interface SharedMemoryInfo {
  /** The highest index for {@link shmctlStatIndex} in use; 0 also when there is none. */
  highestIndex: number;
  /** Segments there are. */
  usedIds: number;
  /** Pages in all segments, of those in memory, and of those swapped out. */
  totalPages: number;
  residentPages: number;
  swappedPages: number;
}

/**
 * `int shmget(key_t key, size_t size, int shmflg)` — The segment of a key, or a new one, filled with zeros. It stays until
 * {@link shmctlRemove} or the next boot.
 *
 * @param key 32 bits, signed or unsigned; `IPC_PRIVATE` makes a new segment that no key finds
 * @param size bytes; of an existing segment at most its own, also 0
 * @param flags `IPC_CREAT`, `IPC_EXCL`, `SHM_HUGETLB`, `SHM_NORESERVE`, and permission bits
 * @returns the segment's id, the same in all processes
 * @throws {SystemError} `EACCES` no permission
 * @throws {SystemError} `EEXIST` `IPC_CREAT | IPC_EXCL` and there is one
 * @throws {SystemError} `EINVAL` a new one of 0 bytes or more than `/proc/sys/kernel/shmmax`, or larger than the existing one
 * @throws {SystemError} `ENFILE` the limit of open files of the system
 * @throws {SystemError} `ENOENT` no segment of that key
 * @throws {SystemError} `ENOMEM`, `ENOSPC` no memory, or the system's limit of segments or pages
 * @throws {SystemError} `EPERM` no privilege for `SHM_HUGETLB`
 * @see https://man7.org/linux/man-pages/man2/shmget.2.html
 */
export function shmget(key: number, size: number, flags: number): number {
  checkWord("key", key);
  checkSize("size", size);
  checkInt32("flags", flags);
  const segment: number = calls().shmget(key | 0, size, flags);
  if (segment < 0) throw failedCall("shmget");
  return segment;
}

/**
 * `void *shmat(int shmid, const void *shmaddr, int shmflg)` — Attaches a segment to this process.
 *
 * @param address 0 for where the kernel likes; else a multiple of the page size, or with `SHM_RND` rounded down to one
 * @param flags `SHM_RDONLY`, `SHM_REMAP` (what was mapped there is gone), `SHM_RND`, `SHM_EXEC`
 * @returns native address of the memory, valid until {@link shmdt} or until something else is mapped over it
 * @throws {SystemError} `EACCES` no permission
 * @throws {SystemError} `EIDRM` the segment was removed meanwhile
 * @throws {SystemError} `EINVAL` no such segment, a wrong alignment, something is mapped there, or `SHM_REMAP` without address
 * @throws {SystemError} `ENOMEM` no memory or address space
 * @throws {SystemError} `EPERM` sealed memory is there (mseal(2))
 * @see https://man7.org/linux/man-pages/man2/shmat.2.html
 */
export function shmat(segment: number, address: number, flags: number): number {
  checkInt32("segment", segment);
  checkSize("address", address);
  checkInt32("flags", flags);
  const attached: number = calls().shmat(segment, address, flags);
  if (attached === -1) throw failedCall("shmat");
  return attached;
}

/**
 * `int shmdt(const void *shmaddr)` — Detaches the segment that begins at this address. Touching the memory afterwards kills the
 * process, so memory that a JavaScript view covers is not detached: map anonymous memory over it.
 *
 * @throws {SystemError} `EINVAL` no segment begins there
 * @see https://man7.org/linux/man-pages/man2/shmdt.2.html
 */
export function shmdt(address: number): void {
  checkSize("address", address);
  if (calls().shmdt(address) !== 0) throw failedCall("shmdt");
}

/**
 * `shmctl(shmid, IPC_STAT, &shmid_ds)` — Tells about a segment.
 *
 * @throws {SystemError} `EACCES` no permission to read
 * @throws {SystemError} `EIDRM`, `EINVAL` no such segment, any more
 * @see https://man7.org/linux/man-pages/man2/shmctl.2.html
 */
export function shmctlStat(segment: number): SharedMemoryStatus {
  shmctl(segment, IPC_STAT);
  return status();
}

/**
 * `shmctl(shmid, IPC_SET, &shmid_ds)` — Changes the owner or the permission bits of a segment; what is not given stays.
 *
 * @throws {SystemError} `EACCES` no permission to read the segment
 * @throws {SystemError} `EIDRM`, `EINVAL` no such segment, any more
 * @throws {SystemError} `EPERM` not the owner
 * @see https://man7.org/linux/man-pages/man2/shmctl.2.html
 */
export function shmctlSet(segment: number, changes: Partial<Pick<SharedMemoryStatus, "uid" | "gid" | "mode">>): void {
  shmctl(segment, IPC_STAT);
  const { uid, gid, mode } = changes;
  if (uid !== undefined) setMember(scratch, SHMID_DS.shm_perm_uid, uid);
  if (gid !== undefined) setMember(scratch, SHMID_DS.shm_perm_gid, gid);
  if (mode !== undefined) setMember(scratch, SHMID_DS.shm_perm_mode, mode);
  shmctl(segment, IPC_SET);
}

/**
 * `shmctl(shmid, IPC_RMID, NULL)` — Removes a segment: no key finds it any more, and it goes with its last attach.
 *
 * @throws {SystemError} `EIDRM`, `EINVAL` no such segment, any more
 * @throws {SystemError} `EPERM` not the owner
 * @see https://man7.org/linux/man-pages/man2/shmctl.2.html
 */
export function shmctlRemove(segment: number): void {
  shmctl(segment, IPC_RMID);
}

/**
 * `shmctl(shmid, SHM_LOCK, NULL)` — Keeps the pages of a segment in memory, once they were touched, for all processes.
 *
 * @throws {SystemError} `EIDRM`, `EINVAL` no such segment, any more
 * @throws {SystemError} `ENOMEM` more than `RLIMIT_MEMLOCK`
 * @throws {SystemError} `EPERM` not the owner, or no locked memory allowed
 * @see https://man7.org/linux/man-pages/man2/shmctl.2.html
 */
export function shmctlLock(segment: number): void {
  shmctl(segment, SHM_LOCK);
}

/**
 * `shmctl(shmid, SHM_UNLOCK, NULL)` — Lets the pages of a segment be swapped out again.
 *
 * @throws {SystemError} `EIDRM`, `EINVAL` no such segment, any more
 * @throws {SystemError} `EPERM` not the owner
 * @see https://man7.org/linux/man-pages/man2/shmctl.2.html
 */
export function shmctlUnlock(segment: number): void {
  shmctl(segment, SHM_UNLOCK);
}

/**
 * `shmctl(0, SHM_INFO, &shm_info)` — Tells about all segments together.
 *
 * @see https://man7.org/linux/man-pages/man2/shmctl.2.html
 */
export function shmctlInfo(): SharedMemoryInfo {
  const highestIndex = shmctl(0, SHM_INFO);
  return {
    highestIndex,
    usedIds: getMember(scratch, SHM_USAGE.used_ids),
    totalPages: getMember(scratch, SHM_USAGE.shm_tot),
    residentPages: getMember(scratch, SHM_USAGE.shm_rss),
    swappedPages: getMember(scratch, SHM_USAGE.shm_swp),
  };
}

/**
 * `shmctl(index, SHM_STAT_ANY, &shmid_ds)` — Tells about the segment at an index of the kernel's table, also one that this user
 * may not read. To list all, ask for each index from 0 to {@link SharedMemoryInfo.highestIndex}.
 *
 * @returns with its id; `undefined` when there is no segment at that index, or none any more
 * @see https://man7.org/linux/man-pages/man2/shmctl.2.html
 */
export function shmctlStatIndex(index: number): (SharedMemoryStatus & { id: number }) | undefined {
  checkInt32("index", index);
  const id: number = calls().shmctl(index, SHM_STAT_ANY, scratch);
  if (id >= 0) return { id, ...status() };
  const errno = lastErrno();
  if (errno === EINVAL || errno === EIDRM) return undefined;
  throw new SystemError("shmctl", errno);
}

function shmctl(segment: number, operation: number): number {
  checkInt32("segment", segment);
  const result: number = calls().shmctl(segment, operation, scratch);
  if (result < 0) throw failedCall("shmctl");
  return result;
}

function status(): SharedMemoryStatus {
  return {
    key: getMember(scratch, SHMID_DS.shm_perm___key),
    uid: getMember(scratch, SHMID_DS.shm_perm_uid),
    gid: getMember(scratch, SHMID_DS.shm_perm_gid),
    cuid: getMember(scratch, SHMID_DS.shm_perm_cuid),
    cgid: getMember(scratch, SHMID_DS.shm_perm_cgid),
    mode: getMember(scratch, SHMID_DS.shm_perm_mode),
    segsz: getMember(scratch, SHMID_DS.shm_segsz),
    atime: getMember(scratch, SHMID_DS.shm_atime),
    dtime: getMember(scratch, SHMID_DS.shm_dtime),
    ctime: getMember(scratch, SHMID_DS.shm_ctime),
    cpid: getMember(scratch, SHMID_DS.shm_cpid),
    lpid: getMember(scratch, SHMID_DS.shm_lpid),
    nattch: getMember(scratch, SHMID_DS.shm_nattch),
  };
}
