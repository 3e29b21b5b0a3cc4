import { IpcError } from "../../errors.ts";
import { beforeBlocking } from "../../objects/before-blocking.ts";
import type { LinkStats, Peer, Side, Supports } from "../link.ts";
import { OneSidedLink } from "../one-sided-link.ts";
import type { MemoryQueue } from "./memory-queue.ts";

/** What `memory:` can do. */
const MEMORY_SUPPORTS: Supports = {
  messages: true,
  end: true,
  peerDeath: false,
  exclusiveSender: true,
  exclusiveReceiver: true,
  zeroCopy: true,
  processes: false,
  senderFirst: true,
  receiverFirst: true,
  named: true,
  peerPid: true,
  emptyMessages: true,
};

/** What the two ends of a `memory:` channel have in common. */
export abstract class MemoryEnd extends OneSidedLink {
  readonly supports = MEMORY_SUPPORTS;
  readonly address: string;
  readonly side: Side;
  protected readonly queue: MemoryQueue;
  readonly #closed: () => void;
  #open = true;
  #stalls = 0;
  #wakes = 0;

  /** @param closed called when this end has closed */
  constructor(queue: MemoryQueue, address: string, side: Side, closed: () => void) {
    super();
    this.queue = queue;
    this.address = address;
    this.side = side;
    this.#closed = closed;
    queue.enter(side);
  }

  /** Whether a try may succeed, or will report an end. */
  protected abstract isReady(): boolean;

  async ready(_direction: unknown, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (!this.#open || this.isReady()) return;
    this.#stalls++;
    await this.queue.sleep(this.side, signal);
  }

  readySync(_direction: unknown, timeout: number): boolean {
    if (!this.#open || this.isReady()) return true;
    this.#stalls++;
    if (timeout === Number.POSITIVE_INFINITY) {
      throw new IpcError(
        "IPC_UNSUPPORTED",
        `Cannot block on ${this.address}: the other end is in this very thread and could never go on. Give a timeout, or await the form without Sync`,
      );
    }
    beforeBlocking();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, timeout);
    return false;
  }

  peer(): Peer {
    const state = this.queue.state(this.#otherSide);
    return {
      alive: state === "never" ? undefined : state === "open",
      pid: state === "never" ? undefined : process.pid,
    };
  }

  stats(): LinkStats {
    return {
      backlogBytes: this.queue.used,
      capacityBytes: this.queue.capacity,
      stalls: this.#stalls,
      wakes: this.#wakes,
    };
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.queue.leave(this.side);
    this.#closed();
  }

  protected wakePeer(): void {
    if (this.queue.wake(this.#otherSide)) this.#wakes++;
  }

  get #otherSide(): Side {
    return this.side === "sender" ? "receiver" : "sender";
  }
}
