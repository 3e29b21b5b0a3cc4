import { POLLIN, POLLOUT } from "../../ffi/abi/current.ts";
import { waitForFd } from "../../ffi/off-thread/reactor.ts";
import { poll } from "../../ffi/poll.ts";
import { beforeBlocking } from "../../objects/before-blocking.ts";
import type { Direction } from "../link.ts";
import { BELL_SLEEPER, QueueEnd } from "../queue-link/queue-end.ts";
import type { PosixQueue } from "./posix-queue.ts";

/** What the two ends of a queue have in common: waiting, for the queue itself and for the bell that tells of the peer's end. */
export abstract class MqEnd extends QueueEnd<PosixQueue> {
  /** Waits on the event loop until the queue is ready or the peer has news. */
  protected async wait(direction: Direction, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    this.stalls++;
    const other = new AbortController();
    const end = () => other.abort(signal?.reason);
    signal?.addEventListener("abort", end, { once: true });
    try {
      const ready = waitForFd(this.queue.fd, direction, other.signal);
      await Promise.race([ready, this.bell.park(BELL_SLEEPER, other.signal)]);
    } finally {
      signal?.removeEventListener("abort", end);
      end();
    }
    signal?.throwIfAborted();
  }

  /** The same with the thread blocked; false when `timeout` milliseconds have passed. */
  protected waitSync(direction: Direction, timeout: number): boolean {
    this.stalls++;
    beforeBlocking();
    const count = poll(
      [
        { fd: this.queue.fd, events: direction === "read" ? POLLIN : POLLOUT, revents: 0 },
        { fd: this.presence.bell, events: POLLIN, revents: 0 },
      ],
      timeout,
    );
    this.bell.settle();
    return count !== 0;
  }
}
