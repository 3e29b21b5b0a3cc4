import { IpcError } from "../../errors.ts";
import { BEGUN, FULL, type Link, TAKEN, type WriteResult } from "../link.ts";
import { MemoryEnd } from "./memory-end.ts";
import type { MemoryQueue } from "./memory-queue.ts";

/** The sending end of a `memory:` channel as a `Link`. */
export class MemorySender extends MemoryEnd implements Link {
  readonly maxMessageBytes = Number.POSITIVE_INFINITY;
  /** What is left of a begun message. */
  #rest: Uint8Array | undefined;
  /** How many pieces of it are in the queue, and how many pieces had been taken out when it began. */
  #begun = { pieces: 0, taken: 0 };
  #claim: Uint8Array | undefined;
  #corked = false;
  #takenWhenFull = 0;

  constructor(queue: MemoryQueue, address: string, closed: () => void) {
    super(queue, address, "sender", closed);
  }

  override tryWrite(message: Uint8Array): WriteResult {
    this.#refuseClosed();
    if (this.#rest !== undefined) return this.#full();
    if (message.length <= this.queue.longestPiece) {
      if (!this.queue.hasRoom(message.length)) return this.#full();
      this.#push(message.slice(), false);
      return TAKEN;
    }
    if (!this.queue.hasRoom(this.queue.longestPiece)) return this.#full();
    this.#rest = message;
    this.#begun = { pieces: 0, taken: this.queue.taken + this.queue.pieces.length };
    return this.flush() ? TAKEN : BEGUN;
  }

  override flush(): boolean {
    while (this.#rest !== undefined) {
      this.#refuseClosed();
      const rest: Uint8Array = this.#rest;
      const length = Math.min(rest.length, this.queue.longestPiece);
      if (!this.queue.hasRoom(length)) {
        this.#full();
        return false;
      }
      this.#push(rest.slice(0, length), length < rest.length);
      this.#begun.pieces++;
      this.#rest = length < rest.length ? rest.subarray(length) : undefined;
    }
    return true;
  }

  override keepRest(): void {
    this.#rest = this.#rest?.slice();
  }

  override retract(): boolean {
    if (this.queue.taken > this.#begun.taken) return false;
    this.queue.pop(this.#begun.pieces);
    this.#rest = undefined;
    return true;
  }

  override cork(): void {
    this.#corked = true;
  }

  override uncork(): void {
    this.#corked = false;
    this.wakePeer();
  }

  tryClaim(length: number): Uint8Array | undefined {
    this.#refuseClosed();
    if (length > this.queue.longestPiece) {
      throw new IpcError(
        "IPC_TOO_LARGE",
        `Cannot claim ${length} bytes of ${this.address}: at most ${this.queue.longestPiece} are in one piece. Call send(), or open it with a larger capacity`,
      );
    }
    if (!this.queue.hasRoom(length)) {
      this.#full();
      return undefined;
    }
    this.#claim = new Uint8Array(length);
    return this.#claim;
  }

  commit(length: number): void {
    this.#refuseClosed();
    if (this.#claim !== undefined) this.#push(this.#claim.subarray(0, length), false);
    this.#claim = undefined;
  }

  abort(): void {
    this.#claim = undefined;
  }

  protected override isReady(): boolean {
    return this.queue.state("receiver") === "closed" || this.queue.taken !== this.#takenWhenFull;
  }

  #push(bytes: Uint8Array, more: boolean): void {
    this.queue.push(bytes, more);
    if (!this.#corked) this.wakePeer();
  }

  #full(): typeof FULL {
    this.#takenWhenFull = this.queue.taken;
    return FULL;
  }

  #refuseClosed(): void {
    if (this.queue.state("receiver") !== "closed") return;
    // the receiver has put back what it had of a begun message, and its successor shall not find a part
    if (this.#rest !== undefined) this.queue.pop(this.#begun.pieces);
    this.#rest = undefined;
    throw new IpcError("IPC_CLOSED", `Cannot send to ${this.address}: its receiver has closed`);
  }
}
