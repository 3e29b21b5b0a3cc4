import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { IpcError } from "../../errors.ts";
import { O_NOFOLLOW, O_WRONLY } from "../../ffi/abi/current.ts";
import { ftruncate, open } from "../../ffi/fd.ts";
import { mkfifo } from "../../ffi/fifo.ts";
import { queryLock } from "../../ffi/lock.ts";
import { objectDirectory } from "../../objects/object-directory.ts";
import { KIND_BROADCAST, STATE_CLOSED, STATE_NEVER } from "../../ring/layout.ts";
import { attachObject, type OpenObject, supersede } from "../attach-object.ts";
import type { Side } from "../link.ts";
import type { NewObject, ObjectShape } from "../make-object.ts";
import { removeObject, roleByte, stateWord } from "../presence-object.ts";
import { BELL_FILE, BroadcastPresence, LIFELINE_FILE } from "./broadcast-presence.ts";

/** What `attachBroadcast` wants to know. */
export interface BroadcastOptions extends NewObject {
  /** True when the user asked for that capacity, so that a smaller broadcast will not do. */
  readonly capacityAsked: boolean;
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
  const presence = attachObject(join(objectDirectory(), name), {
    side,
    shared: side === "receiver",
    options,
    shape: SHAPE,
    fits: (object) => fits(object, side, options),
    take(object) {
      const taken = new BroadcastPresence(side, object);
      try {
        enter(taken);
        return taken;
      } catch (error) {
        taken.closeBells();
        throw error;
      }
    },
  });
  presence.own();
  return presence;
}

function fits(object: OpenObject, side: Side, options: BroadcastOptions): boolean {
  const { path, segment, words, header, capacity } = object;
  const producerHeld = queryLock(segment, "write", roleByte("sender"), 1);
  if (side === "sender" && producerHeld) return true; // busy, which is reported by the caller
  const state = Atomics.load(words, header + stateWord("sender"));
  if (state !== STATE_NEVER && !producerHeld) {
    // a closed one that still has its name waits for those who want what it left
    if (side === "receiver" && state === STATE_CLOSED && options.from === "oldest") return true;
    removeObject(path, words, header);
    return false;
  }
  if (!options.capacityAsked || capacity >= options.capacity) return true;
  const consumerHeld = queryLock(segment, "write", roleByte("receiver"), 1);
  if (side === "receiver" && (consumerHeld || state !== STATE_NEVER)) {
    throw new IpcError(
      "IPC_EXISTS",
      `Cannot open ${options.address} with a capacity of ${options.capacity} bytes: it exists with ${capacity} and is in use. ` +
        "Open it without a capacity, or let the sender ask for the larger one",
    );
  }
  if (consumerHeld) {
    const bell = open(join(path, BELL_FILE), O_WRONLY | O_NOFOLLOW);
    supersede(object, { options, shape: SHAPE }, bell, () => ftruncate(bell, 0));
  } else {
    removeObject(path, words, header);
  }
  return false;
}
