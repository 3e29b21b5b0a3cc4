import { IpcError } from "../../errors.ts";
import { futexWake } from "../../ffi/futex.ts";
import { getpid } from "../../ffi/ids.ts";
import { RingConsumer, type RingConsumerOptions } from "../../ring/consumer.ts";
import { STATE_CLOSED, WAIT_FUTEX } from "../../ring/layout.ts";
import type { WaitMode } from "../../ring/waiter.ts";
import { Pace } from "../../wait/pace.ts";
import { type AttachOptions, attachPresence } from "../attach-presence.ts";
import type { Direction, Link, LinkStats, Peer, Supports } from "../link.ts";
import { OneSidedLink } from "../one-sided-link.ts";
import { peekNext, releasePeeked } from "../peek-together.ts";
import type { Presence } from "../presence.ts";
import { BellWaiter } from "./bell-waiter.ts";
import { ringMemory } from "./ring-memory.ts";
import { KEPT_SUPPORTS, RING_SUPPORTS } from "./supports.ts";

/** The receiving end of a ring as a `Link`. */
export class RingReceiver extends OneSidedLink implements Link {
  readonly address: string;
  readonly side = "receiver";
  readonly supports: Supports;
  readonly maxMessageBytes = Number.POSITIVE_INFINITY;

  readonly #name: string;
  readonly #options: AttachOptions;
  readonly #more: RingConsumerOptions;
  // Replaced together when the sender has put a larger ring in the place of this one
  #presence!: Presence;
  #consumer!: RingConsumer;
  #bell!: BellWaiter;
  /** The message that is peeked at, when it came in several records. */
  #assembled: Uint8Array | undefined;
  readonly #pace = new Pace();
  #stalls = 0;
  #wakes = 0;
  #ended = false;
  #open = true;

  /** @param more what the consumer shall do besides */
  constructor(name: string, options: AttachOptions, more: RingConsumerOptions) {
    super();
    this.address = options.address;
    this.supports = options.keep === undefined ? RING_SUPPORTS : KEPT_SUPPORTS;
    this.#name = name;
    this.#options = options;
    this.#more = more;
    this.#attach();
  }

  /** What is read from here on is given back together: by the end of a batch, or when the ring is an eighth free of it. */
  override cork(): void {
    this.#consumer.releaseBytes = this.#presence.capacity / 8;
  }

  override uncork(): void {
    if (this.#open) this.#consumer.releaseBytes = 0;
  }

  override tryRead(): Uint8Array | undefined | null {
    if (this.#ended) return null;
    const message = this.#consumer.tryPop();
    if (message !== undefined) {
      this.#pace.found();
      return message;
    }
    return this.#mayHaveEnded() ? (this.#consumer.tryPop() ?? this.#tryEnd()) : undefined;
  }

  tryPeek(): Uint8Array | undefined | null {
    if (this.#ended) return null;
    if (this.#assembled !== undefined) return this.#assembled;
    if (this.#consumer.inMessage) return this.#peekAssembled();
    let at = this.#consumer.tryPeek();
    if (at === -1) {
      if (!this.#mayHaveEnded()) return undefined;
      at = this.#consumer.tryPeek();
      if (at === -1) return this.#tryEnd();
    }
    this.#pace.found();
    if (this.#consumer.peekMore) return this.#peekAssembled();
    return this.#consumer.bytes.subarray(at, at + this.#consumer.peekLength);
  }

  tryPeekNext(): Uint8Array | undefined {
    return this.#assembled === undefined ? peekNext(this.#consumer, this.#presence.capacity) : undefined;
  }

  release(): void {
    if (this.#assembled === undefined) releasePeeked(this.#consumer);
    else this.#assembled = undefined;
  }

  async ready(_direction: Direction, signal: AbortSignal | undefined): Promise<void> {
    if (!this.#open || this.#ended) return;
    this.#stalls++;
    this.#pace.askNext();
    await this.#bell.park(this.#consumer, signal);
  }

  readySync(_direction: Direction, timeout: number): boolean {
    if (this.#ended) return true;
    this.#stalls++;
    this.#pace.askNext();
    return this.#bell.parkSync(this.#consumer, timeout);
  }

  peer(): Peer {
    if (!this.#open) return { alive: undefined, pid: undefined };
    const state = this.#presence.peerState();
    return { alive: state === "none" ? undefined : state === "attached", pid: this.#presence.peerPid };
  }

  stats(): LinkStats {
    return {
      backlogBytes: this.#open ? this.#consumer.available : undefined,
      capacityBytes: this.#presence.capacity,
      stalls: this.#stalls,
      wakes: this.#wakes,
    };
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#detach();
  }

  /** A message larger than half of the ring lies nowhere in one piece: what is shown is a copy. */
  #peekAssembled(): Uint8Array | undefined | null {
    const message = this.tryRead();
    if (message !== null) this.#assembled = message;
    return message;
  }

  #attach(): void {
    let consumer: RingConsumer | undefined;
    const presence = attachPresence(this.#name, "receiver", this.#options, (opened) => {
      const waiter = { wake: (mode: WaitMode) => this.#wake(mode) };
      consumer = new RingConsumer(ringMemory(opened, this.address), waiter, { pid: getpid(), ...this.#more });
    });
    this.#presence = presence;
    this.#consumer = consumer as RingConsumer;
    this.#bell = new BellWaiter(presence, this.#pace);
  }

  #detach(): void {
    this.#bell.close();
    try {
      this.#consumer.close();
    } finally {
      this.#presence.detach();
    }
  }

  #wake(mode: WaitMode): void {
    this.#wakes++;
    if (mode === WAIT_FUTEX) futexWake(this.#presence.region.arena.address + this.#consumer.peerWaiterOffset, 1);
    else this.#presence.ringPeer();
  }

  /** Nothing is there: true when nothing more can come, except for what was published before this look. */
  #mayHaveEnded(): boolean {
    if (this.#consumer.peerState === STATE_CLOSED) return true;
    if (!this.#pace.missed()) return false;
    if (this.#presence.superseded) {
      this.#detach();
      this.#attach();
      return false;
    }
    const state = this.#presence.peerState();
    return state === "dead" || state === "closed";
  }

  /** Called when the sender has left and everything is read. */
  #tryEnd(): undefined | null {
    const state = this.#presence.peerState();
    // another one may have come since the look that brought us here, and may be gone again: the stream goes on with that one
    if (state === "attached" || this.#consumer.available > 0) return undefined;
    this.#ended = true;
    if (state !== "dead") return null;
    const partial = this.#consumer.inMessage ? ", in the middle of a message" : "";
    this.#consumer.discardPartial();
    throw new IpcError(
      "IPC_PEER_GONE",
      `The sender of ${this.address}, process ${this.#presence.peerPid}, died without closing${partial}. All that it had sent was received`,
    );
  }
}
