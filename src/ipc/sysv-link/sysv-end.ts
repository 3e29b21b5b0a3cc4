import { POLLIN } from "../../ffi/abi/current.ts";
import { EINTR } from "../../ffi/abi/errno.ts";
import {
  type BlockingArgument,
  type BlockingCall,
  callBlockingSync,
  startBlocking,
} from "../../ffi/off-thread/blocking-call.ts";
import type { BlockingOutcome } from "../../ffi/off-thread/blocking-caller.ts";
import { pollOne } from "../../ffi/poll.ts";
import { beforeBlocking } from "../../objects/before-blocking.ts";
import { BELL_SLEEPER, QueueEnd } from "../queue-link/queue-end.ts";
import type { MessageQueue } from "./message-queue.ts";

/**
 * What the two ends of a queue have in common: waiting.
 *
 * The kernel has no other way to wait for a queue than to block in msgsnd or msgrcv, and neither of them hears of a peer that closes or
 * dies. So the call blocks on a thread of its own, while this one watches the bell of the presence; whichever comes first ends the other.
 * No call is pending when `ready` has ended, nor while anything else uses the queue: `settle` comes before that.
 */
export abstract class SysvEnd extends QueueEnd<MessageQueue> {
  #call: BlockingCall | undefined;

  /** Takes the outcome of a call that this end has waited with. */
  protected abstract settled(outcome: BlockingOutcome): void;

  /** Waits on the event loop until the call is over or the peer has news. */
  protected async wait(
    name: "msgsnd" | "msgrcv",
    args: BlockingArgument[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    signal?.throwIfAborted();
    this.stalls++;
    const bell = new AbortController();
    const end = () => {
      this.settle();
      bell.abort(signal?.reason);
    };
    const call = startBlocking(name, args);
    this.#call = call;
    signal?.addEventListener("abort", end, { once: true });
    try {
      await Promise.race([call.over, this.bell.park(BELL_SLEEPER, bell.signal)]);
    } finally {
      signal?.removeEventListener("abort", end);
      end();
    }
    signal?.throwIfAborted();
  }

  /** The same with the thread blocked; false when `timeout` milliseconds have passed. */
  protected waitSync(name: "msgsnd" | "msgrcv", args: BlockingArgument[], timeout: number): boolean {
    this.stalls++;
    beforeBlocking();
    const outcome = callBlockingSync(name, args, timeout, this.presence.bell);
    this.settled(outcome);
    const rang = pollOne(this.presence.bell, POLLIN, 0) !== 0;
    this.bell.settle();
    return rang || outcome.errno !== EINTR;
  }

  protected override beforeDetach(): void {
    this.settle();
  }

  /** Ends the pending call and takes its outcome. */
  protected settle(): void {
    const call = this.#call;
    if (call === undefined) return;
    this.#call = undefined;
    this.settled(call.settle());
  }
}
