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
import type { LinkStats, Peer } from "../link.ts";
import type { Presence } from "../presence.ts";
import { BellWaiter } from "../ring-link/bell-waiter.ts";
import { type AttachedQueue, abandonQueue, detachQueue } from "./attach-queue.ts";
import type { MessageQueue } from "./message-queue.ts";
import { SYSV_SUPPORTS } from "./supports.ts";

/**
 * What the two ends of a queue have in common: waiting, and leaving.
 *
 * The kernel has no other way to wait for a queue than to block in msgsnd or msgrcv, and neither of them hears of a peer that closes or
 * dies. So the call blocks on a thread of its own, while this one watches the bell of the presence; whichever comes first ends the other.
 * No call is pending when `ready` has ended, nor while anything else uses the queue: `settle` comes before that.
 */
export abstract class SysvEnd {
  readonly address: string;
  readonly supports = SYSV_SUPPORTS;
  protected readonly queue: MessageQueue;
  protected readonly presence: Presence;
  readonly #attached: AttachedQueue;
  readonly #bell: BellWaiter;
  #call: BlockingCall | undefined;
  #open = true;
  #stalls = 0;

  constructor(attached: AttachedQueue) {
    this.#attached = attached;
    this.address = attached.queue.address;
    this.queue = attached.queue;
    this.presence = attached.presence;
    this.#bell = new BellWaiter(attached.presence);
  }

  peer(): Peer {
    if (!this.#open) return { alive: undefined, pid: undefined };
    const state = this.presence.peerState();
    return { alive: state === "none" ? undefined : state === "attached", pid: this.presence.peerPid };
  }

  stats(): LinkStats {
    const status = this.#open ? this.queue.status() : undefined;
    return { backlogBytes: status?.cbytes, capacityBytes: status?.qbytes, stalls: this.#stalls, wakes: 0 };
  }

  close(): void {
    this.#leave(() => detachQueue(this.#attached, this.hasSent));
  }

  abandon(): void {
    this.#leave(() => abandonQueue(this.#attached));
  }

  cork(): void {}

  uncork(): void {}

  protected get isOpen(): boolean {
    return this.#open;
  }

  protected get hasSent(): boolean {
    return false;
  }

  /** Takes the outcome of a call that this end has waited with. */
  protected abstract settled(outcome: BlockingOutcome): void;

  /** The last chance to use the queue. */
  protected abstract beforeDetach(): void;

  /** Waits on the event loop until the call is over or the peer has news. */
  protected async wait(
    name: "msgsnd" | "msgrcv",
    args: BlockingArgument[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    signal?.throwIfAborted();
    this.#stalls++;
    const bell = new AbortController();
    const end = () => {
      this.settle();
      bell.abort(signal?.reason);
    };
    const call = startBlocking(name, args);
    this.#call = call;
    signal?.addEventListener("abort", end, { once: true });
    try {
      await Promise.race([call.over, this.#bell.park(SLEEPER, bell.signal)]);
    } finally {
      signal?.removeEventListener("abort", end);
      end();
    }
    signal?.throwIfAborted();
  }

  /** The same with the thread blocked; false when `timeout` milliseconds have passed. */
  protected waitSync(name: "msgsnd" | "msgrcv", args: BlockingArgument[], timeout: number): boolean {
    this.#stalls++;
    const outcome = callBlockingSync(name, args, timeout, this.presence.bell);
    this.settled(outcome);
    const rang = pollOne(this.presence.bell, POLLIN, 0) !== 0;
    this.#bell.settle();
    return rang || outcome.errno !== EINTR;
  }

  #leave(detach: () => void): void {
    if (!this.#open) return;
    this.#open = false;
    try {
      this.settle();
      this.beforeDetach();
    } finally {
      this.#bell.close();
      detach();
    }
  }

  /** Ends the pending call and takes its outcome. */
  protected settle(): void {
    const call = this.#call;
    if (call === undefined) return;
    this.#call = undefined;
    this.settled(call.settle());
  }
}

/** The bell is rung whether or not somebody sleeps: it tells of the peer's end only. */
const SLEEPER = { prepareWait: () => true, cancelWait: () => true };
