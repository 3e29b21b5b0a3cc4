import { join } from "node:path";
import { EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLLIN, O_RDONLY, O_RDWR } from "../../ffi/abi/current.ts";
import { epollCreate1, epollCtl } from "../../ffi/epoll.ts";
import { read, write } from "../../ffi/fd.ts";
import { mkfifo } from "../../ffi/fifo.ts";
import { queryLock, tryLock } from "../../ffi/lock.ts";
import { FUNNEL_CONTROL_OFFSET, FUNNEL_SLOTS, FUNNEL_UNIT_BYTES } from "../../ring/funnel-layout.ts";
import { STATE_CLOSED, STATE_NEVER, TAIL_OFFSET } from "../../ring/layout.ts";
import { openBell } from "../open-bell.ts";
import type { PeerState } from "../presence.ts";
import { pidWord, roleByte, sessionsWord, stateWord } from "../presence-object.ts";
import { type FunnelParts, FunnelPresence } from "./funnel-presence.ts";
import { CONSUMER_BELL, FIRST_SLOT_BYTE, LIFELINE_FILE, producerBell } from "./funnel-shape.ts";

/**
 * One of the sending ends of a funnel, by the kernel's word.
 *
 * It holds the lock of its slot. It reads the bell of its slot, which the consumer rings, and watches the consumer's lifeline, which hangs up
 * when that has gone.
 */
export class SendingPresence extends FunnelPresence {
  /** The slot; -1 when all are taken. */
  readonly slot: number;
  /** What to wait on: readable when the consumer rang, or has gone. */
  readonly bell: number = -1;

  readonly #ownBell: number = -1;
  readonly #consumerBell: number = -1;
  readonly #sessionsBefore: number;
  readonly #peerBefore: PeerState;
  #lifeline = -1;

  /** Use `attachFunnel`. Called under the setup lock. */
  constructor(parts: FunnelParts, mode: number) {
    super(parts);
    this.#sessionsBefore = this.#peerSessions;
    this.#peerBefore = this.#askPeerState();
    this.slot = this.#takeSlot();
    if (this.slot === -1) return;
    try {
      this.#ownBell = this.keep(this.#openOwnBell(mode));
      this.#consumerBell = this.keep(openBell(join(this.path, CONSUMER_BELL), O_RDWR));
      this.bell = this.keep(epollCreate1());
      epollCtl(this.bell, EPOLL_CTL_ADD, this.#ownBell, EPOLLIN);
      this.#openLifeline();
    } catch (error) {
      this.closeBells();
      throw error;
    }
    this.bury(this.slot);
  }

  /** What the consumer is doing; asks the kernel only when the answer is not in the segment. */
  peerState(): PeerState {
    const state = this.#askPeerState();
    // one that was dead when this sender came is no loss of this sender's; the funnel waits for the next one
    const old = this.#peerBefore === "dead" && this.#peerSessions === this.#sessionsBefore;
    return state === "dead" && old ? "none" : state;
  }

  get peerPid(): number | undefined {
    return this.load(pidWord("receiver") * 4) || undefined;
  }

  /** Wakes the consumer. A full bell has rung already. */
  ringPeer(): void {
    write(this.#consumerBell, ONE_BYTE);
  }

  /** Makes the bell ready for the next wait. @returns true */
  settleBell(): boolean {
    while (read(this.#ownBell, SCRAP) === SCRAP.length);
    if (read(this.#lifeline, SCRAP) === 0 && this.peerState() === "none") this.renewBell();
    return true;
  }

  /** The lifeline hangs up for good when a process has opened it and gone without attaching: it is opened anew. */
  renewBell(): void {
    epollCtl(this.bell, EPOLL_CTL_DEL, this.#lifeline);
    this.drop(this.#lifeline);
    this.#openLifeline();
  }

  detach(): void {
    this.leave(() => this.#isFinished());
  }

  abandon(): void {
    this.leave(() => (this.peerState() === "none" ? this.#isUnused() : this.#isFinished()));
  }

  /** The first slot that nobody holds. Called under the setup lock. */
  #takeSlot(): number {
    for (let slot = 0; slot < FUNNEL_SLOTS; slot++) {
      if (tryLock(this.segment, "write", FIRST_SLOT_BYTE + slot, 1)) return slot;
    }
    return -1;
  }

  #openOwnBell(mode: number): number {
    const path = join(this.path, producerBell(this.slot));
    try {
      mkfifo(path, mode);
    } catch (error) {
      // of the last one that had the slot
      if ((error as { code?: string }).code !== "EEXIST") throw error;
    }
    return openBell(path, O_RDONLY);
  }

  #openLifeline(): void {
    this.#lifeline = this.keep(openBell(join(this.path, LIFELINE_FILE), O_RDONLY));
    // for its hang-up, which is always told
    epollCtl(this.bell, EPOLL_CTL_ADD, this.#lifeline, EPOLLIN);
  }

  #askPeerState(): PeerState {
    const offset = stateWord("receiver") * 4;
    const state = this.load(offset);
    if (state === STATE_NEVER) return "none";
    if (state === STATE_CLOSED) return "closed";
    if (queryLock(this.segment, "write", roleByte("receiver"), 1)) return "attached";
    // it may have closed between the two looks
    return this.load(offset) === STATE_CLOSED ? "closed" : "dead";
  }

  get #peerSessions(): number {
    return this.load(sessionsWord("receiver") * 4);
  }

  /** Whether nobody will miss the object: there is no other producer, and the consumer has quit, or died and has had everything. */
  #isFinished(): boolean {
    const peer = this.peerState();
    if (peer === "attached" || this.#hasOthers()) return false;
    return peer === "closed" || (peer === "dead" && this.#isEmpty());
  }

  /** Whether nobody but this producer has ever come. */
  #isUnused(): boolean {
    return this.load(sessionsWord("sender") * 4) === 1 && !this.#hasOthers();
  }

  /** Whether there is another producer. Its lock on byte 0 is shared with this one's, which does not count. */
  #hasOthers(): boolean {
    return queryLock(this.segment, "write", roleByte("sender"), 1);
  }

  #isEmpty(): boolean {
    const mask = this.capacity / FUNNEL_UNIT_BYTES - 1;
    return this.load(FUNNEL_CONTROL_OFFSET + 4 * (this.load(TAIL_OFFSET) & mask)) >= 0;
  }
}

const ONE_BYTE = new Uint8Array(1);
const SCRAP = new Uint8Array(64);
