import { IpcError } from "../../errors.ts";
import { BellLink, type RingEnd, type RingPresence } from "./bell-link.ts";

/** The writing end of a ring that may be full. */
export type WritingEnd = RingEnd & {
  readonly bytes: Uint8Array;
  readonly free: number;
  readonly peerClosed: boolean;
  tryClaim(length: number): number;
  commit(length: number): void;
  abort(): void;
};

/** What a sender over a ring or a funnel does: it claims room, and finds out why there is none. */
export abstract class BellSender<
  End extends WritingEnd,
  Presence extends RingPresence & { abandon(): void },
> extends BellLink<End, Presence> {
  readonly side = "sender";
  /** What it is called, such as `ring`. */
  protected abstract readonly kind: string;

  tryClaim(length: number): Uint8Array | undefined {
    if (this.ring.peerClosed) this.refuseClosed();
    const at = this.ring.tryClaim(length);
    if (at !== -1) {
      this.pace.found();
      return this.ring.bytes.subarray(at, at + length);
    }
    this.full();
    return undefined;
  }

  commit(length: number): void {
    this.ring.commit(length);
  }

  abort(): void {
    this.ring.abort();
  }

  abandon(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.bell.close();
    this.presence.abandon();
  }

  /** Nothing was taken: is there still somebody who will make room? */
  protected full(): void {
    if (!this.pace.missed()) return;
    if (this.presence.peerState() !== "dead") return;
    throw new IpcError(
      "IPC_PEER_GONE",
      `Cannot send to ${this.address}: its receiver, process ${this.presence.peerPid}, died without closing, and the ${this.kind} is full. ` +
        "What was sent is kept for the next receiver",
    );
  }

  protected refuseClosed(): never {
    throw new IpcError("IPC_CLOSED", `Cannot send to ${this.address}: its receiver has closed`);
  }

  protected get backlogBytes(): number {
    return this.presence.capacity - this.ring.free;
  }
}
