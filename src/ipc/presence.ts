import { join } from "node:path";
import { IpcError } from "../errors.ts";
import { O_RDONLY } from "../ffi/abi/current.ts";
import { close, read, write } from "../ffi/fd.ts";
import { queryLock, unlock } from "../ffi/lock.ts";
import type { Region } from "../memory/region.ts";
import { type Ownership, own } from "../objects/own.ts";
import { waitForLock } from "../objects/wait-for-lock.ts";
import {
  HEAD_OFFSET,
  OWNER_WORDS_OFFSET,
  SEGMENT_LIVE,
  SEGMENT_STATE_OFFSET,
  SEGMENT_SUPERSEDED,
  STATE_ATTACHED,
  STATE_CLOSED,
  STATE_NEVER,
  TAIL_OFFSET,
} from "../ring/layout.ts";
import type { Keep } from "./attach-presence.ts";
import type { Side } from "./link.ts";
import { openBell } from "./open-bell.ts";
import {
  bellFile,
  otherSide,
  pidWord,
  removeObject,
  roleByte,
  SETUP_BYTE,
  sessionsWord,
  stateWord,
} from "./presence-object.ts";

/**
 * Who is at the two ends of a named object, by the kernel's word.
 *
 * A presence is a directory `NAME` in the object directory with three files:
 *
 *     segment          the header of `src/ring/layout.ts`, and behind it the ring's data, if it has any
 *     bell-producer    FIFO; a byte in it wakes the producer
 *     bell-consumer    FIFO; a byte in it wakes the consumer
 *
 * - The directory is built under a temporary name and renamed into place, so nobody opens half of one.
 * - An end is held by an open-file-description lock on byte 0 (producer) or 1 (consumer) of `segment`, which the kernel drops when the
 *   process ends, however it ends. Byte 2 is the setup lock: attaching, detaching and removing happen under it, one at a time.
 * - The state word says what an end wants: attached or closed. Attached without a lock is dead.
 * - Each end reads its own bell and keeps the other's open for writing, so a hang-up of one's own bell says that the peer has gone.
 *
 * A SysV queue uses one too, for its ends' roles, and leaves the ring in it empty. It does not wait: the owner watches `bell`.
 */
export class Presence {
  readonly name: string;
  readonly side: Side;
  /** The segment, mapped: header and (mirrored) data. */
  readonly region: Region;
  /** Bytes of ring data, 0 for an object that is no ring. */
  readonly capacity: number;
  /** True when this end made the object. */
  readonly created: boolean;
  /** How this end leaves when the process ends without closing it: as one that dies, but for what nobody will miss. */
  leaveAtExit: () => void = () => this.abandon();

  readonly #path: string;
  readonly #segment: number;
  readonly #peerBell: number;
  readonly #words: Int32Array;
  readonly #header: number;
  readonly #sessionsBefore: number;
  readonly #peerBefore: PeerState;
  readonly #keep: Keep | undefined;
  #bell: number;
  #open = true;
  #ownership: Ownership | undefined;

  /** Use `attachPresence`. Called under the setup lock with both bells open. */
  constructor(parts: PresenceParts) {
    this.name = parts.name;
    this.side = parts.side;
    this.region = parts.region;
    this.capacity = parts.capacity;
    this.created = parts.created;
    this.#path = parts.path;
    this.#segment = parts.segment;
    this.#bell = parts.bell;
    this.#peerBell = parts.peerBell;
    this.#keep = parts.keep;
    this.#words = parts.region.arena.words;
    this.#header = parts.region.offset >> 2;
    this.#sessionsBefore = this.peerSessions;
    this.#peerBefore = this.#askPeerState();
  }

  /** This end's bell: readable when the peer rang, hung up when the peer has gone. Changes with `renewBell`. */
  get bell(): number {
    return this.#bell;
  }

  /** False after `detach`. */
  get isOpen(): boolean {
    return this.#open;
  }

  /** What the other end is doing; asks the kernel only when the answer is not in the segment. */
  peerState(): PeerState {
    const state = this.#askPeerState();
    // a receiver that was dead when this sender came is no loss of this sender's; it waits for the next one
    if (
      state === "dead" &&
      this.side === "sender" &&
      this.#peerBefore === "dead" &&
      this.peerSessions === this.#sessionsBefore
    ) {
      return "none";
    }
    return state;
  }

