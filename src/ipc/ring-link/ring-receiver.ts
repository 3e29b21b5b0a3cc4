import { IpcError } from "../../errors.ts";
import { futexWake } from "../../ffi/futex.ts";
import { getpid } from "../../ffi/ids.ts";
import { RingConsumer, type RingConsumerOptions } from "../../ring/consumer.ts";
import { STATE_CLOSED, WAIT_FUTEX } from "../../ring/layout.ts";
import type { WaitMode } from "../../ring/waiter.ts";
import { type AttachOptions, attachPresence } from "../attach-presence.ts";
import type { Link, Supports } from "../link.ts";
import { peekNext, releasePeeked } from "../peek-together.ts";
import type { Presence } from "../presence.ts";
import { BellReceiver } from "./bell-receiver.ts";
import { ringMemory } from "./ring-memory.ts";
import { KEPT_SUPPORTS, RING_SUPPORTS } from "./supports.ts";

/** The receiving end of a ring as a `Link`. */
export class RingReceiver extends BellReceiver<RingConsumer, Presence> implements Link {
  readonly supports: Supports;

  readonly #name: string;
  readonly #options: AttachOptions;
  readonly #more: RingConsumerOptions;
  /** The message that is peeked at, when it came in several records. */
  #assembled: Uint8Array | undefined;

  /** @param more what the consumer shall do besides */
  constructor(name: string, options: AttachOptions, more: RingConsumerOptions) {
    super(options.address);
    this.supports = options.keep === undefined ? RING_SUPPORTS : KEPT_SUPPORTS;
    this.#name = name;
    this.#options = options;
    this.#more = more;
    this.#attach();
  }

  /** What is read from here on is given back together: by the end of a batch, or when the ring is an eighth free of it. */
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
    return this.#mayHaveEnded() ? (this.ring.tryPop() ?? this.#tryEnd()) : undefined;
  }

  tryPeek(): Uint8Array | undefined | null {
    if (this.ended) return null;
    if (this.#assembled !== undefined) return this.#assembled;
    if (this.ring.inMessage) return this.#peekAssembled();
    let at = this.ring.tryPeek();
    if (at === -1) {
      if (!this.#mayHaveEnded()) return undefined;
      at = this.ring.tryPeek();
      if (at === -1) return this.#tryEnd();
    }
    this.pace.found();
    if (this.ring.peekMore) return this.#peekAssembled();
    return this.ring.bytes.subarray(at, at + this.ring.peekLength);
  }

  tryPeekNext(): Uint8Array | undefined {
    return this.#assembled === undefined ? peekNext(this.ring, this.presence.capacity) : undefined;
  }

  release(): void {
    if (this.#assembled === undefined) releasePeeked(this.ring);
    else this.#assembled = undefined;
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
    this.attached(presence, consumer as unknown as RingConsumer);
  }

  #wake(mode: WaitMode): void {
    this.wakes++;
    if (mode === WAIT_FUTEX) futexWake(this.presence.region.arena.address + this.ring.peerWaiterOffset, 1);
    else this.presence.ringPeer();
  }

  /** Nothing is there: true when nothing more can come, except for what was published before this look. */
  #mayHaveEnded(): boolean {
    if (this.ring.peerState === STATE_CLOSED) return true;
    if (!this.pace.missed()) return false;
    if (this.presence.superseded) {
      this.detach();
      this.#attach();
      return false;
    }
    const state = this.presence.peerState();
    return state === "dead" || state === "closed";
  }

  /** Called when the sender has left and everything is read. */
  #tryEnd(): undefined | null {
    const state = this.presence.peerState();
    // another one may have come since the look that brought us here, and may be gone again: the stream goes on with that one
    if (state === "attached" || this.ring.available > 0) return undefined;
    this.ended = true;
    if (state !== "dead") return null;
    const partial = this.ring.inMessage ? ", in the middle of a message" : "";
    this.ring.discardPartial();
    throw new IpcError(
      "IPC_PEER_GONE",
      `The sender of ${this.address}, process ${this.presence.peerPid}, died without closing${partial}. All that it had sent was received`,
    );
  }
}
