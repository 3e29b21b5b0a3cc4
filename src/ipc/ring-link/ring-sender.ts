import { futexWake } from "../../ffi/futex.ts";
import { getpid } from "../../ffi/ids.ts";
import { STATE_CLOSED, WAIT_FUTEX } from "../../ring/layout.ts";
import { RingProducer, type RingProducerOptions } from "../../ring/producer.ts";
import type { WaitMode } from "../../ring/waiter.ts";
import { Pace } from "../../wait/pace.ts";
import { type AttachOptions, attachPresence } from "../attach-presence.ts";
import { BEGUN, FULL, type Link, type Supports, TAKEN, type WriteResult } from "../link.ts";
import type { Presence } from "../presence.ts";
import { BellSender } from "./bell-sender.ts";
import { ringMemory } from "./ring-memory.ts";
import { KEPT_SUPPORTS, RING_SUPPORTS } from "./supports.ts";

/**
 * A sender waits for a receiver that has a full ring to read, and is not missed for a few microseconds: the longer, the larger the ring is.
 *
 * @returns hints between two looks, at most
 */
function pauseFor(capacity: number): number {
  return Math.min(Math.max(64, capacity >>> 12), 256);
}

/** The sending end of a ring as a `Link`. */
export class RingSender extends BellSender<RingProducer, Presence> implements Link {
  readonly supports: Supports;
  readonly maxMessageBytes = Number.POSITIVE_INFINITY;
  protected readonly kind = "ring";

  /** @param more what the producer shall do besides */
  constructor(name: string, options: AttachOptions, more?: (presence: Presence) => RingProducerOptions) {
    super(options.address);
    this.supports = options.keep === undefined ? RING_SUPPORTS : KEPT_SUPPORTS;
    let producer: RingProducer | undefined;
    const presence = attachPresence(name, "sender", options, (opened) => {
      const waiter = { wake: (mode: WaitMode) => this.#wake(mode) };
      producer = new RingProducer(ringMemory(opened, options.address), waiter, { pid: getpid(), ...more?.(opened) });
    });
    this.pace = new Pace(pauseFor(presence.capacity));
    this.attached(presence, producer as unknown as RingProducer);
  }

  override tryWrite(message: Uint8Array): WriteResult {
    const producer = this.ring;
    if (producer.peerClosed) this.refuseClosed();
    if (message.length <= producer.largestPayload) {
      if (producer.tryPush(message)) {
        this.pace.found();
        return TAKEN;
      }
      this.full();
      return FULL;
    }
    producer.beginMessage(message);
    try {
      return producer.continueMessage() ? TAKEN : BEGUN;
    } catch (error) {
      producer.abandonMessage();
      throw error;
    }
  }

  override flush(): boolean {
    const producer = this.ring;
    if (!producer.inMessage) {
      producer.flush();
      return true;
    }
    try {
      if (producer.continueMessage()) return true;
      if (producer.peerState === STATE_CLOSED) this.refuseClosed();
      this.full();
      return false;
    } catch (error) {
      // the call that sends it fails; the next message must not find it open
      producer.abandonMessage();
      throw error;
    }
  }

  override keepRest(): void {
    this.ring.keepMessage();
  }

  override retract(): boolean {
    this.ring.abandonMessage();
    return true;
  }

  override cork(): void {
    this.ring.batchBytes = this.presence.capacity / 8;
  }

  override uncork(): void {
    this.ring.batchBytes = 0;
  }

  #wake(mode: WaitMode): void {
    this.wakes++;
    if (mode === WAIT_FUTEX) futexWake(this.presence.region.arena.address + this.ring.peerWaiterOffset, 1);
    else this.presence.ringPeer();
  }
}
