import { join } from "node:path";
import {
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLLIN,
  IN_MODIFY,
  IN_NONBLOCK,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
} from "../../ffi/abi/current.ts";
import { epollCreate1, epollCtl } from "../../ffi/epoll.ts";
import { close, ftruncate, open, read } from "../../ffi/fd.ts";
import { inotifyAddWatch, inotifyInit1 } from "../../ffi/inotify.ts";
import { queryLock } from "../../ffi/lock.ts";
import type { Region } from "../../memory/region.ts";
import { type Ownership, own } from "../../objects/own.ts";
import { waitForLock } from "../../objects/wait-for-lock.ts";
import {
  SEGMENT_LIVE,
  SEGMENT_STATE_OFFSET,
  SEGMENT_SUPERSEDED,
  STATE_ATTACHED,
  STATE_CLOSED,
  STATE_NEVER,
} from "../../ring/layout.ts";
import type { OpenObject } from "../attach-object.ts";
import type { Side } from "../link.ts";
import type { PeerState } from "../presence.ts";
import { otherSide, pidWord, removeObject, roleByte, SETUP_BYTE, stateWord } from "../presence-object.ts";

/** An empty file. The producer truncates it once more, and the kernel tells every consumer that watches it. */
export const BELL_FILE = "bell";

/** A FIFO that nobody writes into. The producer keeps it open for writing, so it hangs up for every consumer when the producer has gone. */
export const LIFELINE_FILE = "lifeline";

/**
 * One end of a broadcast, by the kernel's word.
 *
 * A broadcast is a directory `NAME.broadcast` in the object directory: `segment`, `bell` and `lifeline`. As with a ring (`presence.ts`), byte 0 of
 * `segment` is the producer's lock and byte 2 the setup lock. The lock on byte 1 is shared by all consumers: it says whether there is one.
 *
 * What a consumer watches is an epoll set of an inotify instance, for the bell, and of the lifeline. The producer does not know its consumers, has
 * nothing of theirs open, and wakes all of them with one system call.
 */
export class BroadcastPresence {
  readonly side: Side;
  readonly region: Region;
  /** Bytes of data. */
  readonly capacity: number;

  readonly #path: string;
  readonly #segment: number;
  readonly #words: Int32Array;
  readonly #header: number;
  readonly #descriptors: number[] = [];
  /** What a consumer watches; the producer's open bell. */
  #bell = -1;
  #inotify = -1;
  #lifeline = -1;
  #open = true;
  #ownership: Ownership | undefined;

  /** Use `attachBroadcast`. Called under the setup lock, so the path leads to the files of this segment. */
  constructor(side: Side, { region, path, segment, words, header, capacity }: OpenObject) {
    this.side = side;
    this.region = region;
    this.capacity = capacity;
    this.#path = path;
    this.#segment = segment;
    this.#words = words;
    this.#header = header;
    try {
      if (side === "sender") this.#openForSending();
      else this.#openForReceiving();
    } catch (error) {
      this.closeBells();
      throw error;
    }
  }

  /** What a consumer waits on: readable when the producer rang, or has gone. */
  get bell(): number {
    return this.#bell;
  }

  /** False after `detach`. */
  get isOpen(): boolean {
    return this.#open;
  }

