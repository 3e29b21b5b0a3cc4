import { IpcError } from "../errors.ts";
import type { WaitOptions } from "../wait/wait-options.ts";
import { checkSyncOptions, checkWaitOptions } from "../wait/wait-options.ts";
import type { Link } from "./link.ts";
import { Pause } from "./pause.ts";
import type { Receiving } from "./receiving.ts";
import { type Turn, WAIT } from "./turns.ts";

/** Zero-copy receiving: at most one message is peeked at, and calls that came after it wait until it is released. */
export class Peeks {
  readonly #link: Link;
  readonly #receiving: Receiving;
  readonly #pause = new Pause();
  #length: number | undefined;

  constructor(link: Link, receiving: Receiving) {
    this.#link = link;
    this.#receiving = receiving;
  }

  async peek(options?: WaitOptions): Promise<Uint8Array | undefined> {
    if (options !== undefined) checkWaitOptions(options);
    const message = this.#begin("peek()", options);
    if (message === WAIT) return this.#receiving.turns.wait(this.#turn("peek()"), options);
    if (this.#pause.due()) {
      await this.#pause.take(undefined);
      // the message is not there any more when the channel was closed meanwhile
      this.#receiving.checkOpen("peek()");
    }
    return message;
  }

  tryPeek(): Uint8Array | undefined {
    const message = this.#begin("tryPeek()");
    return message === WAIT ? undefined : message;
  }

  peekSync(options: WaitOptions = {}): Uint8Array | undefined {
    checkSyncOptions(options);
    const message = this.#begin("peekSync()");
    return message === WAIT ? this.#receiving.turns.waitSync(this.#turn("peekSync()"), options.timeout) : message;
  }

  release(): void {
    this.#receiving.checkOpen("release()");
    if (this.#length === undefined) {
      throw new TypeError(`release() on ${this.#link.address}: no message is peeked at. Call peek() first`);
    }
    this.#receiving.count(this.#length);
    this.#length = undefined;
    try {
      this.#link.release?.();
    } finally {
      this.#receiving.turns.letGo();
    }
  }

  #begin(call: string, options?: WaitOptions): Uint8Array | undefined | typeof WAIT {
    if (!this.#link.supports.zeroCopy) {
      throw new IpcError(
        "IPC_UNSUPPORTED",
        `${call} on ${this.#link.address}: this kind of channel has no memory of its own to look at. Call receive()`,
      );
    }
    this.#receiving.refuseWhileHeld(call);
    this.#receiving.checkOpen(call, options);
    return this.#receiving.turns.idle ? this.#try() : WAIT;
  }

  #try(): Uint8Array | undefined | typeof WAIT {
    this.#receiving.throwFailure();
    const message = this.#link.tryPeek?.();
    if (message === undefined) return WAIT;
    if (message === null) return this.#receiving.end();
    this.#length = message.length;
    this.#receiving.turns.hold();
    return message;
  }

  #turn(call: string): Turn<Uint8Array | undefined> {
    return { call, attempt: () => this.#try() };
  }
}
