import { IpcError } from "../../errors.ts";
import { getpid } from "../../ffi/ids.ts";
import { FunnelProducer } from "../../ring/funnel-producer.ts";
import { STATE_CLOSED } from "../../ring/layout.ts";
import { Pace } from "../../wait/pace.ts";
import { type Direction, FULL, type Link, type LinkStats, type Peer, TAKEN, type WriteResult } from "../link.ts";
import { OneSidedLink } from "../one-sided-link.ts";
import { BellWaiter } from "../ring-link/bell-waiter.ts";
import { attachFunnel, type FunnelOptions, noSlot } from "./attach-funnel.ts";
import { SendingPresence } from "./sending-presence.ts";
import { FUNNEL_SUPPORTS } from "./supports.ts";

/** One of the sending ends of a funnel as a `Link`. */
export class FunnelSender extends OneSidedLink implements Link {
  readonly address: string;
  readonly side = "sender";
  readonly supports = FUNNEL_SUPPORTS;
  readonly maxMessageBytes: number;
  readonly tooLargeRemedy: string;

  readonly #presence: SendingPresence;
  readonly #producer: FunnelProducer;
  readonly #bell: BellWaiter;
  readonly #pace = new Pace();
  #stalls = 0;
  #wakes = 0;
  #open = true;

  constructor(name: string, options: FunnelOptions) {
    super();
    this.address = options.address;
    let producer: FunnelProducer | undefined;
    this.#presence = attachFunnel(name, "sender", options, (parts) => {
      const presence = new SendingPresence(parts, options.mode);
      if (presence.slot === -1) throw noSlot(options.address);
      try {
        const waker = { wake: () => this.#wake(presence) };
        producer = new FunnelProducer(presence.memory, presence.slot, waker, { pid: getpid() });
      } catch (error) {
        presence.closeBells();
        throw error;
      }
      return presence;
    });
    this.#producer = producer as unknown as FunnelProducer;
    this.#bell = new BellWaiter(this.#presence, this.#pace);
    this.maxMessageBytes = this.#producer.largestPayload;
    const isHalf = this.maxMessageBytes * 2 === this.#presence.capacity;
    this.tooLargeRemedy = isHalf
      ? ". Open the first end with a capacity of twice the message"
      : ". Send it in parts, or over a ring of its own";
  }

  override tryWrite(message: Uint8Array): WriteResult {
    if (this.#producer.peerState === STATE_CLOSED) this.#refuseClosed();
    if (this.#producer.tryPush(message)) {
      this.#pace.found();
      return TAKEN;
    }
    this.#full();
    return FULL;
  }

  tryClaim(length: number): Uint8Array | undefined {
    if (this.#producer.peerState === STATE_CLOSED) this.#refuseClosed();
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

  #wake(presence: SendingPresence): void {
    this.#wakes++;
    presence.ringPeer();
  }

  /** Nothing was taken: is there still somebody who will make room? */
  #full(): void {
    if (!this.#pace.missed()) return;
    if (this.#presence.peerState() !== "dead") return;
    const { peerPid } = this.#presence;
    throw new IpcError(
      "IPC_PEER_GONE",
      `Cannot send to ${this.address}: its receiver, process ${peerPid}, died without closing, and the funnel is full. ` +
        "What was sent is kept for the next receiver",
    );
  }

  #refuseClosed(): never {
    throw new IpcError("IPC_CLOSED", `Cannot send to ${this.address}: its receiver has closed`);
  }
}
