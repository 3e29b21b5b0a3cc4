import { join } from "node:path";
import { IpcError } from "../../errors.ts";
import { O_RDWR } from "../../ffi/abi/current.ts";
import { write } from "../../ffi/fd.ts";
import { queryLock } from "../../ffi/lock.ts";
import { objectDirectory } from "../../objects/object-directory.ts";
import { FUNNEL_CONTROL_OFFSET, FUNNEL_SLOTS, FUNNEL_UNIT_BYTES } from "../../ring/funnel-layout.ts";
import { STATE_CLOSED, TAIL_OFFSET } from "../../ring/layout.ts";
import { attachObject, type OpenObject, supersede } from "../attach-object.ts";
import type { AttachOptions } from "../attach-presence.ts";
import type { Side } from "../link.ts";
import { openBell } from "../open-bell.ts";
import { removeObject, roleByte, sessionsWord, stateWord } from "../presence-object.ts";
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
  const presence = attachObject(join(objectDirectory(), name), {
    side,
    shared: side === "sender",
    options,
    shape: FUNNEL_SHAPE,
    fits: (object) => fits(object, side, options),
    take: open,
  });
  presence.own(side);
  return presence;
}

/** What to say when there is no slot left. */
export function noSlot(address: string): IpcError {
  return new IpcError(
    "IPC_LIMIT",
    `Cannot open ${address} as sender: it has ${FUNNEL_SLOTS} senders already. Close one, or use another name`,
  );
}

function fits(object: OpenObject, side: Side, options: FunnelOptions): boolean {
  const { path, segment, words, header, capacity } = object;
  if (Atomics.load(words, header + stateWord("receiver")) === STATE_CLOSED) {
    // its stream is over, for whoever still has it open, too
    removeObject(path, words, header);
    return false;
  }
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
  if (receives) {
    const bell = openBell(join(path, CONSUMER_BELL), O_RDWR);
    supersede(object, { options, shape: FUNNEL_SHAPE }, bell, () => write(bell, ONE_BYTE));
  } else {
    removeObject(path, words, header);
  }
  return false;
}

function isEmpty(words: Int32Array, header: number, capacity: number): boolean {
  const tail = Atomics.load(words, header + (TAIL_OFFSET >> 2)) & (capacity / FUNNEL_UNIT_BYTES - 1);
  return Atomics.load(words, header + (FUNNEL_CONTROL_OFFSET >> 2) + tail) >= 0;
}

const ONE_BYTE = new Uint8Array(1);
