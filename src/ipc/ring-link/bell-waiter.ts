import { POLLIN } from "../../ffi/abi/current.ts";
import { FdWaiter } from "../../ffi/off-thread/reactor.ts";
import { pollOne } from "../../ffi/poll.ts";
import { WAIT_BELL } from "../../ring/layout.ts";
import type { WaitMode } from "../../ring/waiter.ts";
import type { Presence } from "../presence.ts";

/** What a ring's producer and consumer have in common for sleeping. */
interface Sleeper {
  prepareWait(mode: WaitMode): boolean;
  cancelWait(): boolean;
}

/**
 * Parks one end of a ring on its bell, on the event loop or on the thread. It returns when the peer rang, came to its end or died, or
 * when there was something to do already; the caller tries again and sees what it was.
 */
export class BellWaiter {
  readonly #presence: Presence;
  #waiter: FdWaiter | undefined;

  constructor(presence: Presence) {
    this.#presence = presence;
  }

  async park(sleeper: Sleeper, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (!sleeper.prepareWait(WAIT_BELL)) return;
    try {
      // after the waiter word is set, so that a peer that dies from here on hangs up the bell
      if (this.#presence.peerState() === "dead") return;
      this.#waiter ??= new FdWaiter(this.#presence.bell, "read");
      await this.#waiter.wait(signal);
    } finally {
      this.#wake(sleeper);
    }
  }

  parkSync(sleeper: Sleeper, timeout: number): boolean {
    if (!sleeper.prepareWait(WAIT_BELL)) return true;
    try {
      if (this.#presence.peerState() === "dead") return true;
      return pollOne(this.#presence.bell, POLLIN, timeout) !== 0;
    } finally {
      this.#wake(sleeper);
    }
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

  #wake(sleeper: Sleeper): void {
    if (!this.#presence.isOpen) return;
    sleeper.cancelWait();
    this.settle();
  }
}
