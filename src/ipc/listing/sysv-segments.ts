import { shmctlInfo, shmctlStatIndex } from "../../ffi/shm.ts";
import type { FoundObject } from "./object-info.ts";
import { processesOf } from "./process-alive.ts";
import type { ProcessScan } from "./process-scan.ts";

/** System V segments. The kernel counts their attaches, so whether one is used is always known. */
export function sysvSegments(scan: ProcessScan): FoundObject[] {
  const found: FoundObject[] = [];
  const { highestIndex } = shmctlInfo();
  for (let index = 0; index <= highestIndex; index++) {
    const status = shmctlStatIndex(index);
    if (status === undefined) continue;
    const { id, key, uid, mode, segsz, nattch, cpid, lpid, ctime } = status;
    const name = String(id);
    found.push({
      kind: "sysv-shm",
      name,
      recordName: name,
      key: key >>> 0,
      path: undefined,
      uid,
      mode: mode & 0o777,
      size: segsz,
      attaches: nattch,
      backlog: undefined,
      creatorPid: cpid,
      lastPids: processesOf([["last attach or detach", lpid]]),
      holders: scan.attachedTo(id),
      changed: ctime * 1000,
      use: nattch > 0 ? "held" : "free",
      notes: [],
    });
  }
  return found;
}
