import { IpcError } from "../../errors.ts";
import { futexWake } from "../../ffi/futex.ts";
import { getpid } from "../../ffi/ids.ts";
import { STATE_CLOSED, WAIT_FUTEX } from "../../ring/layout.ts";
import { RingProducer, type RingProducerOptions } from "../../ring/producer.ts";
import type { WaitMode } from "../../ring/waiter.ts";
import { Pace } from "../../wait/pace.ts";
import { type AttachOptions, attachPresence } from "../attach-presence.ts";
import {
  BEGUN,
  type Direction,
  FULL,
  type Link,
  type LinkStats,
  type Peer,
  type Supports,
  TAKEN,
  type WriteResult,
} from "../link.ts";
import { OneSidedLink } from "../one-sided-link.ts";
import type { Presence } from "../presence.ts";
import { BellWaiter } from "./bell-waiter.ts";
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
export class RingSender extends OneSidedLink implements Link {
  readonly address: string;
  readonly side = "sender";
  readonly supports: Supports;
  readonly maxMessageBytes = Number.POSITIVE_INFINITY;

  readonly #presence: Presence;
  readonly #producer: RingProducer;
  readonly #bell: BellWaiter;
  readonly #pace: Pace;
  #stalls = 0;
  #wakes = 0;
  #open = true;

  /** @param more what the producer shall do besides */
  constructor(name: string, options: AttachOptions, more?: (presence: Presence) => RingProducerOptions) {
    super();
    this.address = options.address;
    this.supports = options.keep === undefined ? RING_SUPPORTS : KEPT_SUPPORTS;
    let producer: RingProducer | undefined;
    this.#presence = attachPresence(name, "sender", options, (presence) => {
      const waiter = { wake: (mode: WaitMode) => this.#wake(mode) };
      producer = new RingProducer(ringMemory(presence, options.address), waiter, {
        pid: getpid(),
        ...more?.(presence),
      });
    });
    this.#producer = producer as RingProducer;
    this.#pace = new Pace(pauseFor(this.#presence.capacity));
    this.#bell = new BellWaiter(this.#presence, this.#pace);
  }

  override tryWrite(message: Uint8Array): WriteResult {
    const producer = this.#producer;
    if (producer.peerClosed) this.#refuseClosed();
    if (message.length <= producer.largestPayload) {
      if (producer.tryPush(message)) {
        this.#pace.found();
        return TAKEN;
      }
      this.#full();
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
    const producer = this.#producer;
    if (!producer.inMessage) {
      producer.flush();
      return true;
    }
    try {
      if (producer.continueMessage()) return true;
      if (producer.peerState === STATE_CLOSED) this.#refuseClosed();
      this.#full();
      return false;
    } catch (error) {
      // the call that sends it fails; the next message must not find it open
      producer.abandonMessage();
      throw error;
    }
  }

  override keepRest(): void {
    this.#producer.keepMessage();
  }

  override retract(): boolean {
    this.#producer.abandonMessage();
    return true;
  }

  override cork(): void {
    this.#producer.batchBytes = this.#presence.capacity / 8;
  }

  override uncork(): void {
    this.#producer.batchBytes = 0;
  }

  tryClaim(length: number): Uint8Array | undefined {
    if (this.#producer.peerClosed) this.#refuseClosed();
    const at = this.#producer.tryClaim(length);
    if (at !== -1) {
      this.#pace.found();
      return this.#producer.bytes.subarray(at, at + length);
    }
    this.#full();
    return undefined;
  }

  commit(length: number): void {
    this.#producer.commit(length);
  }

  abort(): void {
    this.#producer.abort();
  }

  async ready(_direction: Direction, signal: AbortSignal | undefined): Promise<void> {
    if (!this.#open) return;
    this.#stalls++;
    this.#pace.askNext();
    await this.#bell.park(this.#producer, signal);
  }

  readySync(_direction: Direction, timeout: number): boolean {
    this.#stalls++;
    this.#pace.askNext();
    return this.#bell.parkSync(this.#producer, timeout);
  }

  peer(): Peer {
    if (!this.#open) return { alive: undefined, pid: undefined };
    const state = this.#presence.peerState();
    return { alive: state === "none" ? undefined : state === "attached", pid: this.#presence.peerPid };
  }

  stats(): LinkStats {
    const capacityBytes = this.#presence.capacity;
    return {
      backlogBytes: this.#open ? capacityBytes - this.#producer.free : undefined,
      capacityBytes,
      stalls: this.#stalls,
      wakes: this.#wakes,
    };
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#bell.close();
    try {
      this.#producer.close();
    } finally {
      this.#presence.detach();
    }
  }

  abandon(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#bell.close();
    this.#presence.abandon();
  }

  #wake(mode: WaitMode): void {
    this.#wakes++;
    if (mode === WAIT_FUTEX) futexWake(this.#presence.region.arena.address + this.#producer.peerWaiterOffset, 1);
    else this.#presence.ringPeer();
  }

  /** Nothing was taken: is there still somebody who will make room? */
  #full(): void {
    if (!this.#pace.missed()) return;
    if (this.#presence.peerState() !== "dead") return;
    const { peerPid } = this.#presence;
    throw new IpcError(
      "IPC_PEER_GONE",
      `Cannot send to ${this.address}: its receiver, process ${peerPid}, died without closing, and the ring is full. ` +
        "What was sent is kept for the next receiver",
    );
  }

  #refuseClosed(): never {
    throw new IpcError("IPC_CLOSED", `Cannot send to ${this.address}: its receiver has closed`);
  }
}
