import { join } from "node:path";
import { IpcError } from "../errors.ts";
import { O_RDONLY, O_RDWR } from "../ffi/abi/current.ts";
import { close, write } from "../ffi/fd.ts";
import { mkfifo } from "../ffi/fifo.ts";
import { queryLock } from "../ffi/lock.ts";
import type { Region } from "../memory/region.ts";
import { HEAD_OFFSET, KIND_SPSC, OWNER_WORDS_OFFSET, STATE_CLOSED, STATE_NEVER, TAIL_OFFSET } from "../ring/layout.ts";
import type { RingKind } from "../ring/validate-header.ts";
import { attachObject, type OpenObject, REMEDIES, supersede } from "./attach-object.ts";
import type { Side } from "./link.ts";
import type { NewObject, ObjectShape } from "./make-object.ts";
import { openBell } from "./open-bell.ts";
import { Presence } from "./presence.ts";
import { bellFile, otherSide, placeOf, removeObject, roleByte, sessionsWord, stateWord } from "./presence-object.ts";

/** What an object does that stays when nobody holds it. */
export interface Keep {
  readonly shape: ObjectShape;
  /**
   * Called under the setup lock when the end is this process's and before `enter`, in the place of making another object: begins the
   * next session where the last one is over. `peerHeld`: somebody is at the other end.
   */
  reopen(object: KeptObject): void;
  /** Called under the setup lock when an end leaves, before its memory goes. */
  leave?(region: Region): void;
}

/** What `Keep.reopen` works on. */
export interface KeptObject {
  readonly words: Int32Array;
  /** Index in `words` of the header. */
  readonly header: number;
  readonly side: Side;
  readonly peerHeld: boolean;
}

/** What `attachPresence` wants to know. */
export interface AttachOptions extends NewObject {
  /** True when the user asked for that capacity, so that a smaller object will not do. */
  readonly capacityAsked: boolean;
  /** Called under the setup lock before an object whose last session is over is replaced; it reads the object's owner words. */
  readonly discard?: (ownerWord: (index: 0 | 1 | 2 | 3) => number) => void;
  /** For an object that stays. */
  readonly keep?: Keep | undefined;
}

/**
 * Attaches to the object `name`, or at a path if it is one, as its producer (a sender) or consumer (a receiver), and makes it when there is none. An object whose
 * last session is over, and one that is too small and holds nothing, is replaced.
 *
 * @param enter called under the setup lock when everything is open, to take the end: it sets the state word
 * @throws {IpcError} `IPC_BUSY` when a live process holds that end; `IPC_EXISTS` when the object is in use and smaller than asked for;
 *   `IPC_CORRUPT` when it is not what this version writes; `IPC_LIMIT` when there is no room for it; `IPC_PERMISSION`
 */
export function attachPresence(
  name: string,
  side: Side,
  options: AttachOptions,
  enter: (presence: Presence) => void,
): Presence {
  const { keep } = options;
  const shape = keep?.shape ?? TWO_BELLS;
  const presence = attachObject(placeOf(name), {
    side,
    shared: false,
    options,
    shape,
    remedies: keep === undefined ? undefined : KEPT_REMEDIES,
    fits: (object) => fits(object, side, options, shape),
    take: (object) => take(object, name, side, keep, enter),
  });
  if (keep === undefined) presence.own();
  return presence;
}

const TWO_BELLS: ObjectShape = twoBells(KIND_SPSC);

/** An object with a bell for each end. */
export function twoBells(kind: RingKind): ObjectShape {
  return {
    kind,
    bell: bellFile("sender"),
    makeBells(directory, mode) {
      mkfifo(join(directory, bellFile("sender")), mode);
      mkfifo(join(directory, bellFile("receiver")), mode);
    },
  };
}

function take(
  object: OpenObject,
  name: string,
  side: Side,
  keep: Keep | undefined,
  enter: (presence: Presence) => void,
): Presence {
  const { path, segment, words, header } = object;
  const bells: number[] = [];
  try {
    const bell = openBell(join(path, bellFile(side)), O_RDONLY);
    bells.push(bell);
    // for reading too, so that it opens without a reader there
    const peerBell = openBell(join(path, bellFile(otherSide(side))), O_RDWR);
    bells.push(peerBell);
    const peerHeld = keep !== undefined && queryLock(segment, "write", roleByte(otherSide(side)), 1);
    keep?.reopen({ words, header, side, peerHeld });
    const presence = new Presence({ ...object, name, side, bell, peerBell, keep });
    enter(presence);
    return presence;
  } catch (error) {
    for (const bell of bells) close(bell);
    throw error;
  }
}

function fits(object: OpenObject, side: Side, options: AttachOptions, shape: ObjectShape): boolean {
  const { path, segment, words, header, capacity } = object;
  const other = otherSide(side);
  if (queryLock(segment, "write", roleByte(side), 1)) return true; // busy, which is reported by the caller
  const peerHeld = queryLock(segment, "write", roleByte(other), 1);
  const receiverState = Atomics.load(words, header + stateWord("receiver"));
  if (options.keep === undefined && !peerHeld && receiverState === STATE_CLOSED) {
    // the last receiver left and nobody is there: that session is over
    options.discard?.((index) => Atomics.load(words, header + (OWNER_WORDS_OFFSET >> 2) + index));
    removeObject(path, words, header);
    return false;
  }
  if (!options.capacityAsked || capacity >= options.capacity) return true;
  const empty =
    options.keep === undefined
      ? Atomics.load(words, header + (HEAD_OFFSET >> 2)) === Atomics.load(words, header + (TAIL_OFFSET >> 2))
      : Atomics.load(words, header + sessionsWord("sender")) === 0;
  const replaceable =
    empty && (side === "sender" || (!peerHeld && Atomics.load(words, header + stateWord(other)) === STATE_NEVER));
  if (!replaceable) {
    throw new IpcError(
      "IPC_EXISTS",
      `Cannot open ${options.address} with a capacity of ${options.capacity} bytes: it exists with ${capacity} and ${options.keep === undefined ? "is in use" : "keeps what was sent"}. ` +
        "Open it without a capacity, or let the sender ask for the larger one when it is made",
    );
  }
  if (peerHeld) {
    const bell = openBell(join(path, bellFile(other)), O_RDWR);
    supersede(object, { options, shape }, bell, () => write(bell, ONE_BYTE));
  } else {
    removeObject(path, words, header);
  }
  return false;
}

const ONE_BYTE = new Uint8Array(1);

const FREE_SPACE = "Free space there, ask for a smaller capacity, or use a path on another file system";

const KEPT_REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: FREE_SPACE,
  EDQUOT: FREE_SPACE,
  EACCES: "Mend the permissions there, or use a path in a folder of your own",
  EPERM: "Mend the permissions there, or use a path on a file system that has FIFOs",
  EROFS: "Use a path on a file system that can be written to",
  ENODEV: "Use a path on a file system whose files can be mapped shared",
  ENOENT: "Make the folder that it shall lie in",
  EMFILE: REMEDIES.EMFILE as string,
};
