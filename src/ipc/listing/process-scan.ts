import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { basename } from "node:path";
import { SEGMENT_FILE } from "../presence-object.ts";

/** Which processes have which files open or mapped, from one walk through `/proc`. */
export interface ProcessScan {
  /** Processes that have this file open or mapped. */
  holdersOf(file: { readonly dev: number; readonly ino: number }): readonly number[];
  /** Processes that have this System V segment attached. */
  attachedTo(segment: number): readonly number[];
  /** Processes that have the socket of this inode. */
  holdersOfSocket(inode: number): readonly number[];
  /** The segments of rings that some process has open, by their paths. */
  readonly segments: readonly string[];
  /** False when some process is another user's, and cannot be looked into. */
  readonly complete: boolean;
}

/** Looks into every process that this one may look into. */
export function scanProcesses(): ProcessScan {
  const holders = new Map<string, Set<number>>();
  const segments = new Set<string>();
  let complete = true;
  const note = (key: string, pid: number) => {
    const pids = holders.get(key);
    if (pids === undefined) holders.set(key, new Set([pid]));
    else pids.add(pid);
  };
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const pid = Number(entry);
    try {
      readMaps(pid, note);
      readDescriptors(pid, note, (path) => segments.add(path));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Deno reports what the kernel refuses as its own kind of error
      // process 1 may be closed to everybody, and is none that uses objects
      if (code !== "ENOENT" && code !== "ESRCH" && pid !== 1) complete = false;
    }
  }
  const at = (key: string) => [...(holders.get(key) ?? [])].sort((a, b) => a - b);
  return {
    holdersOf: ({ dev, ino }) => at(fileKey(dev, ino)),
    attachedTo: (segment) => at(`sysv ${segment}`),
    holdersOfSocket: (inode) => at(`socket ${inode}`),
    segments: [...segments],
    complete,
  };
}

/** Lines such as `7f00-7f01 rw-s 00000000 00:19 1234  /dev/shm/name`. */
function readMaps(pid: number, note: (key: string, pid: number) => void): void {
  for (const line of readFileSync(`/proc/${pid}/maps`, "utf8").split("\n")) {
    const [, major, minor, inode, path] = /^\S+ \S+ \S+ ([0-9a-f]+):([0-9a-f]+) (\d+)\s*(.*)$/.exec(line) ?? [];
    if (major === undefined || minor === undefined || inode === undefined) continue;
    // the first segment of a namespace has the id 0
    if (path?.startsWith("/SYSV")) note(`sysv ${inode}`, pid);
    else if (inode !== "0") note(`${Number.parseInt(major, 16)}:${Number.parseInt(minor, 16)}:${inode}`, pid);
  }
}

function readDescriptors(
  pid: number,
  note: (key: string, pid: number) => void,
  noteSegment: (path: string) => void,
): void {
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const target = readlinkSync(`/proc/${pid}/fd/${fd}`);
      const socket = /^socket:\[(\d+)\]$/.exec(target)?.[1];
      if (socket !== undefined) note(`socket ${socket}`, pid);
      else if (target.startsWith("/")) {
        const { dev, ino } = statSync(`/proc/${pid}/fd/${fd}`);
        note(fileKey(dev, ino), pid);
        if (basename(target) === SEGMENT_FILE) noteSegment(target);
      }
    } catch {
      // closed meanwhile
    }
  }
}

/** A device number as the kernel packs it for user space, as the maps write it. */
function fileKey(dev: number, ino: number): string {
  const major = (dev >>> 8) & 0xfff;
  const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00);
  return `${major}:${minor}:${ino}`;
}
