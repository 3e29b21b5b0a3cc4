import { getpid } from "../../ffi/ids.ts";
import { BroadcastProducer } from "../../ring/broadcast-producer.ts";
import { type Link, type LinkStats, type Peer, TAKEN, type WriteResult } from "../link.ts";
import { OneSidedLink } from "../one-sided-link.ts";
import { attachBroadcast, type BroadcastOptions } from "./attach-broadcast.ts";
import { broadcastMemory } from "./broadcast-memory.ts";
import type { BroadcastPresence } from "./broadcast-presence.ts";
import { BROADCAST_SUPPORTS } from "./supports.ts";

/** The sending end of a broadcast as a `Link`. It always has room, so nothing waits here. */
export class BroadcastSender extends OneSidedLink implements Link {
  readonly address: string;
  readonly side = "sender";
  readonly supports = BROADCAST_SUPPORTS;
  readonly maxMessageBytes: number;
  readonly tooLargeRemedy = ". Open the sender with a capacity of more than four times the message";

  readonly #presence: BroadcastPresence;
  readonly #producer: BroadcastProducer;
  #wakes = 0;
  #open = true;

  constructor(name: string, options: BroadcastOptions) {
    super();
    this.address = options.address;
    let producer: BroadcastProducer | undefined;
    this.#presence = attachBroadcast(name, "sender", options, (presence) => {
      producer = new BroadcastProducer(
        broadcastMemory(presence, options.address),
        { wake: () => this.#wake() },
        { pid: getpid() },
      );
    });
    this.#producer = producer as BroadcastProducer;
    this.maxMessageBytes = this.#producer.largestPayload;
  }

  override tryWrite(message: Uint8Array): WriteResult {
    this.#producer.tryPush(message);
    return TAKEN;
  }

  override flush(): boolean {
    this.#producer.flush();
    return true;
  }

  override cork(): void {
    this.#producer.batchBytes = this.#presence.capacity / 8;
  }

  override uncork(): void {
    this.#producer.batchBytes = 0;
  }

  /** There always is room. */
  async ready(): Promise<void> {}

  readySync(): boolean {
    return true;
  }

  peer(): Peer {
    if (!this.#open) return { alive: undefined, pid: undefined };
    const pid = this.#presence.peerPid;
    return { alive: pid === undefined ? undefined : this.#presence.peerState() === "attached", pid };
  }

  stats(): LinkStats {
    return {
      backlogBytes: undefined,
      capacityBytes: this.#presence.capacity,
      stalls: 0,
      wakes: this.#wakes,
    };
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    try {
      this.#producer.close();
    } finally {
      this.#presence.detach();
    }
  }

  abandon(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#presence.abandon();
  }

  #wake(): void {
    this.#wakes++;
    this.#presence.ring();
  }
}
