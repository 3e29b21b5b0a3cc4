import { IpcError } from "../errors.ts";
import type { WaitOptions } from "../wait/wait-options.ts";
import { checkSyncOptions, checkWaitOptions } from "../wait/wait-options.ts";
import type { Link } from "./link.ts";
import { Pause } from "./pause.ts";
import type { Sending } from "./sending.ts";
import { type Turn, WAIT } from "./turns.ts";

/** Zero-copy sending: at most one claim is open, and calls that came after it wait until it ends. */
export class Claims {
  readonly #link: Link;
  readonly #sending: Sending;
  readonly #pause = new Pause();
  #claim: Uint8Array | undefined;

  constructor(link: Link, sending: Sending) {
    this.#link = link;
    this.#sending = sending;
  }

  async claim(length: number, options?: WaitOptions): Promise<Uint8Array> {
    if (options !== undefined) checkWaitOptions(options);
    let room = this.#begin("claim()", length, options);
    if (room === undefined && this.#sending.turns.spin()) room = this.#begin("claim()", length);
    if (room === undefined) return this.#sending.turns.wait(this.#turn("claim()", length), options);
    if (this.#pause.due()) {
      await this.#pause.take(undefined);
      // the room is not there any more when the channel was closed meanwhile
      this.#sending.checkOpen("claim()");
    }
    return room;
  }

  tryClaim(length: number): Uint8Array | undefined {
    return this.#begin("tryClaim()", length);
  }

  claimSync(length: number, options: WaitOptions = {}): Uint8Array {
    checkSyncOptions(options);
    const room = this.#begin("claimSync()", length);
    if (room !== undefined) return room;
    this.#sending.uncork();
    return this.#sending.turns.waitSync(this.#turn("claimSync()", length), options.timeout);
  }

  commit(length: number | undefined): void {
    const claim = this.#open("commit()");
    const used = length ?? claim.length;
    if (!Number.isInteger(used) || used < 0 || used > claim.length) {
      throw new RangeError(`commit() got the length ${used}, but the claim has ${claim.length} bytes`);
    }
    this.#claim = undefined;
    try {
      this.#link.commit?.(used);
      this.#sending.count(used);
    } finally {
      this.#sending.turns.letGo();
    }
  }

  abort(): void {
    this.#open("abort()");
    this.close();
  }

  /** Gives an open claim back. */
  close(): void {
    if (this.#claim === undefined) return;
    this.#claim = undefined;
    this.#link.abort?.();
    this.#sending.turns.letGo();
  }

  #begin(call: string, length: number, options?: WaitOptions): Uint8Array | undefined {
    if (!this.#link.supports.zeroCopy) {
      throw new IpcError(
        "IPC_UNSUPPORTED",
        `${call} on ${this.#link.address}: this kind of channel has no memory of its own to write in. Call send()`,
      );
    }
    if (!Number.isInteger(length) || length < 0) {
      throw new RangeError(`${call} got the length ${String(length)}, but it must be a whole number of bytes from 0`);
    }
    this.#sending.refuseWhileHeld(call);
    this.#sending.checkOpen(call, options);
    if (length > this.#sending.maxBytes) throw this.#sending.tooLarge(call, length);
    return this.#sending.turns.idle ? this.#try(length) : undefined;
  }

  #try(length: number): Uint8Array | undefined {
    this.#claim = this.#link.tryClaim?.(length);
    if (this.#claim !== undefined) this.#sending.turns.hold();
    return this.#claim;
  }

  #turn(call: string, length: number): Turn<Uint8Array> {
    return { call, attempt: () => this.#try(length) ?? WAIT };
  }

  #open(call: string): Uint8Array {
    this.#sending.checkOpen(call);
    if (this.#claim !== undefined) return this.#claim;
    throw new TypeError(`${call} on ${this.#link.address}: there is no claim. Call claim() first`);
  }
}