  #askPeerState(): PeerState {
    const word = stateWord(otherSide(this.side));
    const state = this.#load(word);
    if (state === STATE_NEVER) return "none";
    if (state === STATE_CLOSED) return "closed";
    if (queryLock(this.#segment, "write", roleByte(otherSide(this.side)), 1)) return "attached";
    // it may have closed between the two looks; a third one does not depend on what the other side writes meanwhile
    const now = this.#load(word);
    if (now === STATE_CLOSED) return "closed";
    if (now === STATE_ATTACHED) return "dead";
    throw new IpcError(
      "IPC_CORRUPT",
      `The object ${this.#path} is corrupt: the state word of its ${otherSide(this.side)} is ${now >>> 0}, not 0, 1 or 2`,
    );
  }

  /** The other end has closed; one look at a word. */
  get peerClosed(): boolean {
    return this.#load(stateWord(otherSide(this.side))) === STATE_CLOSED;
  }

  /** True when this end looks at an object that the other end has put a larger one in place of: attach anew. */
  get superseded(): boolean {
    return this.#load(SEGMENT_STATE_OFFSET >> 2) === SEGMENT_SUPERSEDED;
  }

  /** Process id of the last process at the other end, `undefined` when there was none. */
  get peerPid(): number | undefined {
    return this.#load(pidWord(otherSide(this.side))) || undefined;
  }

  /** How often some process has attached to the other end. */
  get peerSessions(): number {
    return this.#load(sessionsWord(otherSide(this.side))) >>> 0;
  }

  /** Reads one of four words that belong to the owner of this object, not to the ring. */
  ownerWord(index: 0 | 1 | 2 | 3): number {
    return this.#load((OWNER_WORDS_OFFSET >> 2) + index);
  }

  /** Writes one of them; call it from `enter` or `last`, under the setup lock. */
  setOwnerWord(index: 0 | 1 | 2 | 3, value: number): void {
    Atomics.store(this.#words, this.#header + (OWNER_WORDS_OFFSET >> 2) + index, value);
  }

  /** Writes down that this end is taken; for objects whose ring, which does that itself, is not used. Call it from `enter`. */
  enter(pid: number): void {
    const header = this.#header;
    this.#words[header + pidWord(this.side)] = pid;
    Atomics.add(this.#words, header + sessionsWord(this.side), 1);
    Atomics.store(this.#words, header + stateWord(this.side), STATE_ATTACHED);
  }

  /** From now on the object goes with the process, when nobody else is there. Called when the end is taken. */
  own(): void {
    this.#ownership = own("ring", this.#path, () => this.leaveAtExit(), this.side === "receiver");
  }

  /** Closes what wakes this end, and what it wakes with. */
  closeBells(): void {
    close(this.#bell);
    close(this.#peerBell);
  }

  /** Runs `body` while nobody attaches, detaches or removes, and gives what that gives. */
  exclusively<Result>(body: () => Result): Result {
    waitForLock(this.#segment, "write", SETUP_BYTE, 1);
    try {
      return body();
    } finally {
      unlock(this.#segment, SETUP_BYTE, 1);
    }
  }

  /** Rings the other end's bell. A full bell is rung already. */
  ringPeer(): void {
    write(this.#peerBell, ONE_BYTE);
  }

  /**
   * Takes the bytes out of the own bell.
   *
   * @returns false when the bell has hung up for good, because a process opened it and went without ever attaching; a waiter would
   *   spin on it. `renewBell` mends that
   */
  settleBell(): boolean {
    let count = read(this.#bell, SCRAP);
    while (count === SCRAP.length) count = read(this.#bell, SCRAP);
    return count !== 0 || this.peerState() !== "none";
  }

  /** Opens the own bell anew. Whoever watches the old descriptor has let go of it. */
  renewBell(): void {
    const renewed = openBell(join(this.#path, bellFile(this.side)), O_RDONLY);
    close(this.#bell);
    this.#bell = renewed;
  }

  /**
   * Leaves. The state word says "closed" from here on, the peer's bell is rung, and everything is unmapped and closed. When the other
   * end is not held, and nothing in the object waits for a successor, the object is removed, unless it is one that is kept.
   *
   * @param last called under the setup lock when the object is removed for good, before it goes
   * @param finished asked under the setup lock when the other end is not held: whether nobody will miss the object; by default, whether
   *   nothing in its ring waits for a successor
   */
  detach(last?: () => void, finished = (peer: PeerState) => this.#finished(peer)): void {
    this.#leave(finished, last, STATE_CLOSED);
  }

  /**
   * Leaves as a process does that dies: the state word stays "attached", which without the lock means dead. An object that this end
   * made and to which nobody has come is removed.
   *
   * @param last as for `detach`
   * @param finished as for `detach`
   */
  abandon(last?: () => void, finished = (peer: PeerState) => this.#finished(peer)): void {
    this.#leave((peer) => (peer === "none" ? this.created : finished(peer)), last, STATE_ATTACHED);
  }

  #leave(finished: (peer: PeerState) => boolean, last: (() => void) | undefined, state: number): void {
    if (!this.#open) return;
    this.#open = false;
    waitForLock(this.#segment, "write", SETUP_BYTE, 1);
    Atomics.store(this.#words, this.#header + stateWord(this.side), state);
    try {
      const peer = this.peerState();
      const live = this.#load(SEGMENT_STATE_OFFSET >> 2) === SEGMENT_LIVE;
      if (this.#keep === undefined && live && peer !== "attached" && finished(peer)) {
        last?.();
        removeObject(this.#path, this.#words, this.#header);
      }
      if (peer === "attached") this.ringPeer();
      this.#keep?.leave?.(this.region);
    } finally {
      this.region.close();
      this.closeBells();
      // drops the locks with it
      close(this.#segment);
      this.#ownership?.release();
    }
  }

  /** Whether nobody will miss the object. */
  #finished(peer: PeerState): boolean {
    if (this.side === "receiver") return true;
    // a sender leaves what its receiver has not had, and its end, unless the receiver has quit or has had everything
    return peer === "closed" || (peer === "dead" && this.#load(HEAD_OFFSET >> 2) === this.#load(TAIL_OFFSET >> 2));
  }

  #load(word: number): number {
    return Atomics.load(this.#words, this.#header + word);
  }
}

/** What the other end is doing. `dead`: it was attached, and went without closing. */
export type PeerState = "none" | "attached" | "closed" | "dead";

/** What `attachPresence` has opened. */
export interface PresenceParts {
  readonly name: string;
  readonly side: Side;
  readonly region: Region;
  readonly capacity: number;
  readonly created: boolean;
  readonly path: string;
  /** The open segment, which holds the role lock. */
  readonly segment: number;
  readonly bell: number;
  readonly peerBell: number;
  /** For an object that stays when nobody holds it. */
  readonly keep: Keep | undefined;
}

const ONE_BYTE = new Uint8Array(1);
const SCRAP = new Uint8Array(64);
