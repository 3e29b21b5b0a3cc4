import {
  BEGUN,
  type Direction,
  FULL,
  type Link,
  type LinkStats,
  type Peer,
  type Side,
  type Supports,
  TAKEN,
  type WriteResult,
} from "../../src/ipc/link.ts";

/** A link whose room and messages a test sets, and which notes what it was called for. */
export class FakeLink implements Link {
  readonly address = "fake:link";
  readonly side: Side;
  readonly maxMessageBytes = Number.POSITIVE_INFINITY;
  readonly supports: Supports = {
    messages: true,
    end: true,
    peerDeath: true,
    exclusiveSender: true,
    exclusiveReceiver: true,
    zeroCopy: true,
    processes: false,
    senderFirst: true,
    receiverFirst: true,
    named: false,
    peerPid: false,
    emptyMessages: true,
  };
  /** The calls, in order, without `tryRead` and the questions. */
  readonly calls: string[] = [];
  /** What was taken. */
  readonly written: Uint8Array[] = [];
  /** What `tryRead` gives; then nothing. */
  readonly toRead: (Uint8Array | null | Error)[] = [];
  /** What the next writes say; `TAKEN` when it is empty. */
  readonly results: WriteResult[] = [];
  /** Whether `flush` hands everything over. */
  flushes: boolean | Error = true;
  retracts = true;
  /** How many `ready()` are pending, and the most there ever were. */
  pending = 0;
  mostPending = 0;
  syncWaitsWhilePending = 0;
  readyError: Error | undefined;
  onReadySync: () => boolean = () => false;
  /** What a look before a wait finds, and how many there were. */
  onSpin: () => boolean = () => false;
  spins = 0;
  #begun: Uint8Array | undefined;
  #wake: (() => void) | undefined;

  constructor(side: Side) {
    this.side = side;
  }

  tryWrite(message: Uint8Array): WriteResult {
    const result = this.results.shift() ?? TAKEN;
    this.calls.push(`write ${["full", "taken", "begun"][result]}`);
    if (result === TAKEN) this.written.push(message);
    if (result === BEGUN) this.#begun = message;
    return result;
  }

  flush(): boolean {
    this.calls.push("flush");
    if (this.flushes instanceof Error) {
      const error = this.flushes;
      this.#begun = undefined;
      this.flushes = true;
      throw error;
    }
    if (this.flushes && this.#begun !== undefined) {
      this.written.push(this.#begun);
      this.#begun = undefined;
    }
    return this.flushes;
  }

  keepRest(): void {
    this.calls.push("keepRest");
    this.#begun = this.#begun?.slice();
  }

  retract(): boolean {
    this.calls.push("retract");
    if (this.retracts) this.#begun = undefined;
    return this.retracts;
  }

  end(): void {
    this.calls.push("end");
  }

  cork(): void {
    this.calls.push("cork");
  }

  uncork(): void {
    this.calls.push("uncork");
  }

  tryRead(): Uint8Array | undefined | null {
    const next = this.toRead[0];
    if (next !== null) this.toRead.shift();
    if (next instanceof Error) throw next;
    return next;
  }

  tryClaim(length: number): Uint8Array | undefined {
    const result = this.results.shift() ?? TAKEN;
    this.calls.push(`claim ${["full", "taken"][result]}`);
    return result === TAKEN ? new Uint8Array(length) : undefined;
  }

  tryPeek(): Uint8Array | undefined | null {
    return this.tryRead();
  }

  tryPeekNext(): Uint8Array | undefined {
    return this.tryRead() ?? undefined;
  }

  release(): void {
    this.calls.push("release");
  }

  spin(): boolean {
    this.spins++;
    return this.onSpin();
  }

  async ready(_direction: Direction, signal: AbortSignal | undefined): Promise<void> {
    if (this.readyError !== undefined) throw this.readyError;
    this.pending++;
    this.mostPending = Math.max(this.mostPending, this.pending);
    await new Promise<void>((resolve, reject) => {
      const end = () => {
        this.pending--;
        this.#wake = undefined;
        signal?.removeEventListener("abort", aborted);
      };
      const aborted = () => {
        end();
        reject(signal?.reason);
      };
      this.#wake = () => {
        end();
        resolve();
      };
      signal?.addEventListener("abort", aborted);
    });
  }

  /** Ends the pending `ready`. */
  wake(): void {
    this.#wake?.();
  }

  readySync(): boolean {
    this.calls.push("readySync");
    if (this.pending > 0) this.syncWaitsWhilePending++;
    return this.onReadySync();
  }

  peer(): Peer {
    return { alive: undefined, pid: undefined };
  }

  stats(): LinkStats {
    return { backlogBytes: undefined, capacityBytes: undefined, stalls: 0, wakes: 0 };
  }

  close(): void {
    this.calls.push("close");
    this.#wake?.();
  }
}

export { BEGUN, FULL, TAKEN };
