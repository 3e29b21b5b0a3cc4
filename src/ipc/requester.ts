/*
 * The asking side of request and reply. Long because of its documentation and because the life of a request is in one place: queued for a
 * place among those in flight, waiting for room in the transport, sent, then answered or given up. Ids are kept in requests-in-flight.ts;
 * frames are read in frame-reader.ts and written in frame-sender.ts.
 */
import { IpcError } from "../errors.ts";
import { TimeLimit } from "../wait/time-limit.ts";
import {
  abortedError,
  checkSyncOptions,
  checkTimeout,
  checkWaitOptions,
  timeoutError,
  type WaitOptions,
} from "../wait/wait-options.ts";
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
  payloadOf,
  REPLY,
  REQUEST,
  readHeader,
  START,
  WELCOME,
} from "./call-link/call-frame.ts";
import { decodeValue, encodeValue } from "./call-link/call-value.ts";
import { checkCount } from "./call-link/check-count.ts";
import { decodeError } from "./call-link/error-payload.ts";
import { FrameReader } from "./call-link/frame-reader.ts";
import { FrameSender } from "./call-link/frame-sender.ts";
import { limitCall } from "./call-link/limit-call.ts";
import { PendingCall } from "./call-link/pending-call.ts";
import { RequestsInFlight } from "./call-link/requests-in-flight.ts";
import type { Outgoing, ValueOf } from "./channel.ts";
import { resolveCodec } from "./codec.ts";
import type { Link } from "./link.ts";
import type { Codec } from "./options.ts";
import { closedError } from "./turns.ts";

/** Options of {@link Requester.connect}. */
export interface RequesterOptions extends CallChannelOptions {
  /** How many requests may be on their way at a time, from 1 to 1048576; more wait in this process. Default 1024. */
  maxInFlight?: number;
  /** The time limit of a request that gives none, in milliseconds. Default: no limit. */
  requestTimeout?: number;
}

/** Figures of a {@link Requester}. */
export interface RequesterStats {
  /** Requests that were sent. */
  readonly requests: number;
  /** Replies that somebody waited for, errors of handlers included. */
  readonly replies: number;
  /** Replies that came when their request was given up, and were dropped. */
  readonly late: number;
  /** Requests that wait for a reply or for a place among those in flight. */
  readonly waiting: number;
}

const DEFAULT_MAX_IN_FLIGHT = 1024;
const MOST_IN_FLIGHT = 2 ** 20;
/** How often a server may leave under one `connect()` before that is no accident. */
const MOST_TRIES = 16;
/** Time between two hellos where one may be lost, in milliseconds. */
const HELLO_AGAIN = 100;
/** How long a blocking request waits for room before it takes replies, which may be what the server waits for; in milliseconds. */
const ROOM_SLICE = 10;

/**
 * Asks a {@link Responder}, usually in another process: each request gets its reply, whatever the order in which they come.
 *
 * Many requests may be in flight. One requester talks to one responder, and a second requester at the same address is refused with
 * `IPC_BUSY` where the transport knows (`ring:`, `mq:`, `unix:`, `sysv:`, `memory:`). A requester without requests does not keep its
 * process alive.
 *
 * @example
 * ```ts
 * import { Requester, Responder } from "millrace";
 *
 * const responder = await Responder.serve("ring:squares", (n) => (n as number) ** 2, { codec: "json" });
 * const requester = await Requester.connect("ring:squares", { codec: "json" });
 * console.log(await Promise.all([requester.request(2), requester.request(3)]));
 * await requester.close();
 * await responder.close();
 * // Output:
 * // [ 4, 9 ]
 * ```
 */
