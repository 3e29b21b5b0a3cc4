import type { WaitOptions } from "../../wait/wait-options.ts";

/** How far a request has come: it waits for a place among those in flight, for room in the transport, or for its reply. */
export type PendingState = "queued" | "sending" | "sent";

/**
 * One request of this process that is not answered yet. It stands for the options of its own sending, so that an `AbortController` is made
 * only when that has to wait.
 */
export class PendingCall implements WaitOptions {
  readonly call: string;
  readonly payload: Uint8Array;
  readonly flags: number;
  state: PendingState = "queued";
  id = 0;
  /** Answered, failed or given up. */
  settled = false;
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (error: unknown) => void;
  #controller: AbortController | undefined;
  #forget: (() => void) | undefined;

  constructor(
    call: string,
    payload: Uint8Array,
    flags: number,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
  ) {
    this.call = call;
    this.payload = payload;
    this.flags = flags;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Ends the wait for room. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  /** @param forget called when the call is settled */
  limit(forget: () => void): void {
    this.#forget = forget;
  }

  resolve(value: unknown): void {
    if (this.settled) return;
    this.settled = true;
    this.#forget?.();
    this.#resolve(value);
  }

  reject(error: unknown): void {
    if (this.settled) return;
    this.settled = true;
    this.#forget?.();
    this.#reject(error);
  }

  /** Takes the request back while it waits for room; it counts as sent where that cannot be done. */
  retract(): void {
    this.#controller?.abort();
  }
}
