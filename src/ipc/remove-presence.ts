import { existsSync } from "node:fs";
import { join } from "node:path";
import { IpcError } from "../errors.ts";
import { O_NOFOLLOW, O_RDWR } from "../ffi/abi/current.ts";
import { close, open } from "../ffi/fd.ts";
import { queryLock } from "../ffi/lock.ts";
import { waitForLock } from "../objects/wait-for-lock.ts";
import type { RingKind } from "../ring/validate-header.ts";
import { mapSegment } from "./map-segment.ts";
import { placeOf, removeObject, roleByte, SEGMENT_FILE, SETUP_BYTE } from "./presence-object.ts";

/**
 * Removes an object that nobody holds.
 *
 * @param kind the kind of ring in its segment; one for a single receiver by default
 * @returns false when there is none of that name
 * @throws {IpcError} `IPC_BUSY` when a live process holds an end; `IPC_CORRUPT` when it is not an object of ours
 */
export function removePresence(name: string, address: string, kind?: RingKind): boolean {
  const path = placeOf(name);
  if (!existsSync(path)) return false;
  const segment = open(join(path, SEGMENT_FILE), O_RDWR | O_NOFOLLOW);
  try {
    waitForLock(segment, "write", SETUP_BYTE, 1);
    for (const side of ["sender", "receiver"] as const) {
      if (queryLock(segment, "write", roleByte(side), 1)) {
        throw new IpcError(
          "IPC_BUSY",
          `Cannot remove ${address}: a live process holds its ${side} end. Close it there first`,
        );
      }
    }
    const region = mapSegment(segment, address, kind);
    removeObject(path, region.arena.words, region.offset >> 2);
    region.close();
    return true;
  } finally {
    close(segment);
  }
}
