/*
 * The answering side of request and reply. Long because of its documentation and because the life of a connection is in one place: a client's
 * hello begins it; another hello, the client's end or its death, or a frame that no correct client sends end it; then the next client may come.
 */
import { IpcError } from "../errors.ts";
import { TimeLimit } from "../wait/time-limit.ts";
import { checkWaitOptions, type WaitOptions } from "../wait/wait-options.ts";
import { type CallAddress, type CallAddresses, callAddresses } from "./call-link/call-addresses.ts";
import { type CallChannelOptions, checkCallOptions, maxFrameBytes, openCallLink } from "./call-link/call-channel.ts";
import {
  CALL_VERSION,
  CANCEL,
  CANCELLED,
  FAILED,
  FAULT,
  type FrameHeader,
  HELLO,
  NO_PAYLOAD,
  REPLY,
  REQUEST,
  readHeader,
  START,
  WELCOME,
} from "./call-link/call-frame.ts";
import { decodeValue, encodeValue } from "./call-link/call-value.ts";
import { checkCount } from "./call-link/check-count.ts";
import { encodeError } from "./call-link/error-payload.ts";
import { FrameReader } from "./call-link/frame-reader.ts";
import { FrameSender } from "./call-link/frame-sender.ts";
import { IncomingCalls } from "./call-link/incoming-calls.ts";
import type { Outgoing, ValueOf } from "./channel.ts";
import { resolveCodec } from "./codec.ts";
import { IncomingCall } from "./incoming-call.ts";
import type { Codec } from "./options.ts";

/** Options of {@link Responder.serve} and {@link Responder.listen}. */
export interface ResponderOptions extends CallChannelOptions {
  /** How many calls are with a handler at a time, from 1 to 1048576. Default 1024. */
  concurrency?: number;
  /**
   * How many more are taken and wait for a handler, from 1 to 1048576; past them, requests stay in the transport, and cancellations behind
   * them too. Default 1024.
   */
  backlog?: number;
}

/** Answers one request; what it throws reaches the caller as a `RemoteError`. */
export type CallHandler<Value> = (
  value: Value,
  call: IncomingCall<Value>,
) => Outgoing<Value> | undefined | Promise<Outgoing<Value> | undefined>;

/** Figures of a {@link Responder}. */
export interface ResponderStats {
  /** Requests that were taken. */
  readonly requests: number;
  /** Those that were answered, with a reply or an error. */
  readonly answered: number;
  /** Those that their requester gave up before they were answered. */
  readonly cancelled: number;
  /** Frames of connections that are over, which were dropped. */
  readonly stale: number;
  /** Connections that ended because of a frame that no correct requester sends. */
  readonly corrupt: number;
  /** Calls that are with a handler now. */
  readonly running: number;
  /** Calls that wait for a handler now. */
  readonly queued: number;
}

/** What a responder is made of, once its options are checked. */
interface Parts {
  readonly addresses: CallAddresses;
  readonly options: CallChannelOptions;
  readonly codec: Codec<unknown>;
  readonly concurrency: number;
  readonly backlog: number;
}

const DEFAULT_CONCURRENCY = 1024;
const DEFAULT_BACKLOG = 1024;
const MOST = 2 ** 20;
/** Transports on which a sender opens only when there is a receiver, and has to open anew for the next one. */
const PER_CLIENT = ["unix", "fifo"];
/** How long a client has for opening its end there, after it said hello; in milliseconds. */
const OPEN_LIMIT = 5_000;
/** How long a responder keeps away from a transport in which a client has destroyed something; in milliseconds. */
const CORRUPT_REST = 100;

/**
 * Answers the requests of a {@link Requester}, usually in another process. Handlers run concurrently, and answer in any order.
 *
 * One requester is connected at a time; when it has left, or died, the next one may come. A responder keeps its process alive until it is
 * closed.
 *
 * @example
 * ```ts
 * import { Requester, Responder } from "millrace";
 *
 * const responder = await Responder.serve("ring:greetings", (name) => `Hello ${name}`, { codec: "text" });
 * const requester = await Requester.connect("ring:greetings", { codec: "text" });
 * console.log(await requester.request("world"));
 * await requester.close();
 * await responder.close();
 * // Output:
 * // Hello world
 * ```
 */
