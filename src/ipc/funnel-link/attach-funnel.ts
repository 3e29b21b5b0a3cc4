import { rmSync } from "node:fs";
import { join } from "node:path";
import { domainError } from "../../error-table.ts";
import { IpcError } from "../../errors.ts";
import { O_RDWR } from "../../ffi/abi/current.ts";
import { close, write } from "../../ffi/fd.ts";
import { queryLock, tryLock, unlock } from "../../ffi/lock.ts";
import { renameExchange } from "../../ffi/rename.ts";
import { pageSize } from "../../ffi/sysconf.ts";
import type { Region } from "../../memory/region.ts";
import { objectDirectory } from "../../objects/object-directory.ts";
import { waitForLock } from "../../objects/wait-for-lock.ts";
import { FUNNEL_CONTROL_OFFSET, FUNNEL_SLOTS, FUNNEL_UNIT_BYTES, KIND_FUNNEL } from "../../ring/funnel-layout.ts";
import { capacityOfSize } from "../../ring/header-bytes.ts";
import {
  SEGMENT_LIVE,
  SEGMENT_STATE_OFFSET,
  SEGMENT_SUPERSEDED,
  STATE_CLOSED,
  TAIL_OFFSET,
} from "../../ring/layout.ts";
import { type AttachOptions, buildObject, busy, isAt, openOrCreate } from "../attach-presence.ts";
import type { Side } from "../link.ts";
import { mapSegment } from "../map-segment.ts";
import { openBell } from "../open-bell.ts";
import { pidWord, removeObject, roleByte, SETUP_BYTE, sessionsWord, stateWord } from "../presence-object.ts";
import type { FunnelParts, FunnelPresence } from "./funnel-presence.ts";
import { CONSUMER_BELL, FUNNEL_SHAPE } from "./funnel-shape.ts";

/** What `attachFunnel` wants to know. */
export type FunnelOptions = Omit<AttachOptions, "discard">;

/**
 * Attaches to the funnel `name`, as one of its producers or as its consumer, and makes it when there is none. One whose stream has ended, or
 * whose consumer has closed, is replaced, also while other processes still have it open: it is of no use to anybody new.
 *
 * @param open called under the setup lock to take the end; it sets the state words
 * @throws {IpcError} `IPC_BUSY` when a live process is the receiver; `IPC_EXISTS` when the funnel is in use and smaller than asked for;
 *   `IPC_CORRUPT` when it is not what this version writes; `IPC_LIMIT` when there is no room for it, or for one more sender; `IPC_PERMISSION`
 */
export function attachFunnel<Presence extends FunnelPresence>(
  name: string,
  side: Side,
  options: FunnelOptions,
  open: (parts: FunnelParts) => Presence,
): Presence {
  const path = join(objectDirectory(), name);
  try {
    for (;;) {
      const { segment } = openOrCreate(path, options, FUNNEL_SHAPE);
      const presence = attachOpened(segment, path, side, options, open);
      if (presence !== undefined) return presence;
    }
  } catch (error) {
    throw domainError("create", error, `Cannot open ${options.address} as ${side}, in ${path}`);
  }
}

/** What to say when there is no slot left. */
export function noSlot(address: string): IpcError {
  return new IpcError(
    "IPC_LIMIT",
    `Cannot open ${address} as sender: it has ${FUNNEL_SLOTS} senders already. Close one, or use another name`,
  );
}

/** Takes the end of an open segment; `undefined`, with the segment closed, when the name has to be looked up again. */
function attachOpened<Presence extends FunnelPresence>(
  segment: number,
  path: string,
  side: Side,
  options: FunnelOptions,
  open: (parts: FunnelParts) => Presence,
): Presence | undefined {
  let region: Region | undefined;
  try {
    waitForLock(segment, "write", SETUP_BYTE, 1);
    region = mapSegment(segment, options.address, KIND_FUNNEL);
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
    // Any number of producers, one consumer: the producers' lock is shared
    if (!tryLock(segment, side === "sender" ? "read" : "write", roleByte(side), 1)) {
      throw busy(options.address, side, words[header + pidWord(side)]);
    }
    const presence = open({ address: options.address, region, path, segment });
    unlock(segment, SETUP_BYTE, 1);
    presence.own(side);
    return presence;
  } catch (error) {
    region?.close();
    close(segment);
    throw error;
  }
}

/** True when the object may be used; false when it was replaced or removed and the name has to be looked up again. */
function fits(region: Region, segment: number, path: string, side: Side, options: FunnelOptions): boolean {
  const { words } = region.arena;
  const header = region.offset >> 2;
  if (Atomics.load(words, header + stateWord("receiver")) === STATE_CLOSED) {
    // its stream is over, for whoever still has it open, too
    removeObject(path, words, header);
    return false;
  }
  const capacity = capacityOfSize(KIND_FUNNEL, region.length, pageSize(), 2) ?? 0;
  if (!options.capacityAsked || capacity >= options.capacity) return true;
  const held = (role: Side) => queryLock(segment, "write", roleByte(role), 1);
  const [sends, receives] = [held("sender"), held("receiver")];
  if (side === "receiver" && receives) return true; // busy, which is reported by the caller
  const everSent = Atomics.load(words, header + sessionsWord("sender")) !== 0;
  const replaceable = side === "sender" ? !sends && isEmpty(words, header, capacity) : !everSent;
  if (!replaceable) {
    throw new IpcError(
      "IPC_EXISTS",
      `Cannot open ${options.address} with a capacity of ${options.capacity} bytes: it exists with ${capacity} and is in use. ` +
        "Open it without a capacity, or let the sender that comes first ask for the larger one",
    );
  }
  if (receives) supersede(path, words, header, options);
  else removeObject(path, words, header);
  return false;
}

function isEmpty(words: Int32Array, header: number, capacity: number): boolean {
  const tail = Atomics.load(words, header + (TAIL_OFFSET >> 2)) & (capacity / FUNNEL_UNIT_BYTES - 1);
  return Atomics.load(words, header + (FUNNEL_CONTROL_OFFSET >> 2) + tail) >= 0;
}

/** Puts a new object in the place of one at which the consumer waits for producers, and tells it. */
function supersede(path: string, words: Int32Array, header: number, options: FunnelOptions): void {
  const bell = openBell(join(path, CONSUMER_BELL), O_RDWR);
  let replacement: string | undefined;
  try {
    replacement = buildObject(path, options, FUNNEL_SHAPE);
    Atomics.store(words, header + (SEGMENT_STATE_OFFSET >> 2), SEGMENT_SUPERSEDED);
    renameExchange(replacement, path);
    write(bell, new Uint8Array(1));
  } finally {
    close(bell);
    if (replacement !== undefined) rmSync(replacement, { recursive: true, force: true });
  }
}
