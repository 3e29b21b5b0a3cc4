import { BellLink, type RingEnd, type RingPresence } from "./bell-link.ts";

/** What the receivers over rings of all kinds have in common: an end of the stream, behind which nothing has to be waited for. */
export abstract class BellReceiver<
  End extends RingEnd & { readonly available: number },
  Presence extends RingPresence,
> extends BellLink<End, Presence> {
  readonly side = "receiver";
  readonly maxMessageBytes = Number.POSITIVE_INFINITY;
  protected ended = false;

  protected override get isSettled(): boolean {
    return this.ended;
  }

  protected get backlogBytes(): number {
    return this.ring.available;
  }
}