export class Responder<Value = Uint8Array<ArrayBuffer>>
  implements AsyncIterable<IncomingCall<Value>>, AsyncDisposable, Disposable
{
  /**
   * Answers with a function.
   *
   * @param address `"ring:prices"`, which stands for `ring:prices.request` and `ring:prices.reply`; or both, as
   *   `{ request: "sysv:1", reply: "sysv:2" }`
   * @param handler gets the value and the call, whose `signal` fires when nobody waits for the answer any more
   * @throws {TypeError | RangeError} when the address or an option is not one
   * @throws {IpcError} `IPC_BUSY` when there is another responder; else as `Channel.receiver`
   */
  static async serve<const Options extends ResponderOptions = Record<never, never>>(
    address: CallAddress,
    handler: CallHandler<ValueOf<Options>>,
    options?: Options,
  ): Promise<Responder<ValueOf<Options>>> {
    if (typeof handler !== "function") {
      throw new TypeError(
        `The handler is ${String(handler)}, but must be a function. To iterate, call Responder.listen()`,
      );
    }
    return open(address, options, handler as CallHandler<unknown>) as Promise<Responder<ValueOf<Options>>>;
  }

  /**
   * Answers call by call: `for await (const call of responder) call.reply(…)`. At most `concurrency` calls that are not answered yet are
   * given out at a time. Leaving the loop leaves the responder open.
   *
   * @throws as `serve`
   */
  static async listen<const Options extends ResponderOptions = Record<never, never>>(
    address: CallAddress,
    options?: Options,
  ): Promise<Responder<ValueOf<Options>>> {
    return open(address, options, undefined) as Promise<Responder<ValueOf<Options>>>;
  }

  /** The address in canonical form. */
  readonly address: string;
  readonly #addresses: CallAddresses;
  readonly #options: CallChannelOptions;
  readonly #codec: Codec<unknown>;
  readonly #handler: CallHandler<unknown> | undefined;
  readonly #calls: IncomingCalls;
  readonly #owner = {
    reply: (call: IncomingCall<unknown>, value: unknown) => this.#reply(call, value),
    fail: (call: IncomingCall<unknown>, error: unknown) => this.#fail(call, error),
  };
  readonly #waiting = new Set<() => void>();
  #reader: FrameReader | undefined;
  #out: FrameSender | undefined;
  /** The client's number, 0 while there is none. */
  #session = 0;
  #sessionEnd = new AbortController();
  /** What bounds the answers that have to wait for room. */
  #limit: WaitOptions = { signal: this.#sessionEnd.signal };
  #everConnected = false;
  #opening = false;
  #closing: Promise<void> | undefined;
  #released = false;
  #failure: unknown;
  #requests = 0;
  #answered = 0;
  #cancelled = 0;
  #stale = 0;
  #corrupt = 0;

  /** For {@link Responder.serve} and {@link Responder.listen}. */
  constructor({ addresses, options, codec, concurrency, backlog }: Parts, handler: CallHandler<unknown> | undefined) {
    this.address = addresses.text;
    this.#addresses = addresses;
    this.#options = options;
    this.#codec = codec;
    this.#handler = handler;
    this.#calls = new IncomingCalls(concurrency, backlog);
  }

  /** True from the moment of `close()`, and when nothing more can come. */
  get closed(): boolean {
    return this.#closing !== undefined || this.#released;
  }

  /** Whether a requester is connected. */
  get connected(): boolean {
    return this.#session !== 0;
  }

  /** Figures of this side. */
  stats(): ResponderStats {
    return {
      requests: this.#requests,
      answered: this.#answered,
      cancelled: this.#cancelled,
      stale: this.#stale,
      corrupt: this.#corrupt,
      running: this.#calls.running,
      queued: this.#calls.queued,
    };
  }

  /**
   * The calls, until the responder is closed.
   *
   * @throws {TypeError} when a handler answers them
   * @throws what made the responder end by itself
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<IncomingCall<Value>, undefined> {
    if (this.#handler !== undefined) {
      throw new TypeError(
        `A handler answers the calls of ${this.address}. To iterate over them, call Responder.listen()`,
      );
    }
    for (;;) {
      const call = this.#closing === undefined ? this.#calls.next() : undefined;
      if (call !== undefined) {
        this.#reader?.start();
        yield call as IncomingCall<Value>;
        continue;
      }
      if (this.#failure !== undefined) throw this.#failure;
      if (this.closed) return;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /**
   * Takes no more requests, waits for the handlers that run, hands their answers over and closes. Idempotent.
   *
   * @param options after `timeout` milliseconds, or when `signal` fires, the signals of the calls that are left fire, and their requesters
   *   get `IPC_CLOSED`
   * @throws {IpcError} `IPC_TIMEOUT`, `IPC_ABORTED` when not all were answered; what made the responder end by itself. It is closed all the
   *   same
   */
  async close(options: WaitOptions = {}): Promise<void> {
    checkWaitOptions(options);
    this.#closing ??= this.#close(options);
    return this.#closing;
  }

  /** Closes at once: the signals of the calls that are left fire. */
  [Symbol.dispose](): void {
    if (this.#released) return;
    this.#closing ??= Promise.resolve();
    this.#release(this.#closedReason());
    this.#out?.abandon();
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** For {@link Responder.serve} and {@link Responder.listen}: opens what can be opened before there is a client. */
  async open(): Promise<void> {
    await this.#openRequests();
    if (this.#opensPerClient) return;
    try {
      await this.#openReplies();
    } catch (error) {
      this.#release(error);
      throw error;
    }
    // a requester whose responder died learns by this that there is another one
    this.#post(START, 0, 0, NO_PAYLOAD);
  }

  async #close(options: WaitOptions): Promise<void> {
    const limit = new TimeLimit(`close() on ${this.address}`, options);
    this.#wakeAll();
    for (const call of this.#calls.cancelAll(true)) call.cancel(this.#closedReason());
    try {
      while (this.#calls.running > 0 && !this.#released) {
        await limit.race(new Promise<void>((resolve) => this.#waiting.add(resolve)));
      }
    } finally {
      this.#release(this.#closedReason());
      // without a client there is nobody to tell, and nothing shall stay behind
      if (!this.#everConnected) this.#out?.abandon();
      await this.#out?.close(limit.left() ?? {}).catch(() => {});
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Ends the connection and everything that waits. The replies are left to the caller. */
  #release(reason: unknown): void {
    this.#released = true;
    this.#endSession(reason);
    this.#reader?.close();
    this.#wakeAll();
  }

  get #opensPerClient(): boolean {
    return PER_CLIENT.includes(this.#addresses.reply.scheme);
  }

  async #openRequests(): Promise<void> {
    const link = await openCallLink(this.#addresses.request, "receiver", this.#options);
    if (this.#released) {
      link.close();
      return;
    }
    this.#reader = new FrameReader(link, {
      wants: () => !this.#released && !this.#opening && this.#calls.hasRoom,
      take: (frame) => this.#take(frame),
      end: (error) => this.#clientLeft(error),
    });
    this.#reader.start();
  }

  async #openReplies(limit?: WaitOptions): Promise<void> {
    const link = await openCallLink(this.#addresses.reply, "sender", this.#options, limit);
    if (this.#released) link.close();
    else this.#out = new FrameSender(link, maxFrameBytes(this.#options));
  }

  /** The client's end: what it asked is of no use any more, and the next one may come. */
  #clientLeft(error: unknown): void {
    const corrupt = error instanceof IpcError && (error.code === "IPC_CORRUPT" || error.code === "IPC_TOO_LARGE");
    if (corrupt) {
      this.#corrupt++;
      if (this.#session !== 0) this.#post(FAULT, this.#session, 0, encodeError(error));
    }
    this.#endSession(
      error instanceof IpcError
        ? error
        : new IpcError("IPC_CLOSED", `${this.address}: the requester has closed`, { cause: error }),
    );
    this.#comeBack(corrupt).catch((failure) => {
      this.#failure = failure;
      this.#release(failure);
      this.#out?.abandon();
    });
  }

  async #comeBack(rest: boolean): Promise<void> {
    if (this.#opensPerClient) this.#dropReplies();
    if (rest) await new Promise((resolve) => setTimeout(resolve, CORRUPT_REST));
    if (this.#released) return;
    // an inherited descriptor has one client, for good
    if (this.#addresses.request.scheme === "pipe") {
      this.#release(this.#closedReason());
      this.#out?.abandon();
    } else {
      await this.#openRequests();
    }
  }

  #dropReplies(): void {
    this.#out?.abandon();
    this.#out = undefined;
  }

  #endSession(reason: unknown): void {
    if (this.#session === 0) return;
    this.#session = 0;
    const calls = this.#calls.cancelAll();
    this.#cancelled += calls.length;
    // answers that wait for room are for nobody
    this.#sessionEnd.abort(reason);
    this.#sessionEnd = new AbortController();
    this.#limit = { signal: this.#sessionEnd.signal };
    for (const call of calls) this.#giveUp(call, reason);
  }

  #take(frame: Uint8Array): void {
    const header = readHeader(frame);
    if (typeof header === "string") {
      this.#fault(header);
      return;
    }
    const { kind, session, id } = header;
    if (kind === HELLO) this.#greet(session, id);
    else if (kind !== REQUEST && kind !== CANCEL) this.#fault(`a frame has the unknown kind ${kind}`);
    else if (session !== this.#session || session === 0) this.#stale++;
    else if (kind === CANCEL) this.#cancel(id);
    else this.#takeRequest(header, frame);
  }

  /** A client begins. */
  #greet(session: number, version: number): void {
    if (session === 0) {
      this.#fault("a hello has the session 0");
      return;
    }
    if (session !== this.#session) {
      this.#endSession(new IpcError("IPC_CLOSED", `${this.address}: another requester came in the place of this one`));
      if (this.#opensPerClient) this.#dropReplies();
      this.#session = session;
      this.#everConnected = true;
    }
    if (version !== CALL_VERSION) {
      // it sees the version of this side and leaves
      this.#welcome();
      this.#session = 0;
      return;
    }
    this.#welcome();
  }

  #welcome(): void {
    const session = this.#session;
    if (this.#out !== undefined) {
      this.#post(WELCOME, session, CALL_VERSION, NO_PAYLOAD);
      return;
    }
    this.#opening = true;
    this.#openReplies({ timeout: OPEN_LIMIT })
      .then(
        () => this.#post(WELCOME, session, CALL_VERSION, NO_PAYLOAD),
        (error) => {
          this.#reader?.close();
          this.#clientLeft(error);
        },
      )
      .finally(() => {
        this.#opening = false;
        this.#reader?.start();
      });
  }

  #takeRequest(header: FrameHeader, frame: Uint8Array): void {
    const { session, id } = header;
    if (this.#calls.isOpen(id)) {
      this.#fault(`request ${id} came twice`);
      return;
    }
    // it learns of the end when everything that runs is answered
    if (this.#closing !== undefined) return;
    this.#requests++;
    let value: unknown;
    try {
      value = decodeValue(this.#codec, header, frame, this.address);
    } catch (error) {
      this.#answered++;
      this.#post(FAILED, session, id, encodeError(error));
      return;
    }
    this.#calls.add(new IncomingCall<unknown>(this.#owner, session, id, value));
    this.#goOn();
  }

  #cancel(id: number): void {
    const call = this.#calls.cancel(id);
    // else its answer is on its way
    if (call === undefined) return;
    this.#cancelled++;
    this.#post(CANCELLED, this.#session, id, NO_PAYLOAD);
    this.#giveUp(call, new IpcError("IPC_ABORTED", `Request ${id} of ${this.address} was given up by its requester`));
    this.#goOn();
  }

  /** Fires the signal of a call. A handler that runs keeps its place until it ends; one who iterates may not come back to it. */
  #giveUp(call: IncomingCall<unknown>, reason: unknown): void {
    call.cancel(reason);
    if (this.#handler === undefined) this.#finish(call);
  }

  /** The client sent what no correct one sends: its connection is over, and it is told why. */
  #fault(why: string): void {
    this.#corrupt++;
    const error = new IpcError("IPC_CORRUPT", `${this.address} holds what no requester sends: ${why}`);
    if (this.#session !== 0) this.#post(FAULT, this.#session, 0, encodeError(error));
    this.#endSession(error);
  }

  /** Gives calls to handlers, or to those who iterate. */
  #goOn(): void {
    if (this.#handler === undefined || this.#closing !== undefined) {
      this.#wakeAll();
    } else {
      for (let call = this.#calls.next(); call !== undefined; call = this.#calls.next())
        void this.#handle(call, this.#handler);
    }
    this.#reader?.start();
  }

  async #handle(call: IncomingCall<unknown>, handler: CallHandler<unknown>): Promise<void> {
    try {
      const value = await handler(call.value, call);
      if (!call.answered) call.reply(value);
    } catch (error) {
      if (!call.answered) call.fail(error);
    }
  }

  #reply(call: IncomingCall<unknown>, value: unknown): boolean {
    const { payload, flags } = encodeValue(this.#codec, value);
    if (call.session !== this.#session) return this.#unwanted(call);
    this.#out?.checkLength("reply()", payload.length);
    return this.#answer(call, REPLY, flags, payload);
  }

  #fail(call: IncomingCall<unknown>, error: unknown): boolean {
    const payload = encodeError(error);
    const fits = payload.length <= (this.#out?.maxPayloadBytes ?? 0);
    return this.#answer(call, FAILED, 0, fits ? payload : encodeError("The error is too long for this transport"));
  }

  #answer(call: IncomingCall<unknown>, kind: number, flags: number, payload: Uint8Array): boolean {
    if (call.session !== this.#session || !this.#calls.answer(call)) return this.#unwanted(call);
    this.#answered++;
    const waits = this.#post(kind, call.session, call.id, payload, flags);
    if (waits === undefined) this.#finish(call);
    else void waits.finally(() => this.#finish(call));
    return true;
  }

  #unwanted(call: IncomingCall<unknown>): boolean {
    this.#finish(call);
    return false;
  }

  #finish(call: IncomingCall<unknown>): void {
    this.#calls.finish(call);
    this.#goOn();
  }

  /** Sends a frame to the client; a promise, which is never rejected, when it has to wait for room. */
  #post(kind: number, session: number, id: number, payload: Uint8Array, flags = 0): Promise<void> | undefined {
    // a client that does not take its answers, or has gone, ends its requests as well: the reader sees that
    try {
      const waits = this.#out?.send("reply", kind, flags, session, id, payload, this.#limit);
      return waits?.catch(() => {});
    } catch {
      return undefined;
    }
  }

  #wakeAll(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  #closedReason(): IpcError {
    return new IpcError("IPC_CLOSED", `${this.address}: the responder was closed`);
  }
}

async function open(
  address: CallAddress,
  given: ResponderOptions | undefined,
  handler: CallHandler<unknown> | undefined,
): Promise<Responder<unknown>> {
  const { concurrency = DEFAULT_CONCURRENCY, backlog = DEFAULT_BACKLOG, ...options }: ResponderOptions = given ?? {};
  const addresses = callAddresses(address);
  checkCallOptions(addresses, options);
  checkCount("concurrency", concurrency, MOST);
  checkCount("backlog", backlog, MOST);
  const codec = await resolveCodec(options.codec);
  const responder = new Responder<unknown>({ addresses, options, codec, concurrency, backlog }, handler);
  await responder.open();
  return responder;
}
