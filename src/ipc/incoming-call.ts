/** What a {@link IncomingCall} tells its responder. */
export interface CallOwner {
  /** @returns false when nobody waits for the answer */
  reply(call: IncomingCall<unknown>, value: unknown): boolean;
  /** @returns false when nobody waits for the answer */
  fail(call: IncomingCall<unknown>, error: unknown): boolean;
}

/**
 * A request as its responder sees it. Answer it once, with `reply()` or `fail()`, at any time and in any order among the others.
 *
 * @example
 * ```ts
 * import { Requester, Responder } from "millrace";
 *
 * const responder = await Responder.listen("ring:incoming-call-example", { codec: "text" });
 * const requester = await Requester.connect("ring:incoming-call-example", { codec: "text" });
 * const reply = requester.request("who is there?");
 * for await (const call of responder) {
 *   call.reply(call.value.toUpperCase());
 *   break;
 * }
 * console.log(await reply); // WHO IS THERE?
 * await requester.close();
 * await responder.close();
 * ```
 */
export class IncomingCall<Value = Uint8Array<ArrayBuffer>> {
  /** What was asked. */
  readonly value: Value;
  /** The number of the request in its connection. */
  readonly id: number;
  /** The connection that it belongs to. */
  readonly session: number;
  readonly #owner: CallOwner;
  #controller: AbortController | undefined;
  #reason: { error: unknown } | undefined;
  #answered = false;

  /** For `Responder`. */
  constructor(owner: CallOwner, session: number, id: number, value: Value) {
    this.#owner = owner;
    this.session = session;
    this.id = id;
    this.value = value;
  }

  /**
   * Fires when nobody waits for the answer any more: the request has timed out or was aborted at the other side, the requester has closed
   * or died, or the responder closes. Its reason is an `IpcError`.
   */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason.error);
    }
    return this.#controller.signal;
  }

  /** `reply()` or `fail()` was called. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Nobody waits for the answer any more. */
  get cancelled(): boolean {
    return this.#reason !== undefined;
  }

  /**
   * Answers.
   *
   * @param value what the codec takes, or `undefined`; its bytes are borrowed until they are sent
   * @returns false when nobody waits for it any more
   * @throws {TypeError} when the call was answered, or the codec does not take the value; in that case it can still be answered
   * @throws {IpcError} `IPC_TOO_LARGE`, and it can still be answered
   */
  reply(value: Value | undefined): boolean {
    this.#checkOpen("reply()");
    const sent = this.#owner.reply(this as IncomingCall<unknown>, value);
    this.#answered = true;
    return sent;
  }

  /**
   * Answers with an error, which the other side gets as a `RemoteError` with its name, message and code.
   *
   * @returns false when nobody waits for it any more
   * @throws {TypeError} when the call was answered
   */
  fail(error: unknown): boolean {
    this.#checkOpen("fail()");
    this.#answered = true;
    return this.#owner.fail(this as IncomingCall<unknown>, error);
  }

  /** For `Responder`: fires the signal. */
  cancel(error: unknown): void {
    if (this.#reason !== undefined || this.#answered) return;
    this.#reason = { error };
    this.#controller?.abort(error);
  }

  #checkOpen(call: string): void {
    if (!this.#answered) return;
    throw new TypeError(`${call}: request ${this.id} was answered before. Answer each request once`);
  }
}
