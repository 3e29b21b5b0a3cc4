import { IpcError } from "../../errors.ts";
import { getpid } from "../../ffi/ids.ts";
import { BroadcastConsumer } from "../../ring/broadcast-consumer.ts";
import { STATE_CLOSED } from "../../ring/layout.ts";
import type { Link, LinkStats } from "../link.ts";
import { BellReceiver } from "../ring-link/bell-receiver.ts";
import { attachBroadcast, type BroadcastOptions } from "./attach-broadcast.ts";
import { broadcastMemory } from "./broadcast-memory.ts";
import type { BroadcastPresence } from "./broadcast-presence.ts";
import { BROADCAST_SUPPORTS } from "./supports.ts";

/** A receiving end of a broadcast as a `Link`. */
export class BroadcastReceiver extends BellReceiver<BroadcastConsumer, BroadcastPresence> implements Link {
  readonly supports = BROADCAST_SUPPORTS;

  readonly #name: string;
  readonly #options: BroadcastOptions;
  readonly #maxMessageBytes: number;
  readonly #skips: boolean;
  /** The message behind those that were missed; it comes after the error that tells of them. */
  #behindGap: Uint8Array | undefined;
  #told = 0;

  constructor(name: string, options: BroadcastOptions, maxMessageBytes: number, skips: boolean) {
    super(options.address);
    this.#name = name;
    this.#options = options;
    this.#maxMessageBytes = maxMessageBytes;
    this.#skips = skips;
    this.#attach(options.from);
  }

  override tryRead(): Uint8Array | undefined | null {
    if (this.#behindGap !== undefined) return this.#takeBehindGap();
    if (this.ended) return null;
    const message = this.ring.tryPop();
    if (message !== undefined) return this.#received(message);
    if (!this.#mayHaveEnded()) return undefined;
    const last = this.ring.tryPop();
    if (last !== undefined) return this.#received(last);
    return this.#tryEnd();
  }

  override stats(): LinkStats {
    return { ...super.stats(), missed: this.ring.missed };
  }

  protected override get isSettled(): boolean {
    return super.isSettled || this.#behindGap !== undefined;
  }

  /** A message was taken: was one missed before it? */
  #received(message: Uint8Array): Uint8Array {
    this.pace.found();
    const missed = this.ring.missed - this.#told;
    if (missed === 0 || this.#skips) return message;
    this.#told = this.ring.missed;
    this.#behindGap = message;
    throw new IpcError(
      "IPC_LAGGED",
      `The receiver of ${this.address} fell behind and missed ${missed} messages. Receive on, take more at a time with batches(), ` +
        `give the sender a larger capacity than ${this.presence.capacity} bytes, or open the receiver with lag "skip"`,
      { missed },
    );
  }

  #takeBehindGap(): Uint8Array | undefined {
    const message = this.#behindGap;
    this.#behindGap = undefined;
    return message;
  }

  #attach(from: BroadcastOptions["from"]): void {
    let consumer: BroadcastConsumer | undefined;
    const options = { ...this.#options, from };
    const presence = attachBroadcast(this.#name, "receiver", options, (opened) => {
      const memory = broadcastMemory(opened, this.address);
      consumer = new BroadcastConsumer(memory, { from, maxMessageBytes: this.#maxMessageBytes, pid: getpid() });
    });
    this.attached(presence, consumer as unknown as BroadcastConsumer);
  }

  /** Nothing is there: true when nothing more can come, except for what was published before this look. */
  #mayHaveEnded(): boolean {
    if (this.ring.peerState === STATE_CLOSED) return true;
    if (!this.pace.missed()) return false;
    if (this.presence.superseded) {
      this.detach();
      // nothing was sent before: all that is in the new one came after this receiver
      this.#attach("oldest");
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
    throw new IpcError(
      "IPC_PEER_GONE",
      `The sender of ${this.address}, process ${this.presence.peerPid}, died without closing. All that it had sent and that was not overwritten was received`,
    );
  }
}
