import { Pace } from "../../wait/pace.ts";
import type { Direction, LinkStats, Peer } from "../link.ts";
import { OneSidedLink } from "../one-sided-link.ts";
import type { PeerState } from "../presence.ts";
import { BellWaiter, type Ringing, type Sleeper } from "./bell-waiter.ts";

/** An end of a ring of any kind, which sleeps and can be closed. */
export type RingEnd = Sleeper & { close(): void };

/** That end of the object in which the ring lies. */
export type RingPresence = Ringing & { readonly capacity: number; detach(): void };

/** What the links over rings of all kinds have in common: they sleep on a bell, know who is at the other end, and leave. */
export abstract class BellLink<End extends RingEnd, Presence extends RingPresence> extends OneSidedLink {
  readonly address: string;
  protected pace = new Pace();
  // Replaced together when the other side has put a larger ring in the place of this one
  protected presence!: Presence;
  protected ring!: End;
  protected bell!: BellWaiter;
  /** How often this end woke its peer. */
  protected wakes = 0;
  protected isOpen = true;
  #stalls = 0;

  constructor(address: string) {
    super();
    this.address = address;
  }

  spin(): boolean {
    if (!this.isOpen || this.isSettled) return false;
    this.#stall();
    return this.bell.spin(this.ring);
  }

  async ready(_direction: Direction, signal: AbortSignal | undefined): Promise<void> {
    if (!this.isOpen || this.isSettled) return;
    if (!this.bell.hasSpun) this.#stall();
    await this.bell.park(this.ring, signal);
  }

  readySync(_direction: Direction, timeout: number): boolean {
    if (this.isSettled) return true;
    if (!this.bell.hasSpun) this.#stall();
    return this.bell.parkSync(this.ring, timeout);
  }

  peer(): Peer {
    if (!this.isOpen) return { alive: undefined, pid: undefined };
    const state = this.peerState;
    return { alive: state === "none" ? undefined : state === "attached", pid: this.presence.peerPid };
  }

  stats(): LinkStats {
    return {
      backlogBytes: this.isOpen ? this.backlogBytes : undefined,
      capacityBytes: this.presence.capacity,
      stalls: this.#stalls,
      wakes: this.wakes,
    };
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.detach();
  }

  #stall(): void {
    this.#stalls++;
    this.pace.askNext();
  }

  /** An end was taken, for the first time or anew. */
  protected attached(presence: Presence, ring: End): void {
    this.presence = presence;
    this.ring = ring;
    this.bell = new BellWaiter(presence, this.pace);
  }

  protected detach(): void {
    this.bell.close();
    try {
      this.ring.close();
    } finally {
      this.presence.detach();
    }
  }

  /** What a further try will say is known already, so that nobody has to wait for it. */
  protected get isSettled(): boolean {
    return false;
  }

  /** Who is at the other end, asked by somebody who does not act on it. */
  protected get peerState(): PeerState {
    return this.presence.peerState();
  }

  /** Bytes in the ring. */
  protected abstract get backlogBytes(): number;
}
