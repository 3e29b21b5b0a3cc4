import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { O_NOFOLLOW, O_NONBLOCK, O_RDWR } from "../../ffi/abi/current.ts";
import { close, open } from "../../ffi/fd.ts";
import { isSoleOpener } from "../../ffi/lease.ts";
import type { FoundObject } from "./object-info.ts";
import type { ProcessScan } from "./process-scan.ts";

const FOLDER = "/dev/shm";
const SEMAPHORE_PREFIX = "sem.";

/** POSIX shared memory and named semaphores: files of `/dev/shm`, of which the C library gives those named `sem.…` to semaphores. */
export function posixFiles(kind: "posix-shm" | "posix-sem", scan: ProcessScan): FoundObject[] {
  return entries(FOLDER)
    .filter((name) => name.startsWith(SEMAPHORE_PREFIX) === (kind === "posix-sem"))
    .flatMap((file) => posixFile(kind, file, scan) ?? []);
}

function posixFile(kind: "posix-shm" | "posix-sem", file: string, scan: ProcessScan): FoundObject | undefined {
  const path = join(FOLDER, file);
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (!status?.isFile()) return undefined;
  const holders = scan.holdersOf(status);
  const name = `/${kind === "posix-sem" ? file.slice(SEMAPHORE_PREFIX.length) : file}`;
  return {
    kind,
    name,
    recordName: name,
    key: undefined,
    path,
    uid: status.uid,
    mode: status.mode & 0o777,
    size: status.size,
    attaches: undefined,
    backlog: undefined,
    creatorPid: undefined,
    lastPids: [],
    holders,
    changed: Math.round(status.ctimeMs),
    ...useOfFile(path, holders, scan),
  };
}

/** The kernel is asked where the walk through the processes does not see all of them. */
function useOfFile(path: string, holders: readonly number[], scan: ProcessScan): Pick<FoundObject, "use" | "notes"> {
  const seen = useOf(holders, scan);
  if (seen.use !== "unknown") return seen;
  try {
    const fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    try {
      return isSoleOpener(fd) ? { use: "free", notes: [] } : { use: "held", notes: ["another user has it open"] };
    } finally {
      close(fd);
    }
  } catch {
    return seen; // another user's
  }
}

/** Whether somebody uses a file, from the walk through the processes. */
export function useOf(holders: readonly number[], { complete }: ProcessScan): Pick<FoundObject, "use" | "notes"> {
  if (holders.length > 0) return { use: "held", notes: complete ? [] : [UNSEEN] };
  return complete ? { use: "free", notes: [] } : { use: "unknown", notes: [UNSEEN] };
}

const UNSEEN = "processes of other users cannot be looked into, and may have it open";

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
