import { close } from "../../ffi/fd.ts";
import { queryLock, unlock } from "../../ffi/lock.ts";
import { nativeCopier } from "../../memory/native-copier.ts";
import type { Region } from "../../memory/region.ts";
import { type Ownership, own } from "../../objects/own.ts";
import { waitForLock } from "../../objects/wait-for-lock.ts";
import { FUNNEL_DEATHS_OFFSET, FUNNEL_PRESENT_OFFSET } from "../../ring/funnel-layout.ts";
import { SEGMENT_LIVE, SEGMENT_STATE_OFFSET, SEGMENT_SUPERSEDED } from "../../ring/layout.ts";
import type { RingMemory } from "../../ring/ring-memory.ts";
import type { OpenObject } from "../attach-object.ts";
import type { Side } from "../link.ts";
import { removeObject, SETUP_BYTE } from "../presence-object.ts";
import { FIRST_SLOT_BYTE } from "./funnel-shape.ts";

/** What `attachFunnel` has opened. */
export type FunnelParts = Pick<OpenObject, "address" | "region" | "path" | "segment" | "capacity">;

/** What both ends of a funnel have: the segment with this end's locks, and the descriptors that wake. */
export abstract class FunnelPresence {
  readonly region: Region;
  /** Bytes of data. */
  readonly capacity: number;
  /** The directory. */
  protected readonly path: string;
  protected readonly segment: number;

  readonly #address: string;
  readonly #words: Int32Array;
  readonly #header: number;
  readonly #descriptors = new Set<number>();
  #open = true;
  #ownership: Ownership | undefined;

  constructor({ address, region, path, segment, capacity }: FunnelParts) {
    this.#address = address;
    this.region = region;
    this.capacity = capacity;
    this.path = path;
    this.segment = segment;
    this.#words = region.arena.words;
    this.#header = region.offset >> 2;
  }

  /** False after this end has left. */
  get isOpen(): boolean {
    return this.#open;
  }

  /** True when a producer has put a larger funnel in the place of this one: attach anew. */
  get superseded(): boolean {
    return this.load(SEGMENT_STATE_OFFSET) === SEGMENT_SUPERSEDED;
  }

  /** The ring in the segment. */
  get memory(): RingMemory {
    const { arena, offset, length } = this.region;
    const { words, bytes } = arena;
    const headerBytes = length - 2 * this.capacity;
    return { words, bytes, offset, capacity: this.capacity, headerBytes, name: this.#address, copier: nativeCopier() };
  }

  /** From now on the object goes with the process, when nobody else is there. Called when that end is taken. */
  own(side: Side): void {
    this.#ownership = own("ring", this.path, () => this.abandon(), side === "receiver");
  }

  /** Leaves cleanly. */
  abstract detach(): void;

  /** Leaves as a process does that dies. */
  abstract abandon(): void;

  /** Closes what wakes this end, or what it wakes with. */
  closeBells(): void {
    for (const descriptor of this.#descriptors) close(descriptor);
    this.#descriptors.clear();
  }

  protected keep(descriptor: number): number {
    this.#descriptors.add(descriptor);
    return descriptor;
  }

  protected drop(descriptor: number): void {
    if (this.#descriptors.delete(descriptor)) close(descriptor);
  }

  /** Whether a live process holds that slot. One's own does not count. */
  protected isHeld(slot: number): boolean {
    return queryLock(this.segment, "write", FIRST_SLOT_BYTE + slot, 1);
  }

  /** Whether that producer has neither closed nor been buried. */
  protected isPresent(slot: number): boolean {
    return (this.load(FUNNEL_PRESENT_OFFSET + 4 * (slot >> 5)) & (1 << (slot & 31))) !== 0;
  }

  /** Under the setup lock, of a slot that nobody holds: counts its producer as dead, unless it had closed. */
  protected bury(slot: number): void {
    if (!this.isPresent(slot)) return;
    // in this order: a death that is counted twice is better than one that is not told
    Atomics.add(this.#words, this.#header + (FUNNEL_DEATHS_OFFSET >> 2), 1);
    Atomics.and(this.#words, this.#header + (FUNNEL_PRESENT_OFFSET >> 2) + (slot >> 5), ~(1 << (slot & 31)));
  }

  /** Does something while nobody attaches or leaves. */
  protected underSetupLock<Result>(body: () => Result): Result {
    waitForLock(this.segment, "write", SETUP_BYTE, 1);
    try {
      return body();
    } finally {
      unlock(this.segment, SETUP_BYTE, 1);
    }
  }

  /**
   * Lets go of everything, once.
   *
   * @param leave called under the setup lock; whether the object is of no use to anybody any more
   */
  protected leave(leave: () => boolean): void {
    if (!this.#open) return;
    this.#open = false;
    waitForLock(this.segment, "write", SETUP_BYTE, 1);
    try {
      if (leave() && this.load(SEGMENT_STATE_OFFSET) === SEGMENT_LIVE) {
        removeObject(this.path, this.#words, this.#header);
      }
    } finally {
      this.region.close();
      // drops the locks with it; before the bells, so that who hears of the one sees the other
      close(this.segment);
      this.closeBells();
      this.#ownership?.release();
    }
  }

  protected load(offset: number): number {
    return Atomics.load(this.#words, this.#header + (offset >> 2));
  }

  protected store(offset: number, value: number): void {
    Atomics.store(this.#words, this.#header + (offset >> 2), value);
  }
}
