import { MS_SYNC } from "../../ffi/abi/current.ts";
import { msync } from "../../ffi/mmap.ts";
import { pageSize } from "../../ffi/sysconf.ts";
import type { Keeping } from "../../ring/kept-records.ts";
import type { Presence } from "../presence.ts";

/**
 * What the producer of a `file:` asks for, and, where each message has to be on the disk, in which order things come there: the records
 * before the head that names them, and the index of the oldest record before what it gave up is overwritten. The indices of all three lie in
 * one sector, so the disk has a ring that is right at every moment.
 */
export class FileStorage implements Keeping {
  readonly #presence: Pick<Presence, "capacity" | "exclusively" | "region">;
  readonly #syncs: boolean;
  readonly #write: (address: number, length: number) => void;
  readonly #page = pageSize();
  #changed = false;

  /**
   * @param syncs whether each message has to be on the disk
   * @param write writes whole pages, given by their native address, to the disk
   */
  constructor(
    presence: Pick<Presence, "capacity" | "exclusively" | "region">,
    syncs: boolean,
    write = (address: number, length: number) => msync(address, length, MS_SYNC),
  ) {
    this.#presence = presence;
    this.#syncs = syncs;
    this.#write = write;
  }

  exclusively<Result>(body: () => Result): Result {
    return this.#presence.exclusively(body);
  }

  publishing(from: number, to: number): void {
    if (!this.#syncs) return;
    const first = this.#page + (from & (this.#presence.capacity - 1));
    // what goes past the end of the data lies in its second image, which is mapped from the same pages
    this.#sync(first, first + ((to - from) >>> 0));
    this.#changed = true;
  }

  givenUp(): void {
    if (this.#syncs) this.#sync(0, this.#page);
  }

  /** Writes the header to the disk if it has changed. */
  settle(): void {
    if (!this.#changed) return;
    this.#sync(0, this.#page);
    this.#changed = false;
  }

  #sync(from: number, to: number): void {
    const { arena, offset } = this.#presence.region;
    const start = from - (from % this.#page);
    this.#write(arena.address + offset + start, to - start);
  }
}
