import { join } from "node:path";
import { EPOLL_CTL_ADD, EPOLLERR, EPOLLIN, O_RDWR, O_WRONLY } from "../../ffi/abi/current.ts";
import { epollCreate1, epollCtl, epollWait } from "../../ffi/epoll.ts";
import { read, write } from "../../ffi/fd.ts";
import { queryLock } from "../../ffi/lock.ts";
import {
  FUNNEL_DEATHS_OFFSET,
  FUNNEL_PRESENT_OFFSET,
  FUNNEL_SLOTS,
  FUNNEL_TOLD_OFFSET,
} from "../../ring/funnel-layout.ts";
import { STATE_CLOSED } from "../../ring/layout.ts";
import { openBell } from "../open-bell.ts";
import { ignoreBrokenPipes } from "../pipe-settings.ts";
import type { PeerState } from "../presence.ts";
import { pidWord, roleByte, sessionsWord, stateWord } from "../presence-object.ts";
import { type FunnelParts, FunnelPresence } from "./funnel-presence.ts";
import { CONSUMER_BELL, LIFELINE_FILE, producerBell } from "./funnel-shape.ts";

/**
 * The receiving end of a funnel, by the kernel's word.
 *
 * It reads its bell, which any producer rings, and has the bell of each producer open for writing: the kernel reports an error of it when the
 * producer, its only reader, has gone. All of that is in one epoll set, which is what it sleeps on.
 */
export class ReceivingPresence extends FunnelPresence {
  /** What to wait on: readable when a producer rang, or has gone. */
  readonly bell: number;

  readonly #ownBell: number;
  /** The open bells by slot, of producers that have not gone as far as this end knows. */
  readonly #watched = new Map<number, number>();
  /** How many producers had come when it was last looked who they are. */
  #sessions = 0;

  /** Use `attachFunnel`. Called under the setup lock. */
  constructor(parts: FunnelParts) {
    super(parts);
    ignoreBrokenPipes();
    try {
      // for reading and writing both: so neither hangs up here when there is no producer
      this.#ownBell = this.keep(openBell(join(this.path, CONSUMER_BELL), O_RDWR));
      this.keep(openBell(join(this.path, LIFELINE_FILE), O_RDWR));
      this.bell = this.keep(epollCreate1());
      epollCtl(this.bell, EPOLL_CTL_ADD, this.#ownBell, EPOLLIN, OWN_BELL);
    } catch (error) {
      this.closeBells();
      throw error;
    }
  }

  /** Process id of the producer that came last; `undefined` when there was none. */
  get peerPid(): number | undefined {
    return this.load(pidWord("sender") * 4) || undefined;
  }

  /** Whether there is a producer; `none` when none ever came. */
  get producers(): PeerState {
    if (this.load(sessionsWord("sender") * 4) === 0) return "none";
    if (queryLock(this.segment, "write", roleByte("sender"), 1)) return "attached";
    return this.#present === 0 ? "closed" : "dead";
  }

  /**
   * For who is about to sleep, behind its waiter word: begins to watch producers that have come.
   *
   * @returns `dead` when one has gone meanwhile, so that it is to be looked at the funnel once more
   */
  peerState(): PeerState {
    return this.lookAround() ? "dead" : "attached";
  }

  /**
   * Looks who has come and who has gone, and buries the dead. Whoever learns here that one has gone looks at the funnel once more: it is not
   * told again.
   *
   * @returns whether a producer has gone since the last look
   */
  lookAround(): boolean {
    let gone = false;
    const sessions = this.load(sessionsWord("sender") * 4);
    if (sessions !== this.#sessions) {
      this.#sessions = sessions;
      for (let slot = 0; slot < FUNNEL_SLOTS; slot++) {
        if (!this.isPresent(slot) || this.#watched.has(slot)) continue;
        if (this.#watch(slot) === undefined) gone = this.#buryIfDead(slot) || gone;
      }
    }
    if (this.#watched.size === 0) return gone;
    for (const { data: slot, events } of epollWait(this.bell, 0)) {
      if (slot === OWN_BELL || (events & EPOLLERR) === 0) continue;
      gone = true;
      this.#buryIfDead(slot);
      const bell = this.#watched.get(slot);
      // a successor may read it by now: then it is watched on
      if (bell === undefined || this.isPresent(slot)) continue;
      this.#watched.delete(slot);
      this.drop(bell);
    }
    return gone;
  }

  /** Whether a live process holds that slot. */
  isAlive(slot: number): boolean {
    return this.isHeld(slot);
  }

  /**
   * Ends the stream if no producer has come meanwhile. Who comes later finds it over, and begins a new one.
   *
   * @returns how many producers have died that nobody was told of; `undefined` when it goes on
   */
  tryEnd(): number | undefined {
    return this.underSetupLock(() => {
      if (this.#present !== 0) return undefined;
      this.store(stateWord("receiver") * 4, STATE_CLOSED);
      const deaths = this.load(FUNNEL_DEATHS_OFFSET);
      const untold = (deaths - this.load(FUNNEL_TOLD_OFFSET)) >>> 0;
      this.store(FUNNEL_TOLD_OFFSET, deaths);
      return untold;
    });
  }

  /** Wakes the producer of that slot, if there is one. */
  ringSlot(slot: number): void {
    const bell = this.#watched.get(slot) ?? this.#watch(slot);
    if (bell === undefined) return;
    try {
      write(bell, ONE_BYTE);
    } catch (error) {
      // it died; that is told elsewhere
      if ((error as { code?: string }).code !== "EPIPE") throw error;
    }
  }

  /** Makes the bell ready for the next wait. @returns true */
  settleBell(): boolean {
    while (read(this.#ownBell, SCRAP) === SCRAP.length);
    return true;
  }

  /** Never needed: this bell does not hang up. */
  renewBell(): void {}

  detach(): void {
    this.abandon();
  }

  abandon(): void {
    this.leave(() => !queryLock(this.segment, "write", roleByte("sender"), 1));
  }

  /** Opens the bell of a producer; `undefined` when nobody reads it. */
  #watch(slot: number): number | undefined {
    let bell: number;
    try {
      bell = this.keep(openBell(join(this.path, producerBell(slot)), O_WRONLY));
    } catch (error) {
      // no reader, or no such file
      if ((error as { code?: string }).code === "IPC_CORRUPT") return undefined;
      throw error;
    }
    // for its error, which is always told
    epollCtl(this.bell, EPOLL_CTL_ADD, bell, 0, slot);
    this.#watched.set(slot, bell);
    return bell;
  }

  /** @returns whether it was not there any more, dead or closed */
  #buryIfDead(slot: number): boolean {
    if (!this.isPresent(slot)) return true;
    return this.underSetupLock(() => {
      if (this.isHeld(slot)) return false;
      this.bury(slot);
      return true;
    });
  }

  /** Not zero while some producer has neither closed nor been buried. */
  get #present(): number {
    return this.load(FUNNEL_PRESENT_OFFSET) | this.load(FUNNEL_PRESENT_OFFSET + 4);
  }
}

/** What stands for the own bell among the slots. */
const OWN_BELL = FUNNEL_SLOTS;
const ONE_BYTE = new Uint8Array(1);
const SCRAP = new Uint8Array(64);