export class Requester<Value = Uint8Array<ArrayBuffer>> implements AsyncDisposable, Disposable {
  /**
   * Connects to a responder; waits until there is one.
   *
   * @param address as for `Responder.serve`: `"ring:prices"`, or `{ request: "ring:a", reply: "ring:b" }`
   * @param options `timeout` in milliseconds and `signal` end the wait
   * @throws {TypeError | RangeError} when the address or an option is not one
   * @throws {IpcError} `IPC_BUSY` when another requester is connected; `IPC_TIMEOUT`, `IPC_ABORTED`; `IPC_CORRUPT` when what answers is no
   *   responder of this version; else as `Channel.sender`
   */
  static async connect<const Options extends RequesterOptions & WaitOptions = Record<never, never>>(
    address: CallAddress,
    options?: Options,
  ): Promise<Requester<ValueOf<Options>>> {
    const {
      maxInFlight = DEFAULT_MAX_IN_FLIGHT,
      requestTimeout,
      ...channel
    }: RequesterOptions & WaitOptions = options ?? {};
    const addresses = callAddresses(address);
    checkCallOptions(addresses, channel);
    checkCount("maxInFlight", maxInFlight, MOST_IN_FLIGHT);
    if (requestTimeout !== undefined) checkTimeout(requestTimeout);
    const limit = new TimeLimit(`Connecting to ${addresses.text}`, channel);
    limit.throwIfAborted();
    const codec = await resolveCodec(channel.codec);
    const { timeout: _, signal: __, ...given } = channel;
    const session = newSession();
    for (let tries = 1; ; tries++) {
      try {
        const [requests, replies] = await openBoth(addresses, given, limit);
        const requester = new Requester<ValueOf<Options>>(
          addresses.text,
          requests,
          replies,
          codec,
          maxFrameBytes(given),
          session,
          maxInFlight,
          requestTimeout,
        );
        await requester.#connect(limit, addresses.request.scheme === "fifo");
        return requester;
      } catch (error) {
        // one that left just now; its successor finds what was sent, or we make it anew
        if (tries < MOST_TRIES && isGone(error)) continue;
        throw limit.explain(error);
      }
    }
  }

  /** The address in canonical form. */
  readonly address: string;
  readonly #out: FrameSender;
  readonly #reader: FrameReader;
  readonly #codec: Codec<unknown>;
  readonly #session: number;
  readonly #timeout: number | undefined;
  readonly #calls: RequestsInFlight;
  #welcome: { resolve(): void; reject(error: unknown): void } | undefined;
  #connected = false;
  #failure: IpcError | undefined;
  #closing: Promise<void> | undefined;
  #idle: (() => void) | undefined;
  #released = false;
  #requests = 0;
  #replies = 0;
  #late = 0;

