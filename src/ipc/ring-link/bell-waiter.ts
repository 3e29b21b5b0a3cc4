import { POLLIN } from "../../ffi/abi/current.ts";
import { futexWait } from "../../ffi/futex.ts";
import { FdWaiter } from "../../ffi/off-thread/reactor.ts";
import { pollOne } from "../../ffi/poll.ts";
import { beforeBlocking } from "../../objects/before-blocking.ts";
import { WAIT_BELL, WAIT_FUTEX } from "../../ring/layout.ts";
import type { WaitMode } from "../../ring/waiter.ts";
import { Pace } from "../../wait/pace.ts";
import type { Presence } from "../presence.ts";

/** What a ring's producer and consumer have in common for sleeping. Without `poll` there is no spinning. */
export interface Sleeper {
  flush?(): void;
  poll?(): boolean;
  /** Byte offset in the arena of the word on which this end sleeps in futex(2); without it there is only the bell. */
  readonly waiterOffset?: number;
  prepareWait(mode: WaitMode): boolean;
  /** Whether there is something to do after all, for an end whose peer may miss that it falls asleep. */
  lookAgain?(): boolean;
  cancelWait(): boolean;
}

/** What is needed of a presence: the descriptor that wakes this end, and who is at the other one. */
export type Ringing = Pick<
  Presence,
  "bell" | "isOpen" | "peerPid" | "peerState" | "region" | "renewBell" | "settleBell"
>;

/** Longest time to spin before sleeping, in milliseconds: about what it costs both sides to sleep and to wake. */
const LONGEST_SPIN = 0.05;
/** Where spinning begins again once a sleep was short. */
const FIRST_SPIN = 0.01;
/** Below it spinning is not worth a look at the clock. */
const SHORTEST_SPIN = 0.001;
/** A sleep that spinning of the longest kind would nearly have saved. */
const SHORT_SLEEP = 0.1;
/** Longest time to sleep without noticing that the peer died, or gave something without noticing that this end slept, in milliseconds. */
const LONGEST_NAP = 5;
/** Hints between two looks at the clock. */
const HINTS = 16;

/**
 * Parks one end of a ring on its bell, on the event loop or on the thread. It returns when the peer rang, came to its end or died, or
 * when there was something to do already; the caller tries again and sees what it was.
 *
 * Before it sleeps it spins, for a time that doubles when spinning was enough and halves when it was not; so a peer that is busy is met
 * without a system call, and an idle end soon sleeps at once.
 */
export class BellWaiter {
  readonly #presence: Ringing;
  readonly #pace: Pace;
  #waiter: FdWaiter | undefined;
  #spin = FIRST_SPIN;
  #hasSpun = false;

  /** @param pace how often this end looks, in other calls as well */
  constructor(presence: Ringing, pace: Pace = new Pace()) {
    this.#presence = presence;
    this.#pace = pace;
  }

  /** The last thing that was done here is a `spin` that found nothing. */
  get hasSpun(): boolean {
    return this.#hasSpun;
  }

  /** Looks for a while whether there is something to do. A `park` or `parkSync` behind it does not look again. */
  spin(sleeper: Sleeper): boolean {
    const found = this.#spins(sleeper);
    this.#hasSpun = !found;
    return found;
  }

  async park(sleeper: Sleeper, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.#spinsFirst(sleeper) || !sleeper.prepareWait(WAIT_BELL)) return;
    const asleep = performance.now();
    const look = sleeper.lookAgain === undefined ? undefined : setTimeout(() => this.#lookAgain(sleeper), LONGEST_NAP);
    try {
      // after the waiter word is set, so that a peer that dies from here on hangs up the bell
      if (this.#presence.peerState() === "dead") return;
      this.#waiter ??= new FdWaiter(this.#presence.bell, "read");
      await this.#waiter.wait(signal);
    } finally {
      clearTimeout(look);
      this.#wake(sleeper, asleep);
    }
  }

  /**
   * The first milliseconds in futex(2), from which the peer wakes us with one system call, the rest on the bell, which hangs up when the
   * peer dies.
   */
  parkSync(sleeper: Sleeper, timeout: number): boolean {
    if (this.#spinsFirst(sleeper)) return true;
    beforeBlocking();
    let left = timeout;
    if (sleeper.waiterOffset !== undefined) {
      const nap = Math.min(timeout, LONGEST_NAP);
      if (this.#naps(sleeper, sleeper.waiterOffset, nap)) return true;
      left -= nap;
    }
    if (!sleeper.prepareWait(WAIT_BELL)) return true;
    try {
      if (this.#presence.peerState() === "dead") return true;
      const first = sleeper.lookAgain === undefined ? left : Math.min(left, LONGEST_NAP);
      if (pollOne(this.#presence.bell, POLLIN, first) !== 0 || sleeper.lookAgain?.()) return true;
      return left > first && pollOne(this.#presence.bell, POLLIN, left - first) !== 0;
    } finally {
      this.#wake(sleeper, Number.NEGATIVE_INFINITY);
    }
  }

  /** @returns false when nobody woke us */
  #naps(sleeper: Sleeper, waiterOffset: number, timeout: number): boolean {
    if (!sleeper.prepareWait(WAIT_FUTEX)) return true;
    const asleep = performance.now();
    let woken = false;
    try {
      // the word is WAIT_FUTEX until the peer, which sets it to 0 before it wakes, has seen it
      woken = futexWait(this.#presence.region.arena.address + waiterOffset, WAIT_FUTEX, timeout) !== "timeout";
    } finally {
      if (sleeper.cancelWait()) woken = true;
      this.#learn(asleep);
    }
    return woken;
  }

  /** Ends a pending `park` when it would sleep beside something to do. */
  #lookAgain(sleeper: Sleeper): void {
    if (this.#presence.isOpen && sleeper.lookAgain?.()) this.close();
  }

  /** Ends a pending `park`. */
  close(): void {
    this.#waiter?.close();
    this.#waiter = undefined;
  }

  /** Makes the bell ready for the next wait. */
  settle(): void {
    if (this.#presence.settleBell()) return;
    this.close();
    this.#presence.renewBell();
  }

  /** At the beginning of a wait. */
  #spinsFirst(sleeper: Sleeper): boolean {
    const spun = this.#hasSpun;
    this.#hasSpun = false;
    return !spun && this.#spins(sleeper);
  }

  /** Looks for a while whether there is something to do, and learns from it. */
  #spins(sleeper: Sleeper): boolean {
    // nothing can change while this thread spins when the peer is on it
    if (sleeper.poll === undefined || this.#spin < SHORTEST_SPIN || this.#presence.peerPid === process.pid)
      return false;
    sleeper.flush?.();
    const end = performance.now() + this.#spin;
    do {
      for (let hints = 0; hints < HINTS; hints += this.#pace.pause()) {
        if (!sleeper.poll()) continue;
        this.#spin = Math.min(this.#spin * 2, LONGEST_SPIN);
        return true;
      }
    } while (performance.now() < end);
    this.#spin /= 2;
    return false;
  }

  /** A sleep that was short is one that spinning would have saved. */
  #learn(asleep: number): void {
    if (performance.now() - asleep < SHORT_SLEEP)
      this.#spin = Math.min(Math.max(this.#spin * 4, FIRST_SPIN), LONGEST_SPIN);
  }

  #wake(sleeper: Sleeper, asleep: number): void {
    this.#learn(asleep);
    if (!this.#presence.isOpen) return;
    sleeper.cancelWait();
    this.settle();
  }
}
