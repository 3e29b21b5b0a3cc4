import { IpcError } from "../../errors.ts";
import { getpid } from "../../ffi/ids.ts";
import { FunnelConsumer } from "../../ring/funnel-consumer.ts";
import { Pace } from "../../wait/pace.ts";
import type { Direction, Link, LinkStats, Peer } from "../link.ts";
import { OneSidedLink } from "../one-sided-link.ts";
import { peekNext, releasePeeked } from "../peek-together.ts";
import { BellWaiter } from "../ring-link/bell-waiter.ts";
import { attachFunnel, type FunnelOptions } from "./attach-funnel.ts";
import { ReceivingPresence } from "./receiving-presence.ts";
import { FUNNEL_SUPPORTS } from "./supports.ts";

/** The receiving end of a funnel as a `Link`. */
export class FunnelReceiver extends OneSidedLink implements Link {
  readonly address: string;
  readonly side = "receiver";
  readonly supports = FUNNEL_SUPPORTS;
  readonly maxMessageBytes = Number.POSITIVE_INFINITY;

  readonly #name: string;
  readonly #options: FunnelOptions;
  readonly #maxMessageBytes: number;
  // Replaced together when a sender has put a larger funnel in the place of this one
  #presence!: ReceivingPresence;
  #consumer!: FunnelConsumer;
  #bell!: BellWaiter;
  readonly #pace = new Pace();
  #stalls = 0;
  #wakes = 0;
  #ended = false;
  #open = true;

  constructor(name: string, options: FunnelOptions, maxMessageBytes: number) {
    super();
    this.address = options.address;
    this.#name = name;
    this.#options = options;
    this.#maxMessageBytes = maxMessageBytes;
    this.#attach();
  }

  /** What is read from here on is given back together: by the end of a batch, or when the funnel is an eighth free of it. */
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
    if (!this.#mayGoOn()) return undefined;
    return this.#consumer.tryPop() ?? this.#tryEnd();
  }

  tryPeek(): Uint8Array | undefined | null {
    if (this.#ended) return null;
    let at = this.#consumer.tryPeek();
    if (at === -1) {
      if (!this.#mayGoOn()) return undefined;
      at = this.#consumer.tryPeek();
      if (at === -1) return this.#tryEnd();
    }
    this.#pace.found();
    return this.#consumer.bytes.subarray(at, at + this.#consumer.peekLength);
  }

  tryPeekNext(): Uint8Array | undefined {
    return peekNext(this.#consumer, this.#presence.capacity);
  }

  release(): void {
    releasePeeked(this.#consumer);
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
    const state = this.#presence.producers;
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

  #attach(): void {
    let consumer: FunnelConsumer | undefined;
    const presence = attachFunnel(this.#name, "receiver", this.#options, (parts) => {
      const opened = new ReceivingPresence(parts);
      try {
        const waker = { wake: (slot: number) => this.#wake(opened, slot) };
        const options = { maxMessageBytes: this.#maxMessageBytes, pid: getpid() };
        consumer = new FunnelConsumer(opened.memory, waker, options);
      } catch (error) {
        opened.closeBells();
        throw error;
      }
      return opened;
    });
    this.#presence = presence;
    this.#consumer = consumer as unknown as FunnelConsumer;
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

  #wake(presence: ReceivingPresence, slot: number): void {
    this.#wakes++;
    presence.ringSlot(slot);
  }

  /** Nothing is there: true when there may be something now, or the end. */
  #mayGoOn(): boolean {
    if (!this.#consumer.producers && this.#consumer.sessions > 0) return true;
    if (!this.#pace.missed()) return false;
    if (this.#presence.superseded) {
      this.#detach();
      this.#attach();
      return false;
    }
    // in this order: a death of which this look learns, no later one tells
    return this.#presence.lookAround() || this.#passesDead();
  }

  /** What a dead sender had claimed holds up what lies behind it. @returns whether that was so */
  #passesDead(): boolean {
    const slot = this.#consumer.claimant;
    return slot !== -1 && !this.#presence.isAlive(slot) && this.#consumer.passOver();
  }

  /** Nothing was there after a look around: the end, if there is no sender any more. */
  #tryEnd(): Uint8Array | undefined | null {
    const consumer = this.#consumer;
    while (this.#passesDead()) {
      const message = consumer.tryPop();
      if (message !== undefined) return message;
    }
    if (!consumer.ended) return undefined;
    const deaths = this.#presence.tryEnd();
    if (deaths === undefined) return undefined;
    this.#ended = true;
    if (deaths === 0) return null;
    const who = deaths === 1 ? `A sender of ${this.address}` : `Of the senders of ${this.address} ${deaths}`;
    throw new IpcError("IPC_PEER_GONE", `${who} died without closing. All that was sent was received`);
  }
}
