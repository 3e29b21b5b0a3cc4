import { IpcError } from "../../errors.ts";
import type { LinkStats, Peer } from "../link.ts";
import { OneSidedLink } from "../one-sided-link.ts";
import type { Presence } from "../presence.ts";
import { BellWaiter } from "../ring-link/bell-waiter.ts";
import { type AttachedQueue, abandonQueue, detachQueue, type KernelQueue } from "./attach-queue.ts";
import { QUEUE_SUPPORTS } from "./supports.ts";

/** What all ends of message queues have in common: who is at the other end, and leaving. */
export abstract class QueueEnd<Queue extends KernelQueue> extends OneSidedLink {
  readonly address: string;
  readonly supports = QUEUE_SUPPORTS;
  protected readonly queue: Queue;
  protected readonly presence: Presence;
  protected readonly bell: BellWaiter;
  protected stalls = 0;
  readonly #attached: AttachedQueue<Queue>;
  #open = true;

  constructor(attached: AttachedQueue<Queue>) {
    super();
    this.#attached = attached;
    this.address = attached.queue.address;
    this.queue = attached.queue;
    this.presence = attached.presence;
    this.bell = new BellWaiter(attached.presence);
  }

  peer(): Peer {
    if (!this.#open) return { alive: undefined, pid: undefined };
    const state = this.presence.peerState();
    return { alive: state === "none" ? undefined : state === "attached", pid: this.presence.peerPid };
  }

  stats(): LinkStats {
    const { bytes, capacity } = this.#open ? this.queue.room() : {};
    return { backlogBytes: bytes, capacityBytes: capacity, stalls: this.stalls, wakes: 0 };
  }

  close(): void {
    this.#leave(() => detachQueue(this.#attached, this.hasSent));
  }

  abandon(): void {
    this.#leave(() => abandonQueue(this.#attached));
  }

  protected get isOpen(): boolean {
    return this.#open;
  }

  /** This end is a sender that has sent something. */
  protected get hasSent(): boolean {
    return false;
  }

  /** The last chance to use the queue. */
  protected beforeDetach(): void {}

  /** For a sender that finds the queue full: refuses when nobody is there to make room. */
  protected refuseDeadReceiver(): void {
    if (this.presence.peerState() !== "dead") return;
    throw new IpcError(
      "IPC_PEER_GONE",
      `Cannot send to ${this.address}: its receiver, process ${this.presence.peerPid}, died without closing, and the queue is full. ` +
        "What was sent is kept for the next receiver",
    );
  }

  protected closedByReceiver(): IpcError {
    return new IpcError("IPC_CLOSED", `Cannot send to ${this.address}: its receiver has closed`);
  }

  #leave(detach: () => void): void {
    if (!this.#open) return;
    this.#open = false;
    try {
      this.beforeDetach();
    } finally {
      this.bell.close();
      detach();
    }
  }
}

/** The bell is rung whether or not somebody sleeps: it tells of the peer's end only. */
export const BELL_SLEEPER = { prepareWait: (): boolean => true, cancelWait: (): boolean => true };
