import { getpid } from "../../ffi/ids.ts";
import { FunnelProducer } from "../../ring/funnel-producer.ts";
import { FULL, type Link, TAKEN, type WriteResult } from "../link.ts";
import { BellSender } from "../ring-link/bell-sender.ts";
import { attachFunnel, type FunnelOptions, noSlot } from "./attach-funnel.ts";
import { SendingPresence } from "./sending-presence.ts";
import { FUNNEL_SUPPORTS } from "./supports.ts";

/** One of the sending ends of a funnel as a `Link`. */
export class FunnelSender extends BellSender<FunnelProducer, SendingPresence> implements Link {
  readonly supports = FUNNEL_SUPPORTS;
  readonly maxMessageBytes: number;
  readonly tooLargeRemedy: string;
  protected readonly kind = "funnel";

  constructor(name: string, options: FunnelOptions) {
    super(options.address);
    let producer: FunnelProducer | undefined;
    const presence = attachFunnel(name, "sender", options, (parts) => {
      const opened = new SendingPresence(parts, options.mode);
      if (opened.slot === -1) throw noSlot(options.address);
      try {
        const waker = { wake: () => this.#wake(opened) };
        producer = new FunnelProducer(opened.memory, opened.slot, waker, { pid: getpid() });
      } catch (error) {
        opened.closeBells();
        throw error;
      }
      return opened;
    });
    this.attached(presence, producer as unknown as FunnelProducer);
    this.maxMessageBytes = this.ring.largestPayload;
    const isHalf = this.maxMessageBytes * 2 === presence.capacity;
    this.tooLargeRemedy = isHalf
      ? ". Open the first end with a capacity of twice the message"
      : ". Send it in parts, or over a ring of its own";
  }

  override tryWrite(message: Uint8Array): WriteResult {
    if (this.ring.peerClosed) this.refuseClosed();
    if (this.ring.tryPush(message)) {
      this.pace.found();
      return TAKEN;
    }
    this.full();
    return FULL;
  }

  #wake(presence: SendingPresence): void {
    this.wakes++;
    presence.ringPeer();
  }
}
