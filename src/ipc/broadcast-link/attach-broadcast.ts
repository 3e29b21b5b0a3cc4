import { closeSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { domainError } from "../../error-table.ts";
import { IpcError } from "../../errors.ts";
import { O_NOFOLLOW, O_WRONLY } from "../../ffi/abi/current.ts";
import { close, ftruncate, open } from "../../ffi/fd.ts";
import { mkfifo } from "../../ffi/fifo.ts";
import { lockWait, queryLock, tryLock, unlock } from "../../ffi/lock.ts";
import { renameExchange } from "../../ffi/rename.ts";
import { pageSize } from "../../ffi/sysconf.ts";
import type { Region } from "../../memory/region.ts";
import { objectDirectory } from "../../objects/object-directory.ts";
import {
  KIND_BROADCAST,
  SEGMENT_LIVE,
  SEGMENT_STATE_OFFSET,
  SEGMENT_SUPERSEDED,
  STATE_CLOSED,
  STATE_NEVER,
} from "../../ring/layout.ts";
import { buildObject, busy, isAt, type ObjectShape, openOrCreate } from "../attach-presence.ts";
import type { Side } from "../link.ts";
import { mapSegment } from "../map-segment.ts";
import { pidWord, removeObject, roleByte, SETUP_BYTE, stateWord } from "../presence-object.ts";
import { BELL_FILE, BroadcastPresence, LIFELINE_FILE } from "./broadcast-presence.ts";

/** What `attachBroadcast` wants to know. */
export interface BroadcastOptions {
  /** For messages. */
  readonly address: string;
  /** Bytes of data of a new broadcast: a power of two of whole pages. */
  readonly capacity: number;
  /** True when the user asked for that capacity, so that a smaller broadcast will not do. */
  readonly capacityAsked: boolean;
  /** Permission bits of the files. */
  readonly mode: number;
  /** Where a receiver begins. */
  readonly from: "now" | "oldest";
}

const SHAPE: ObjectShape = {
  kind: KIND_BROADCAST,
  bell: BELL_FILE,
  makeBells(directory, mode) {
    closeSync(openSync(join(directory, BELL_FILE), "wx", mode));
    mkfifo(join(directory, LIFELINE_FILE), mode);
  },
};

/**
 * Attaches to the broadcast `name`, as its producer or as one of its consumers, and makes it when there is none. One whose producer has gone is
 * replaced, so that a broadcast has one session; a receiver that begins with the oldest message joins one that was closed before anybody came.
 *
 * @param enter called under the setup lock when everything is open, to take the end: it sets the state word
 * @throws {IpcError} `IPC_BUSY` when a live process is the sender; `IPC_EXISTS` when the broadcast is in use and smaller than asked for;
 *   `IPC_CORRUPT` when it is not what this version writes; `IPC_LIMIT` when there is no room for it; `IPC_PERMISSION`
 */
export function attachBroadcast(
  name: string,
  side: Side,
  options: BroadcastOptions,
  enter: (presence: BroadcastPresence) => void,
): BroadcastPresence {
  const path = join(objectDirectory(), name);
  try {
    for (;;) {
      const { segment } = openOrCreate(path, options, SHAPE);
      const presence = attachOpened(segment, path, side, options, enter);
      if (presence !== undefined) return presence;
    }
  } catch (error) {
    throw domainError("create", error, `Cannot open ${options.address} as ${side}, in ${path}`);
  }
}

/** Takes the end of an open segment; `undefined`, with the segment closed, when the name has to be looked up again. */
function attachOpened(
  segment: number,
  path: string,
  side: Side,
  options: BroadcastOptions,
  enter: (presence: BroadcastPresence) => void,
): BroadcastPresence | undefined {
  let region: Region | undefined;
  let presence: BroadcastPresence | undefined;
  try {
    lockWait(segment, "write", SETUP_BYTE, 1);
    region = mapSegment(segment, options.address, KIND_BROADCAST);
    const { words } = region.arena;
    const header = region.offset >> 2;
    const segmentState = Atomics.load(words, header + (SEGMENT_STATE_OFFSET >> 2));
    const stale = !isAt(path, segment);
    if (!stale && segmentState !== SEGMENT_LIVE) removeObject(path, words, header);
    if (stale || segmentState !== SEGMENT_LIVE || !fits(region, segment, path, side, options)) {
      region.close();
      close(segment);
      return undefined;
    }
    // One producer, any number of consumers: their lock is shared
    if (!tryLock(segment, side === "sender" ? "write" : "read", roleByte(side), 1)) {
      throw busy(options.address, side, words[header + pidWord(side)]);
    }
    presence = new BroadcastPresence({ side, region, path, segment });
    enter(presence);
    unlock(segment, SETUP_BYTE, 1);
    presence.own();
    return presence;
  } catch (error) {
    presence?.closeBells();
    region?.close();
    close(segment);
    throw error;
  }
}

/** True when the object may be used; false when it was replaced or removed and the name has to be looked up again. */
function fits(region: Region, segment: number, path: string, side: Side, options: BroadcastOptions): boolean {
  const { words } = region.arena;
  const header = region.offset >> 2;
  const producerHeld = queryLock(segment, "write", roleByte("sender"), 1);
  if (side === "sender" && producerHeld) return true; // busy, which is reported by the caller
  const state = Atomics.load(words, header + stateWord("sender"));
  if (state !== STATE_NEVER && !producerHeld) {
    // a closed one that still has its name waits for those who want what it left
    if (side === "receiver" && state === STATE_CLOSED && options.from === "oldest") return true;
    removeObject(path, words, header);
    return false;
  }
  const capacity = (region.length - pageSize()) / 2;
  if (!options.capacityAsked || capacity >= options.capacity) return true;
  const consumerHeld = queryLock(segment, "write", roleByte("receiver"), 1);
  if (side === "receiver" && (consumerHeld || state !== STATE_NEVER)) {
    throw new IpcError(
      "IPC_EXISTS",
      `Cannot open ${options.address} with a capacity of ${options.capacity} bytes: it exists with ${capacity} and is in use. ` +
        "Open it without a capacity, or let the sender ask for the larger one",
    );
  }
  if (consumerHeld) supersede(path, words, header, options);
  else removeObject(path, words, header);
  return false;
}

/** Puts a new object in the place of one in which consumers wait for their producer, and tells them. */
function supersede(path: string, words: Int32Array, header: number, options: BroadcastOptions): void {
  const replacement = buildObject(path, options, SHAPE);
  const bell = open(join(path, BELL_FILE), O_WRONLY | O_NOFOLLOW);
  try {
    Atomics.store(words, header + (SEGMENT_STATE_OFFSET >> 2), SEGMENT_SUPERSEDED);
    renameExchange(replacement, path);
    ftruncate(bell, 0);
  } finally {
    close(bell);
    rmSync(replacement, { recursive: true, force: true });
  }
}
