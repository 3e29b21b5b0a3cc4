import { IpcError } from "../errors.ts";

/** A free stretch: its first byte and the byte after its last. */
interface Stretch {
  start: number;
  end: number;
}

/**
 * Gives out windows of a range of bytes. It takes the next free stretch after the last window given (next fit), so a window that
 * was given back is used again as late as possible: a view that somebody kept too long then sees zeros, not another object.
 *
 * It knows nothing of mappings.
 */
export class Windows {
  readonly #granularity: number;
  readonly #free: Stretch[];
  #next = 0;

  /**
   * @param start the first byte of the range
   * @param end the byte after its last
   * @param granularity window sizes are rounded up to a multiple of it
   */
  constructor(start: number, end: number, granularity: number) {
    this.#granularity = granularity;
    this.#free = [{ start, end }];
  }

  /**
   * @param length bytes wanted, rounded up to the granularity
   * @returns the first byte of the window
   * @throws {IpcError} `IPC_LIMIT` when no free stretch is long enough
   */
  take(length: number): number {
    const start = this.tryTake(length);
    if (start !== undefined) return start;
    const largest = this.#free.reduce((most, stretch) => Math.max(most, stretch.end - stretch.start), 0);
    throw new IpcError(
      "IPC_LIMIT",
      `Cannot map ${this.#round(length)} bytes: the largest free stretch of the arena is ${largest} bytes. Close channels or regions, or map less`,
    );
  }

  /** As {@link take}, but gives `undefined` when no free stretch is long enough. */
  tryTake(length: number): number | undefined {
    const rounded = this.#round(length);
    const free = this.#free;
    let from = free.findIndex(({ end }) => end > this.#next);
    if (from < 0) from = 0;
    for (let step = 0; step <= free.length; step++) {
      const index = (from + step) % free.length;
      const stretch = free[index];
      if (stretch === undefined) break;
      // only the first look starts in the middle of a stretch
      const start = step === 0 ? Math.max(stretch.start, this.#next) : stretch.start;
      if (stretch.end - start < rounded) continue;
      const rest: Stretch[] = [];
      if (start > stretch.start) rest.push({ start: stretch.start, end: start });
      if (stretch.end > start + rounded) rest.push({ start: start + rounded, end: stretch.end });
      free.splice(index, 1, ...rest);
      this.#next = start + rounded;
      return start;
    }
    return undefined;
  }

  /** Takes back a window that `take(length)` gave, or adds one to the range. */
  give(start: number, length: number): void {
    const end = start + this.#round(length);
    const free = this.#free;
    let index = free.findIndex((stretch) => stretch.start >= end);
    if (index < 0) index = free.length;
    const before = free[index - 1];
    const after = free[index];
    if (before !== undefined && before.end > start) throw new RangeError(`Window ${start}-${end} is free already`);
    const joined = { start, end };
    let first = index;
    let count = 0;
    if (before?.end === start) {
      joined.start = before.start;
      first--;
      count++;
    }
    if (after?.start === end) {
      joined.end = after.end;
      count++;
    }
    free.splice(first, count, joined);
  }

  /** Bytes that are free. */
  get freeBytes(): number {
    return this.#free.reduce((sum, { start, end }) => sum + end - start, 0);
  }

  #round(length: number): number {
    return Math.ceil(length / this.#granularity) * this.#granularity;
  }
}
