import type { Side } from "../link.ts";

/** A message, or a piece of one that is longer than the queue has room for. */
export interface Piece {
  readonly bytes: Uint8Array;
  /** The message goes on in the next piece. */
  readonly more: boolean;
}

/** `never` came, is `open`, or has `closed`. */
type EndState = "never" | "open" | "closed";

/** What a message takes besides its bytes, so that many empty ones fill a queue too. */
const PIECE_OVERHEAD = 16;

/** What the two ends of a `memory:` channel share. Room is counted in bytes, as in the transports that it stands for. */
export class MemoryQueue {
  readonly pieces: Piece[] = [];
  readonly #states: Record<Side, EndState> = { sender: "never", receiver: "never" };
  readonly #sleepers: Record<Side, Set<() => void>> = { sender: new Set(), receiver: new Set() };
  /** Pieces taken out so far: by this a sender sees that there may be room now. */
  taken = 0;
  capacity: number;
  #used = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** Bytes in the queue. */
  get used(): number {
    return this.#used;
  }

  /** The longest piece. Half of the capacity, so that a message never waits for an empty queue. */
  get longestPiece(): number {
    return Math.max(1, (this.capacity >> 1) - PIECE_OVERHEAD);
  }

  state(side: Side): EndState {
    return this.#states[side];
  }

  isHeld(side: Side): boolean {
    return this.#states[side] === "open";
  }

  /** Nobody holds it, and no receiver is to come for what is in it. */
  get isFinished(): boolean {
    const { sender, receiver } = this.#states;
    return sender !== "open" && (receiver === "closed" || (receiver === "never" && sender === "never"));
  }

  enter(side: Side): void {
    this.#states[side] = "open";
  }

  leave(side: Side): void {
    this.#states[side] = "closed";
    this.wake("sender");
    this.wake("receiver");
  }

  /** Whether a piece of so many bytes fits. An empty queue takes one piece whatever its capacity. */
  hasRoom(length: number): boolean {
    return this.#used === 0 || this.#used + length + PIECE_OVERHEAD <= this.capacity;
  }

  push(bytes: Uint8Array, more: boolean): void {
    this.pieces.push({ bytes, more });
    this.#used += bytes.length + PIECE_OVERHEAD;
  }

  shift(): Piece | undefined {
    const piece = this.pieces.shift();
    if (piece === undefined) return undefined;
    this.taken++;
    this.#used -= piece.bytes.length + PIECE_OVERHEAD;
    return piece;
  }

  /** Puts pieces back that were taken out. */
  unshift(pieces: readonly Piece[]): void {
    this.pieces.unshift(...pieces);
    for (const { bytes } of pieces) this.#used += bytes.length + PIECE_OVERHEAD;
  }

  /** Takes back the last pieces. */
  pop(count: number): void {
    for (const { bytes } of this.pieces.splice(this.pieces.length - count)) this.#used -= bytes.length + PIECE_OVERHEAD;
  }

  /** Resolves when `wake(side)` is called, rejects when the signal fires. */
  sleep(side: Side, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const sleepers = this.#sleepers[side];
      const woken = () => {
        signal?.removeEventListener("abort", aborted);
        resolve();
      };
      const aborted = () => {
        sleepers.delete(woken);
        reject(signal?.reason);
      };
      sleepers.add(woken);
      signal?.addEventListener("abort", aborted, { once: true });
    });
  }

  /** @returns whether anybody slept */
  wake(side: Side): boolean {
    const sleepers = [...this.#sleepers[side]];
    this.#sleepers[side].clear();
    for (const woken of sleepers) woken();
    return sleepers.length > 0;
  }
}