  /**
   * What the other end is doing; asks the kernel only when the answer is not in the segment. For the producer: `attached` while there is any
   * consumer, else `none`.
   */
  peerState(): PeerState {
    const peer = otherSide(this.side);
    const state = this.#load(stateWord(peer));
    if (state === STATE_NEVER) return "none";
    if (state === STATE_CLOSED) return "closed";
    if (queryLock(this.#segment, "write", roleByte(peer), 1)) return "attached";
    if (this.side === "sender") return "none";
    // it may have closed between the two looks
    return this.#load(stateWord(peer)) === STATE_ATTACHED ? "dead" : this.peerState();
  }

  /** Process id of the producer, or of the consumer that came last; `undefined` when there was none. */
  get peerPid(): number | undefined {
    return this.#load(pidWord(otherSide(this.side))) || undefined;
  }

  /** True when the producer has put a larger broadcast in the place of this one: attach anew. */
  get superseded(): boolean {
    return this.#load(SEGMENT_STATE_OFFSET >> 2) === SEGMENT_SUPERSEDED;
  }

  /** From now on the object goes with the process, when nobody else is there. Called when the end is taken. */
  own(): void {
    this.#ownership = own("ring", this.#path, () => this.#leave(true));
  }

  /** The producer's: wakes every consumer that sleeps. */
  ring(): void {
    // a modification that changes nothing
    ftruncate(this.#bell, 0);
  }

  /**
   * A consumer's: makes the bell ready for the next wait.
   *
   * @returns true
   */
  settleBell(): boolean {
    // Only what is there now: whoever rings after the next store of the waiter word is heard
    while (read(this.#inotify, SCRAP) > 0);
    if (this.#lifeline !== -1 && read(this.#lifeline, SCRAP) === 0 && this.peerState() === "none") this.renewBell();
    return true;
  }

  /** The lifeline hangs up for good when a process has opened it and gone without ever attaching: it is opened anew. */
  renewBell(): void {
    epollCtl(this.#bell, EPOLL_CTL_DEL, this.#lifeline);
    close(this.#lifeline);
    this.#descriptors.splice(this.#descriptors.indexOf(this.#lifeline), 1);
    this.#lifeline = -1;
    try {
      this.#openLifeline();
    } catch (error) {
      // somebody removed the broadcast: nobody can come any more
      if ((error as { code?: string }).code !== "ENOENT") throw error;
    }
  }

  /**
   * Leaves. What nobody can use any more is removed: by a producer, unless no consumer has ever come; by the last consumer, unless there is
   * a producer.
   */
  detach(): void {
    this.#leave(false);
  }

  /** Leaves as a process does that dies: the state word stays "attached", which without the lock means dead. */
  abandon(): void {
    this.#leave(true);
  }

  /** Closes what wakes this end, or what it wakes with. */
  closeBells(): void {
    for (const descriptor of this.#descriptors.splice(0)) close(descriptor);
  }

  #openForSending(): void {
    this.#bell = this.#keep(open(join(this.#path, BELL_FILE), O_WRONLY | O_NOFOLLOW));
    // for reading too, so that it opens without a reader there
    this.#lifeline = this.#keep(open(join(this.#path, LIFELINE_FILE), O_RDWR | O_NONBLOCK | O_NOFOLLOW));
  }

  #openForReceiving(): void {
    this.#inotify = this.#keep(inotifyInit1(IN_NONBLOCK));
    inotifyAddWatch(this.#inotify, join(this.#path, BELL_FILE), IN_MODIFY);
    this.#bell = this.#keep(epollCreate1());
    epollCtl(this.#bell, EPOLL_CTL_ADD, this.#inotify, EPOLLIN);
    this.#openLifeline();
  }

  #openLifeline(): void {
    this.#lifeline = this.#keep(open(join(this.#path, LIFELINE_FILE), O_RDONLY | O_NONBLOCK | O_NOFOLLOW));
    // for its hang-up, which is always told
    epollCtl(this.#bell, EPOLL_CTL_ADD, this.#lifeline, EPOLLIN);
  }

  #keep(descriptor: number): number {
    this.#descriptors.push(descriptor);
    return descriptor;
  }

  #leave(dies: boolean): void {
    if (!this.#open) return;
    this.#open = false;
    waitForLock(this.#segment, "write", SETUP_BYTE, 1);
    try {
      if (this.side === "sender") {
        Atomics.store(this.#words, this.#header + stateWord("sender"), dies ? STATE_ATTACHED : STATE_CLOSED);
      }
      if (this.#load(SEGMENT_STATE_OFFSET >> 2) === SEGMENT_LIVE && this.#isFinished(dies)) {
        removeObject(this.#path, this.#words, this.#header);
      }
    } finally {
      this.region.close();
      // drops the locks with it; before the lifeline, so that who hears of the one sees the other
      close(this.#segment);
      this.closeBells();
      this.#ownership?.release();
    }
  }

  /** Whether nobody will miss the object. */
  #isFinished(dies: boolean): boolean {
    // a consumer's own lock is on the same open file, and does not count
    if (this.side === "receiver") {
      return (["sender", "receiver"] as const).every((side) => !queryLock(this.#segment, "write", roleByte(side), 1));
    }
    return dies || this.#load(stateWord("receiver")) !== STATE_NEVER;
  }

  #load(word: number): number {
    return Atomics.load(this.#words, this.#header + word);
  }
}

const SCRAP = new Uint8Array(4096);
