import { semctlGetNcnt, semctlGetPid, semctlGetZcnt, semctlInfo, semctlStatIndex } from "../../ffi/sem.ts";
import type { FoundObject, ObjectProcess, Use } from "./object-info.ts";
import { processesOf } from "./process-alive.ts";

/**
 * System V semaphore arrays. Nobody has one "open": it is used when somebody waits for it, or when one of the processes that changed its
 * semaphores last still lives.
 */
export function sysvArrays(): FoundObject[] {
  const found: FoundObject[] = [];
  const { highestIndex } = semctlInfo();
  for (let index = 0; index <= highestIndex; index++) {
    const status = semctlStatIndex(index);
    if (status === undefined) continue;
    const { id, key, uid, mode, nsems, otime, ctime } = status;
    const name = String(id);
    found.push({
      kind: "sysv-sem",
      name,
      recordName: name,
      key: key >>> 0,
      path: undefined,
      uid,
      mode: mode & 0o777,
      size: 2 * nsems,
      attaches: undefined,
      backlog: undefined,
      creatorPid: undefined,
      holders: undefined,
      changed: Math.max(otime, ctime) * 1000,
      ...useOf(id, nsems),
    });
  }
  return found;
}

function useOf(id: number, count: number): { use: Use; lastPids: readonly ObjectProcess[]; notes: string[] } {
  const pids = new Set<number>();
  let waiting = 0;
  try {
    for (let num = 0; num < count; num++) {
      waiting += semctlGetNcnt(id, num) + semctlGetZcnt(id, num);
      pids.add(semctlGetPid(id, num));
    }
  } catch {
    return { use: "unknown", lastPids: [], notes: ["this user may not see who uses it"] };
  }
  const lastPids = processesOf([...pids].map((pid) => ["last operation", pid] as const));
  if (waiting > 0) return { use: "held", lastPids, notes: [`${waiting} wait for it`] };
  const used = lastPids.some(({ alive }) => alive);
  return {
    use: used ? "unknown" : "free",
    lastPids,
    notes: used ? ["a process that used it lives, and may use it again"] : [],
  };
}
