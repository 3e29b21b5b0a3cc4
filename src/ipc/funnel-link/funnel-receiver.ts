import { IpcError } from "../../errors.ts";
import { getpid } from "../../ffi/ids.ts";
import { FunnelConsumer } from "../../ring/funnel-consumer.ts";
import type { Link } from "../link.ts";
import { peekNext, releasePeeked } from "../peek-together.ts";
import type { PeerState } from "../presence.ts";
import { BellReceiver } from "../ring-link/bell-receiver.ts";
import { attachFunnel, type FunnelOptions } from "./attach-funnel.ts";
import { ReceivingPresence } from "./receiving-presence.ts";
import { FUNNEL_SUPPORTS } from "./supports.ts";

/** The receiving end of a funnel as a `Link`. */
export class FunnelReceiver extends BellReceiver<FunnelConsumer, ReceivingPresence> implements Link {
  readonly supports = FUNNEL_SUPPORTS;

  readonly #name: string;
  readonly #options: FunnelOptions;
  readonly #maxMessageBytes: number;

  constructor(name: string, options: FunnelOptions, maxMessageBytes: number) {
    super(options.address);
    this.#name = name;
    this.#options = options;
    this.#maxMessageBytes = maxMessageBytes;
    this.#attach();
  }

  /** What is read from here on is given back together: by the end of a batch, or when the funnel is an eighth free of it. */
  override cork(): void {
    this.ring.releaseBytes = this.presence.capacity / 8;
  }

  override uncork(): void {
    if (this.isOpen) this.ring.releaseBytes = 0;
  }

  override tryRead(): Uint8Array | undefined | null {
    if (this.ended) return null;
    const message = this.ring.tryPop();
    if (message !== undefined) {
      this.pace.found();
      return message;
    }
    if (!this.#mayGoOn()) return undefined;
    return this.ring.tryPop() ?? this.#tryEnd();
  }

  tryPeek(): Uint8Array | undefined | null {
    if (this.ended) return null;
    let at = this.ring.tryPeek();
    if (at === -1) {
      if (!this.#mayGoOn()) return undefined;
      at = this.ring.tryPeek();
      if (at === -1) return this.#tryEnd();
    }
    this.pace.found();
    return this.ring.bytes.subarray(at, at + this.ring.peekLength);
  }

  tryPeekNext(): Uint8Array | undefined {
    return peekNext(this.ring, this.presence.capacity);
  }

  release(): void {
    releasePeeked(this.ring);
  }

  /** Not the presence's `peerState()`, which looks around: that is for who is about to sleep. */
  protected override get peerState(): PeerState {
    return this.presence.producers;
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
    this.attached(presence, consumer as unknown as FunnelConsumer);
  }

  #wake(presence: ReceivingPresence, slot: number): void {
    this.wakes++;
    presence.ringSlot(slot);
  }

  /** Nothing is there: true when there may be something now, or the end. */
  #mayGoOn(): boolean {
    if (!this.ring.producers && this.ring.sessions > 0) return true;
    if (!this.pace.missed()) return false;
    if (this.presence.superseded) {
      this.detach();
      this.#attach();
      return false;
    }
    // in this order: a death of which this look learns, no later one tells
    return this.presence.lookAround() || this.#passesDead();
  }

  /** What a dead sender had claimed holds up what lies behind it. @returns whether that was so */
  #passesDead(): boolean {
    const slot = this.ring.claimant;
    return slot !== -1 && !this.presence.isAlive(slot) && this.ring.passOver();
  }

  /** Nothing was there after a look around: the end, if there is no sender any more. */
  #tryEnd(): Uint8Array | undefined | null {
    const consumer = this.ring;
    while (this.#passesDead()) {
      const message = consumer.tryPop();
      if (message !== undefined) return message;
    }
    if (!consumer.ended) return undefined;
    const deaths = this.presence.tryEnd();
    if (deaths === undefined) return undefined;
    this.ended = true;
    if (deaths === 0) return null;
    const who = deaths === 1 ? `A sender of ${this.address}` : `Of the senders of ${this.address} ${deaths}`;
    throw new IpcError("IPC_PEER_GONE", `${who} died without closing. All that was sent was received`);
  }
}