  /** For {@link Requester.connect}. */
  constructor(
    address: string,
    requests: Link,
    replies: Link,
    codec: Codec<unknown>,
    maxBytes: number,
    session: number,
    maxInFlight: number,
    timeout: number | undefined,
  ) {
    this.address = address;
    this.#codec = codec;
    this.#session = session;
    this.#timeout = timeout;
    this.#calls = new RequestsInFlight(maxInFlight, session);
    this.#out = new FrameSender(requests, maxBytes);
    this.#reader = new FrameReader(replies, {
      wants: () => !this.#connected || this.#calls.waiting > 0,
      take: (frame) => this.#take(frame),
      end: (error) => this.#lost(error ?? new IpcError("IPC_CLOSED", `${this.address}: the responder has closed`)),
    });
  }

  /** True from the moment of `close()`, and when the connection was lost. */
  get closed(): boolean {
    return this.#closing !== undefined || this.#failure !== undefined;
  }

  /** Figures of this side. */
  stats(): RequesterStats {
    return { requests: this.#requests, replies: this.#replies, late: this.#late, waiting: this.#calls.waiting };
  }

  /**
   * Sends a request and waits for its reply. Requests are sent in the order of the calls. The bytes are borrowed until the promise is
   * settled: do not change them before.
   *
   * @param value what the codec takes, or `undefined`
   * @param options `timeout` in milliseconds and `signal` end the wait; the handler's `signal` fires then, and a reply that comes all the
   *   same is dropped
   * @returns what the handler answered
   * @throws {RemoteError} what the handler threw
   * @throws {IpcError} `IPC_TIMEOUT`, `IPC_ABORTED`: the request may have been carried out; `IPC_CLOSED` when this side or the responder
   *   has closed; `IPC_PEER_GONE` when the responder died, or another one came in its place; `IPC_TOO_LARGE`; `IPC_CORRUPT` when the reply
   *   cannot be decoded, or a frame is not one
   */
  request(value: Outgoing<Value> | undefined, options: WaitOptions = {}): Promise<Value> {
    try {
      checkWaitOptions(options);
      const { payload, flags } = this.#encode("request()", value, options);
      return new Promise((resolve, reject) => {
        const request = new PendingCall("request()", payload, flags, resolve as (value: unknown) => void, reject);
        this.#begin(request, options);
      });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * The same with the thread blocked. Replies to other requests that come meanwhile are kept for those.
   *
   * @throws {IpcError} as `request`
   */
  requestSync(value: Outgoing<Value> | undefined, options: WaitOptions = {}): Value {
    checkSyncOptions(options);
    const call = "requestSync()";
    const { payload, flags } = this.#encode(call, value);
    const limit = new TimeLimit(`${call} on ${this.address}`, {
      timeout: options.timeout ?? this.#timeout ?? Infinity,
    });
    let outcome: { value: unknown } | { error: unknown } | undefined;
    const request = new PendingCall(
      call,
      payload,
      flags,
      (value) => {
        outcome = { value };
      },
      (error) => {
        outcome = { error };
      },
    );
    try {
      if (this.#calls.hasRoom) {
        this.#send(request);
      } else {
        this.#calls.queue(request);
        this.#reader.waitSync(call, () => request.state !== "queued", limit.left()?.timeout);
      }
      this.#handOver(request, limit);
      if (!request.settled) this.#reader.waitSync(call, () => request.settled, limit.left()?.timeout);
    } catch (error) {
      this.#giveUp(request, limit.explain(error));
    }
    this.#reader.start();
    const end = outcome as { value: unknown } | { error: unknown } | undefined;
    if (end === undefined) throw closedError(`${call} on ${this.address}`);
    if ("error" in end) throw end.error;
    return end.value as Value;
  }

  /**
   * Takes no more requests, waits for the replies to those in flight and closes. Idempotent.
   *
   * @param options after `timeout` milliseconds, or when `signal` fires, what is in flight is rejected with `IPC_CLOSED`
   * @throws {IpcError} `IPC_TIMEOUT`, `IPC_ABORTED` when not all replies had come. It is closed all the same
   */
  async close(options: WaitOptions = {}): Promise<void> {
    checkWaitOptions(options);
    this.#closing ??= this.#close(options);
    return this.#closing;
  }

  /** Closes at once: what is in flight is rejected with `IPC_CLOSED`. */
  [Symbol.dispose](): void {
    if (this.#failure !== undefined) return;
    this.#closing ??= Promise.resolve();
    this.#released = true;
    this.#rejectAll((call) => closedError(`${call} on ${this.address}`));
    this.#reader.close();
    // what nobody has come for shall not stay behind
    if (this.#connected) this.#out.closeNow();
    else this.#out.abandon();
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(options: WaitOptions): Promise<void> {
    const limit = new TimeLimit(`close() on ${this.address}`, options);
    try {
      if (this.#calls.waiting > 0) {
        await limit.race(
          new Promise<void>((resolve) => {
            this.#idle = resolve;
          }),
        );
      }
    } finally {
      this.#released = true;
      this.#rejectAll((call) => closedError(`${call} on ${this.address}`));
      this.#reader.close();
      // the responder may have gone; then there is nobody to tell
      await this.#out.close(limit.left() ?? {}).catch(() => {});
    }
  }

  /** @param repeats for a transport that does not say that its receiver was replaced, and the hello may be lost with the old one */
  async #connect(limit: TimeLimit, repeats: boolean): Promise<void> {
    const again = () => void this.#hello().catch((error) => this.#sendFailed(error));
    const repetition = repeats ? setInterval(again, HELLO_AGAIN) : undefined;
    const welcomed = new Promise<void>((resolve, reject) => {
      this.#welcome = { resolve, reject };
    });
    try {
      await Promise.all([limit.race(welcomed), this.#hello(limit.left())]);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    } finally {
      clearInterval(repetition);
    }
    if (this.#failure !== undefined) throw this.#failure;
    this.#connected = true;
    this.#welcome = undefined;
  }

  async #hello(options?: WaitOptions): Promise<void> {
    this.#reader.start();
    await this.#out.send("connect()", HELLO, 0, this.#session, CALL_VERSION, NO_PAYLOAD, options);
  }

  #encode(call: string, value: unknown, options?: WaitOptions): { payload: Uint8Array; flags: number } {
    const encoded = encodeValue(this.#codec, value);
    if (this.#failure !== undefined) throw this.#lostError(call, this.#failure);
    if (this.#closing !== undefined) throw closedError(`${call} on ${this.address}`);
    if (options?.signal?.aborted) throw abortedError(`${call} on ${this.address}`, options.signal);
    this.#out.checkLength(call, encoded.payload.length);
    return encoded;
  }

  #begin(request: PendingCall, { timeout = this.#timeout, signal }: WaitOptions): void {
    const what = `request() on ${this.address}`;
    if (timeout === 0) {
      request.reject(timeoutError(what, timeout));
      return;
    }
    if (timeout !== undefined || signal !== undefined) {
      const limits = { ...(timeout === undefined ? {} : { timeout }), ...(signal === undefined ? {} : { signal }) };
      request.limit(limitCall(what, limits, (error) => this.#giveUp(request, error)));
    }
    if (this.#calls.hasRoom) this.#send(request);
    else this.#calls.queue(request);
    this.#reader.start();
  }

  #send(request: PendingCall): void {
    this.#calls.enter(request);
    const { call, flags, id, payload } = request;
    let waits: Promise<void> | undefined;
    try {
      waits = this.#out.send(call, REQUEST, flags, this.#session, id, payload, request);
    } catch (error) {
      this.#sendFailed(error);
      return;
    }
    if (waits === undefined) {
      this.#sent(request);
      return;
    }
    request.state = "sending";
    waits.then(
      () => this.#sent(request),
      (error) => {
        if (!request.settled) this.#sendFailed(error);
        this.#calls.forget(request);
        this.#goOn();
      },
    );
  }

  #sent(request: PendingCall): void {
    request.state = "sent";
    this.#requests++;
    if (request.settled) this.#cancel(request);
  }

  /** Blocks until a request is handed over. Replies are taken meanwhile: a responder that cannot give them out reads no requests. */
  #handOver(request: PendingCall, limit: TimeLimit): void {
    while (request.state === "sending" && !request.settled) {
      limit.throwIfOver();
      const left = limit.left()?.timeout ?? ROOM_SLICE;
      if (this.#out.flushSync(request.call, Math.min(left, ROOM_SLICE))) return;
      this.#reader.drain();
    }
  }

  /** Ends a request early. */
  #giveUp(request: PendingCall, error: unknown): void {
    if (request.settled) return;
    const { state } = request;
    this.#calls.abandon(request);
    request.reject(error);
    if (state === "sending") request.retract();
    else if (state === "sent") this.#cancel(request);
    this.#goOn();
  }

  /** Tells the responder that nobody waits for this reply. */
  #cancel({ id }: PendingCall): void {
    if (this.#failure !== undefined || this.#released) return;
    try {
      const waits = this.#out.send("cancel", CANCEL, 0, this.#session, id, NO_PAYLOAD);
      waits?.catch((error) => this.#sendFailed(error));
    } catch (error) {
      this.#sendFailed(error);
    }
  }

  /** After a request has ended: the next one may be sent, or there is nothing left to wait for. */
  #goOn(): void {
    for (let next = this.#calls.dequeue(); next !== undefined; next = this.#calls.dequeue()) this.#send(next);
    if (this.#calls.waiting > 0) return;
    this.#reader.stop();
    this.#idle?.();
  }

  #take(frame: Uint8Array): void {
    const header = readHeader(frame);
    if (typeof header === "string") this.#corrupt(header);
    else if (header.kind === START) this.#serverCame();
    else if (header.session === this.#session) this.#takeOwn(header, frame);
    // else it is for a requester that was here before
  }

  #takeOwn(header: FrameHeader, frame: Uint8Array): void {
    const { kind, id } = header;
    if (kind === WELCOME) {
      if (id === CALL_VERSION) this.#welcome?.resolve();
      else this.#corrupt(`the responder speaks version ${id}, but this side ${CALL_VERSION}`);
      return;
    }
    if (kind === FAULT) {
      this.#lost(this.#faultOf(frame));
      return;
    }
    if (kind !== REPLY && kind !== FAILED && kind !== CANCELLED) {
      this.#corrupt(`a frame has the unknown kind ${kind}`);
      return;
    }
    // a request that somebody waits for was not cancelled
    const request = kind === CANCELLED && this.#calls.isPending(id) ? undefined : this.#calls.answer(id);
    if (request === undefined) {
      this.#corrupt(`request ${id} was answered, but is not open`);
      return;
    }
    if (request !== "late") this.#settle(request, header, frame);
    else if (kind !== CANCELLED) this.#late++;
    this.#goOn();
  }

  #settle(request: PendingCall, header: FrameHeader, frame: Uint8Array): void {
    this.#replies++;
    try {
      if (header.kind === REPLY) request.resolve(decodeValue(this.#codec, header, frame, this.address));
      else request.reject(decodeError(payloadOf(frame)));
    } catch (cause) {
      const error = cause instanceof IpcError ? cause : this.#corruptError("an error cannot be decoded", cause);
      request.reject(error);
    }
  }

  /** A responder announces itself: the one that took our requests is no more. */
  #serverCame(): void {
    if (this.#connected) {
      this.#lost(new IpcError("IPC_PEER_GONE", `${this.address}: another responder came in the place of this one`));
    } else {
      // the one before it may have taken our hello with it
      this.#hello().catch((error) => this.#sendFailed(error));
    }
  }

  #faultOf(frame: Uint8Array): IpcError {
    try {
      const { message } = decodeError(payloadOf(frame));
      return new IpcError("IPC_CORRUPT", `${this.address}: the responder ended the connection: ${message}`);
    } catch (cause) {
      return this.#corruptError("the responder ended the connection and does not say why", cause);
    }
  }

  #corrupt(why: string): void {
    this.#lost(this.#corruptError(why));
  }

  #corruptError(why: string, cause?: unknown): IpcError {
    return new IpcError("IPC_CORRUPT", `${this.address} holds what no responder sends: ${why}`, { cause });
  }

  /** Nothing can be sent any more. What was answered before is given out first. */
  #sendFailed(error: unknown): void {
    this.#reader.drain();
    this.#lost(error);
  }

  /** The connection is over. */
  #lost(error: unknown): void {
    if (this.#failure !== undefined) return;
    const known = error instanceof IpcError;
    this.#failure = known ? error : new IpcError("IPC_CLOSED", `${this.address}: ${String(error)}`, { cause: error });
    this.#welcome?.reject(error);
    this.#rejectAll((call) => (known ? this.#lostError(call, error) : error));
    this.#reader.close();
    this.#out.abandon();
  }

  #lostError(call: string, failure: IpcError): IpcError {
    const what = `${call} on ${this.address}: the connection is lost. Connect again`;
    return new IpcError(failure.code, what, { cause: failure });
  }

  #rejectAll(reason: (call: string) => unknown): void {
    for (const request of this.#calls.clear()) request.reject(reason(request.call));
    this.#idle?.();
  }
}

/** Opens the replies first, since a responder that finds a request looks for them. */
async function openBoth(
  { request, reply }: CallAddresses,
  options: CallChannelOptions,
  limit: TimeLimit,
): Promise<[requests: Link, replies: Link]> {
  const replies = await openCallLink(reply, "receiver", options, limit.left());
  try {
    return [await openCallLink(request, "sender", options, limit.left()), replies];
  } catch (error) {
    replies.close();
    throw error;
  }
}

/** Tells this connection from others at the same address. 0 is no session. */
function newSession(): number {
  const [random] = crypto.getRandomValues(new Uint32Array(1)) as Uint32Array & [number];
  return random || 1;
}

function isGone(error: unknown): boolean {
  return error instanceof IpcError && (error.code === "IPC_CLOSED" || error.code === "IPC_PEER_GONE");
}
