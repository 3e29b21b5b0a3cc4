import { randomBytes } from "node:crypto";
import { renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { O_NOFOLLOW, O_RDWR } from "../ffi/abi/current.ts";
import { close, open, read } from "../ffi/fd.ts";
import { getpid } from "../ffi/ids.ts";
import { queryLock, tryLock } from "../ffi/lock.ts";
import { mqUnlink } from "../ffi/mq.ts";
import { msgctlRemove } from "../ffi/msg.ts";
import { semctlRemove } from "../ffi/sem.ts";
import { shmctlRemove } from "../ffi/shm.ts";
import { CONSUMER_STATE_OFFSET, FROM_STATE_TO_PID, PRODUCER_STATE_OFFSET } from "../ring/layout.ts";
import type { ObjectRecord } from "./journal.ts";
import { objectIdentity, objectPath } from "./object-identity.ts";

/**
 * Removes the object of a record, if it is still the one that was recorded. Whether somebody uses it is not asked, but for a ring: one
 * whose ends another process holds stays.
 *
 * @returns false when it is gone, another one, or a ring in use
 * @throws {SystemError} when it may not be removed
 */
export function removeRecorded({ kind, name, identity }: ObjectRecord): boolean {
  if (identity === "" || objectIdentity(kind, name) !== identity) return false;
  if (kind === "sysv-shm") shmctlRemove(Number(name));
  else if (kind === "sysv-msg") msgctlRemove(Number(name));
  else if (kind === "sysv-sem") semctlRemove(Number(name));
  else if (kind === "posix-mq") mqUnlink(name);
  else if (kind === "ring") return removeRing(name);
  else rmSync(objectPath(kind, name) as string, { force: true });
  return true;
}

/** Bytes of the segment whose locks say who is there: the two ends, and who attaches; as in `src/ipc/presence-object.ts`. */
const ENDS = [
  [0, PRODUCER_STATE_OFFSET],
  [1, CONSUMER_STATE_OFFSET],
] as const;
const SETUP_BYTE = 2;

/** Removes a ring whose ends are free, or held by other threads of this process, which ends. */
function removeRing(path: string): boolean {
  const segment = open(join(path, "segment"), O_RDWR | O_NOFOLLOW);
  try {
    if (!tryLock(segment, "write", SETUP_BYTE, 1)) return false;
    const header = new Int32Array(1024);
    read(segment, header);
    for (const [byte, state] of ENDS) {
      const holder = header[(state + FROM_STATE_TO_PID) >> 2];
      if (queryLock(segment, "write", byte, 1) && holder !== getpid()) return false;
    }
    const doomed = join(dirname(path), `.tmp-${getpid()}-${randomBytes(6).toString("hex")}`);
    renameSync(path, doomed);
    rmSync(doomed, { recursive: true, force: true });
    return true;
  } finally {
    close(segment);
  }
}
