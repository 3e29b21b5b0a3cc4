import type { Copier } from "./copier.ts";

/**
 * Where a ring lies in memory. Both views are over the same buffer from its first byte (an arena with many objects in it,
 * or a buffer of its own), so `offset` counts in both. Behind the header the data region is visible twice in a row.
 *
 * Two mappings of the same pages are what a segment has. On plain memory the second half may be other bytes than the
 * first: both ends reach a record only by the place where it begins, in the first half, so nobody sees the difference.
 */
export interface RingMemory {
  /** The buffer as words. */
  readonly words: Int32Array;
  /** The buffer as bytes. */
  readonly bytes: Uint8Array;
  /** Where the header begins in the buffer, in bytes; a multiple of 128. */
  readonly offset: number;
  /** Bytes of the data region, counted once: a power of two from 4,096 to 2^28. */
  readonly capacity: number;
  /** Bytes before the data region, where that is known from something better than the header itself, such as the size of a segment. */
  readonly headerBytes?: number;
  /** The address for error messages, such as `"ring:frames"`. */
  readonly name?: string;
  /** Copies payloads in and out; by default {@link ViewCopier}. */
  readonly copier?: Copier | undefined;
}

/** As much of a {@link RingMemory} as the header needs. */
export type RingHeaderMemory = Pick<RingMemory, "words" | "offset" | "name">;
