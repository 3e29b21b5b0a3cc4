/*
 * The public face of src/ipc. Long because of its documentation: each method only checks which end this is and calls the half of the
 * channel that does the work, `Sending` or `Receiving`. It does not move bytes, wait or know a transport.
 */

import type { WaitOptions } from "../wait/wait-options.ts";
import { abortedError, checkWaitOptions } from "../wait/wait-options.ts";
import type { ChildEnd } from "./adapters/pipe.ts";
import { parseAddress } from "./address.ts";
import { ChannelIterator } from "./channel-iterator.ts";
import { checkOptions } from "./check-options.ts";
import { Claims } from "./claims.ts";
import { resolveCodec } from "./codec.ts";
import { type Bytes, bytesCodec } from "./codec-bytes.ts";
import type { Link, LinkStats, Peer, Side, Supports } from "./link.ts";
import type { ChannelOptions, Codec } from "./options.ts";
import { Peeks } from "./peeks.ts";
import { Receiving } from "./receiving.ts";
import { DEFAULT_BATCH_MESSAGES, DEFAULT_MAX_MESSAGE_BYTES } from "./recommended.ts";
import { adapterFor } from "./registry.ts";
import { sendMany } from "./send-many.ts";
import { Sending } from "./sending.ts";
import { readableOf } from "./streams/readable.ts";
import { writableOf } from "./streams/writable.ts";

/** What a channel with these options carries: `Uint8Array`, or what its codec makes of it. */
export type ValueOf<Options extends ChannelOptions> = "codec" extends keyof Options
  ? CodecValue<Options["codec"]>
  : Uint8Array<ArrayBuffer>;

type CodecValue<Name> = Name extends "text"
  ? string
  : Name extends "json" | "v8"
    ? unknown
    : Name extends Codec<infer Value>
      ? Value
      : Uint8Array<ArrayBuffer>;

/** What can be sent where `Value` is received: a channel of bytes takes every kind of view and buffer. */
export type Outgoing<Value> = Value extends Uint8Array ? Bytes : Value;

/** Options of `batches()` and `peekBatches()`. */
export interface BatchOptions extends WaitOptions {
  /** The most messages in a batch; default 1024. */
  max?: number;
}

/** Both ends of a pipe, from {@link Channel.pipe}. */
export interface PipeEnds<Value> {
  /** The end that writes. */
  readonly sender: Channel<Value>;
  /** The end that reads. */
  readonly receiver: Channel<Value>;
}

/** This process's end of a pipe to a child, and the child's end, from {@link Channel.pipeForChild}. */
export interface PipeForChild<Value> {
  /** This process's end. */
  readonly channel: Channel<Value>;
  /** The child's end; close it when the child was started. */
  readonly child: ChildEnd;
}

/** Figures of one end. */
export interface ChannelStats extends LinkStats {
  /** Messages that went through this end since it was opened. */
  readonly messages: number;
  /** Their bytes, as the codec made them. */
  readonly bytes: number;
  /** Calls that wait now. */
  readonly waiting: number;
}

/**
 * One end of a stream of messages between two processes: a sender or a receiver.
 *
 * Every way to send or receive has three forms: `send()` waits on the event loop, `trySend()` never waits, `sendSync()` blocks the thread.
 * Calls are served in the order in which they were made. A clean close loses nothing: the receiver gets what was sent, then the end.
 *
 * Errors are {@link IpcError}s with these codes, whichever transport it is; misuse is a `TypeError` or `RangeError` before anything is done:
 *
 * - `IPC_CLOSED`: this end was closed, or the receiver has closed
 * - `IPC_PEER_GONE`: the process at the other end died
 * - `IPC_TIMEOUT`, `IPC_ABORTED`: the wait ended early; nothing was sent or received
 * - `IPC_TOO_LARGE`: the message is longer than the transport or `maxMessageBytes` allows
 * - `IPC_CORRUPT`: the other end wrote what no correct one writes
 *
 * @example Stream records from one end to the other
 * ```ts
 * import { Channel } from "millrace";
 *
 * await using out = await Channel.sender("memory:records", { codec: "json" });
 * await using records = await Channel.receiver("memory:records", { codec: "json" });
 * await out.send({ id: 1 });
 * await out.send({ id: 2 });
 * await out.close();
 * for await (const record of records) console.log(record);
 * ```
 */
export class Channel<Value = Uint8Array<ArrayBuffer>> implements AsyncIterable<Value>, AsyncDisposable, Disposable {
  /**
   * Opens the sending end.
   *
   * @param address such as `"ring:frames"`, `"fifo:/tmp/frames"`, `"sysv:0x4d4c0001"`; a bare name means `ring:`
   * @throws {TypeError | RangeError} when the address or an option is not one; nothing was made
   * @throws {IpcError} `IPC_BUSY` when another sender holds it, `IPC_PERMISSION`, `IPC_LIMIT`, `IPC_EXISTS`, `IPC_TIMEOUT`, `IPC_ABORTED`
   */
  static sender<const Options extends ChannelOptions = Record<never, never>>(
    address: string,
    options?: Options,
  ): Promise<Channel<ValueOf<Options>>> {
    return open("sender", address, options);
  }

  /**
   * Opens the receiving end. It may be opened before there is a sender.
   *
   * @param address as for `sender`
   * @throws as `sender`
   */
  static receiver<const Options extends ChannelOptions = Record<never, never>>(
    address: string,
    options?: Options,
  ): Promise<Channel<ValueOf<Options>>> {
    return open("receiver", address, options);
  }

  /**
   * Makes an anonymous pipe, both ends of it in this process.
   *
   * @example
   * ```ts
   * import { Channel } from "millrace";
   *
   * const { sender, receiver } = await Channel.pipe({ codec: "text" });
   * await sender.send("hello");
   * console.log(await receiver.receive());
   * await sender.close();
   * await receiver.close();
   * ```
   */
  static async pipe<const Options extends ChannelOptions = Record<never, never>>(
    options?: Options,
  ): Promise<PipeEnds<ValueOf<Options>>> {
    const given: ChannelOptions = options ?? {};
    checkOptions("pipe", given);
    if (given.signal?.aborted) throw abortedError("Channel.pipe()", given.signal);
    const codec = await resolveCodec(given.codec);
    const { pair } = await import("./adapters/pipe.ts");
    const { sender, receiver } = await pair(given);
    return { sender: wrap(sender, codec, given), receiver: wrap(receiver, codec, given) };
  }

  /**
   * Makes an anonymous pipe with one end in this process and the other for a child process, which opens `pipe:3` when it was given
   * `child.fd` as its descriptor 3. Close `child` when the process was started: a pipe ends when every copy of its end is closed.
   *
   * @param childSide what the child is: with `"receiver"`, this process sends
   *
   * @example
   * ```ts
   * import { spawn } from "node:child_process";
   * import { Channel } from "millrace";
   *
   * const { channel, child } = await Channel.pipeForChild("receiver", { framing: "raw" });
   * const program = spawn("cat", { stdio: [child.fd, "inherit", "inherit"] });
   * child.close();
   * await channel.send(new TextEncoder().encode("hello\n"));
   * await channel.close();
   * await new Promise((resolve) => program.on("exit", resolve));
   * ```
   */
  static async pipeForChild<const Options extends ChannelOptions = Record<never, never>>(
    childSide: Side,
    options?: Options,
  ): Promise<PipeForChild<ValueOf<Options>>> {
    if (childSide !== "sender" && childSide !== "receiver") {
      throw new TypeError(`The child's side is ${String(childSide)}, but must be "sender" or "receiver"`);
    }
    const given: ChannelOptions = options ?? {};
    checkOptions("pipe", given);
    if (given.signal?.aborted) throw abortedError("Channel.pipeForChild()", given.signal);
    const codec = await resolveCodec(given.codec);
    const { pairForChild } = await import("./adapters/pipe.ts");
    const { link, child } = await pairForChild(childSide, given);
    return { channel: wrap(link, codec, given), child };
  }

  /**
   * Removes the object behind an address, with all that it holds. Not needed after a clean close.
   *
   * @returns false when there is none
   * @throws {IpcError} `IPC_BUSY` while an end is open, `IPC_PERMISSION`
   */
  static async remove(address: string): Promise<boolean> {
    const parsed = parseAddress(address);
    return (await adapterFor(parsed)).remove(parsed);
  }

  readonly #link: Link;
  readonly #sending: Sending | undefined;
  readonly #claims: Claims | undefined;
  readonly #receiving: Receiving | undefined;
  readonly #peeks: Peeks | undefined;
  #readable: ReadableStream<Value> | undefined;
  #writable: WritableStream<Outgoing<Value>> | undefined;
  #lastPeer: Peer | undefined;
  #lastStats: LinkStats | undefined;

  /** For {@link createChannel}; everybody else calls `Channel.sender` and its sisters. */
  constructor(link: Link, codec: Codec<unknown>, maxBytes: number) {
    this.#link = link;
    const closeLink = (abandon = false) => this.#closeLink(abandon);
    if (link.side === "sender") {
      this.#sending = new Sending(link, codec, maxBytes, closeLink);
      this.#claims = new Claims(link, this.#sending);
    } else {
      this.#receiving = new Receiving(link, codec, closeLink);
      this.#peeks = new Peeks(link, this.#receiving);
    }
  }

  /** The address in canonical form: the same object for every process of this machine. */
  get address(): string {
    return this.#link.address;
  }

  /** Which end this is. */
  get side(): Side {
    return this.#link.side;
  }

  /** What this kind of channel can do. */
  get supports(): Supports {
    return this.#link.supports;
  }

  /** The longest message in bytes that this end can send; for a receiver, what its transport can carry. */
  get maxMessageBytes(): number {
    return this.#sending?.maxBytes ?? this.#link.maxMessageBytes;
  }

  /** True from the moment at which this end is asked to close. Nothing can be sent or received from then on. */
  get closed(): boolean {
    return (this.#sending ?? this.#receiving)?.closed === true;
  }

  /** True once a call has met the end of the stream. It tells the `undefined` of `tryReceive()` at the end from that of an empty channel. */
  get ended(): boolean {
    return this.#receiving?.ended === true;
  }

  /** What is known of the other end; after `close()`, what was known then. */
  get peer(): Peer {
    return this.#lastPeer ?? this.#link.peer();
  }

  /** Figures of this end; after `close()`, the last ones. */
  stats(): ChannelStats {
    const half = (this.#sending ?? this.#receiving) as Sending | Receiving;
    const { messages, bytes, turns } = half;
    return { messages, bytes, waiting: turns.length, ...(this.#lastStats ?? this.#link.stats()) };
  }

  /**
   * Sends a message; waits while there is no room. When it resolves, the transport has the message. The bytes are borrowed until then: do
   * not change them.
   *
   * @throws {IpcError} see {@link Channel}. After `IPC_TIMEOUT` and `IPC_ABORTED` nothing was sent
   */
  send(message: Outgoing<Value>, options?: WaitOptions): Promise<void> {
    return this.#sending === undefined ? this.#wrongSide("send") : this.#sending.send(message, options);
  }

  /**
   * Sends a message if there is room now and no `send()` waits.
   *
   * @returns false when it was not sent. After true the caller may use the bytes again; what did not fit yet follows in the background
   */
  trySend(message: Outgoing<Value>): boolean {
    return (this.#sending ?? this.#throwWrongSide("trySend")).trySend(message);
  }

  /** Sends a message; blocks the thread while there is no room. */
  sendSync(message: Outgoing<Value>, options?: WaitOptions): void {
    (this.#sending ?? this.#throwWrongSide("sendSync")).sendSync(message, options);
  }

  /**
   * Sends all messages of an array, a generator or an async iterable, in batches: much faster for small messages.
   * `timeout` and `signal` are for the whole.
   *
   * @returns how many were sent
   */
  async sendMany(
    messages: Iterable<Outgoing<Value>> | AsyncIterable<Outgoing<Value>>,
    options?: WaitOptions,
  ): Promise<number> {
    return sendMany(this.#sending ?? this.#throwWrongSide("sendMany"), this.address, messages, options);
  }

  /**
   * Receives the next message; waits while there is none.
   *
   * @returns `undefined` at the end: the sender has closed and everything was received
   * @throws {IpcError} see {@link Channel}. `IPC_PEER_GONE` comes once, after all that the dead sender had sent, and then the end
   */
  receive(options?: WaitOptions): Promise<Value | undefined> {
    const receiving = this.#receiving;
    return (receiving === undefined ? this.#wrongSide("receive") : receiving.receive(options)) as Promise<
      Value | undefined
    >;
  }

  /** Receives a message if one is there and no `receive()` waits. `undefined` when not; see `ended`. */
  tryReceive(): Value | undefined {
    return (this.#receiving ?? this.#throwWrongSide("tryReceive")).tryReceive() as Value | undefined;
  }

  /** Receives the next message; blocks the thread while there is none. */
  receiveSync(options?: WaitOptions): Value | undefined {
    return (this.#receiving ?? this.#throwWrongSide("receiveSync")).receiveSync(options) as Value | undefined;
  }

  /**
   * Sends a copy of an open descriptor, in order with the messages, where `supports.descriptors` is true (`unix:`). When it resolves, the
   * copy is on its way, and this process may close its own.
   *
   * @param fd an open descriptor of this process, which stays the caller's
   * @throws {IpcError} `IPC_UNSUPPORTED` where descriptors cannot be sent; `IPC_LIMIT` when too many are on their way; else as `send()`
   * @throws {SystemError} `EBADF` when it is not open
   * @see https://man7.org/linux/man-pages/man7/unix.7.html
   */
  sendDescriptor(fd: number, options?: WaitOptions): Promise<void> {
    return this.#sending === undefined ? this.#wrongSide("sendDescriptor") : this.#sending.sendDescriptor(fd, options);
  }

  /** As `sendDescriptor()`; false when the transport has no room now, or other calls wait. */
  trySendDescriptor(fd: number): boolean {
    return (this.#sending ?? this.#throwWrongSide("trySendDescriptor")).trySendDescriptor(fd);
  }

  /** As `sendDescriptor()`, blocking the thread. */
  sendDescriptorSync(fd: number, options?: WaitOptions): void {
    (this.#sending ?? this.#throwWrongSide("sendDescriptorSync")).sendDescriptorSync(fd, options);
  }

  /**
   * Receives a descriptor; waits while nothing is there. Messages in front of it have to be received first: with a message next, this is
   * `IPC_UNSUPPORTED`, and so is `receive()` with a descriptor next. Neither takes anything away.
   *
   * @returns a descriptor of this process, closed in its children, which the caller has to close; `undefined` at the end
   * @throws {IpcError} `IPC_UNSUPPORTED`; `IPC_LIMIT` when this process may open no more, and the descriptor is lost; else as `receive()`
   */
  receiveDescriptor(options?: WaitOptions): Promise<number | undefined> {
    const receiving = this.#receiving;
    return receiving === undefined ? this.#wrongSide("receiveDescriptor") : receiving.receiveDescriptor(options);
  }

  /** As `receiveDescriptor()`; `undefined` also when nothing is there now. See `ended`. */
  tryReceiveDescriptor(): number | undefined {
    return (this.#receiving ?? this.#throwWrongSide("tryReceiveDescriptor")).tryReceiveDescriptor();
  }

  /** As `receiveDescriptor()`, blocking the thread. */
  receiveDescriptorSync(options?: WaitOptions): number | undefined {
    return (this.#receiving ?? this.#throwWrongSide("receiveDescriptorSync")).receiveDescriptorSync(options);
  }

  /**
   * Iterates over arrays of messages: each time all that are there, and at least one. Much faster for small messages than one at a time.
   * `timeout` is for each batch.
   */
  batches(options: BatchOptions = {}): AsyncIterableIterator<Value[]> {
    const receiving = this.#receiving ?? this.#throwWrongSide("batches");
    const max = batchSize("batches()", options);
    receiving.checkOpen("batches()");
    const take = () => {
      receiving.checkOpen("batches()", options);
      return receiving.takeBatchNow(max);
    };
    const wait = () => receiving.receiveBatch("batches()", max, options);
    return new ChannelIterator<Value[]>(receiving, take, wait, (batch) => (batch as Value[]).length === 0);
  }

  /** Iterates over the messages up to the end. Leaving the loop takes no message with it and does not close the channel. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Value> {
    const receiving = this.#receiving ?? this.#throwWrongSide("for await");
    receiving.checkOpen("for await");
    return new ChannelIterator<Value>(
      receiving,
      () => receiving.takeNow(),
      () => receiving.receive(),
      (value) => value === undefined,
    );
  }

  /** The messages as a web stream, the same one each time. It reads none ahead, and owns the channel: cancelling it closes the channel. */
  get readable(): ReadableStream<Value> {
    if (this.#receiving === undefined) this.#throwWrongSide("readable");
    this.#readable ??= readableOf(this);
    return this.#readable;
  }

  /** A web stream into the channel, the same one each time. It owns the channel: closing it closes the channel, aborting it abandons it. */
  get writable(): WritableStream<Outgoing<Value>> {
    if (this.#sending === undefined) this.#throwWrongSide("writable");
    this.#writable ??= writableOf(this);
    return this.#writable;
  }

  /**
   * Zero-copy sending: waits for room for a message of `length` bytes in the transport itself, to be filled and then sent with `commit()`.
   * Calls that come meanwhile wait until `commit()` or `abort()`; those that could not wait throw a `TypeError`.
   *
   * @returns bytes of any content, valid until `commit()` or `abort()`
   * @throws {IpcError} `IPC_UNSUPPORTED` where `supports.zeroCopy` is false
   */
  claim(length: number, options?: WaitOptions): Promise<Uint8Array> {
    return this.#claims === undefined ? this.#wrongSide("claim") : this.#claims.claim(length, options);
  }

  /** As `claim()`, `undefined` when there is no room now. */
  tryClaim(length: number): Uint8Array | undefined {
    return (this.#claims ?? this.#throwWrongSide("tryClaim")).tryClaim(length);
  }

  /** As `claim()`, blocking the thread. */
  claimSync(length: number, options?: WaitOptions): Uint8Array {
    return (this.#claims ?? this.#throwWrongSide("claimSync")).claimSync(length, options);
  }

  /** Sends the first `length` bytes of the claim, by default all of it. */
  commit(length?: number): void {
    (this.#claims ?? this.#throwWrongSide("commit")).commit(length);
  }

  /** Gives the claim back; nothing is sent. */
  abort(): void {
    (this.#claims ?? this.#throwWrongSide("abort")).abort();
  }

  /**
   * Zero-copy receiving: waits for the next message and shows it where it lies, to be received with `release()`. Do not write to it.
   * Calls that come meanwhile wait until `release()`; those that could not wait throw a `TypeError`.
   *
   * @returns bytes that are valid until `release()`, `undefined` at the end
   * @throws {IpcError} `IPC_UNSUPPORTED` where `supports.zeroCopy` is false
   */
  peek(options?: WaitOptions): Promise<Uint8Array | undefined> {
    return this.#peeks === undefined ? this.#wrongSide("peek") : this.#peeks.peek(options);
  }

  /** As `peek()`, `undefined` when no message is there now. */
  tryPeek(): Uint8Array | undefined {
    return (this.#peeks ?? this.#throwWrongSide("tryPeek")).tryPeek();
  }

  /** As `peek()`, blocking the thread. */
  peekSync(options?: WaitOptions): Uint8Array | undefined {
    return (this.#peeks ?? this.#throwWrongSide("peekSync")).peekSync(options);
  }

  /** Receives the message or the batch that was peeked at. */
  release(): void {
    (this.#peeks ?? this.#throwWrongSide("release")).release();
  }

  /**
   * As `batches()`, and each message is shown where it lies, as `peek()` does, so that large messages are not copied once more. A batch is
   * received when the next one is asked for, when the loop is left, or with `release()`; its views are valid until then. Other calls to
   * receive are a `TypeError` meanwhile: a `receive()` inside the loop needs a `release()` before. The codec has no part in it.
   *
   * A batch takes a quarter of the ring at most, so that the sender goes on while it is used; a message longer than that comes alone.
   *
   * @throws {RangeError | TypeError} when an option is not one, also when another batch or message is peeked at
   * @throws {IpcError} `IPC_UNSUPPORTED` where `supports.zeroCopy` is false; else as `receive()`, for each batch
   *
   * @example Add up numbers without a copy
   * ```ts
   * import { Channel } from "millrace";
   *
   * await using out = await Channel.sender("ring:samples");
   * await using samples = await Channel.receiver("ring:samples");
   * await out.sendMany([new Uint8Array([1, 2]), new Uint8Array([3])]);
   * await out.close();
   * let sum = 0;
   * for await (const batch of samples.peekBatches()) {
   *   for (const message of batch) for (const byte of message) sum += byte;
   * }
   * console.log(sum); // 6
   * ```
   */
  peekBatches(options: BatchOptions = {}): AsyncIterableIterator<Uint8Array[]> {
    const peeks = this.#peeks ?? this.#throwWrongSide("peekBatches");
    return peeks.batches(batchSize("peekBatches()", options), options);
  }

  /**
   * Closes this end. A sender first hands over everything that was sent, also by calls that still wait; `timeout` and `signal` bound that.
   * A receiver closes at once. Further calls return the same promise.
   *
   * @throws {IpcError} `IPC_TIMEOUT` or `IPC_ABORTED` when not everything could be handed over, or what made it fail. It is closed all the same
   */
  async close(options: WaitOptions = {}): Promise<void> {
    checkWaitOptions(options);
    this.#claims?.close();
    this.#receiving?.close();
    await this.#sending?.close(options);
  }

  /**
   * Gives up this end at once, for a sender that cannot send the rest: its receiver gets what was sent, and then `IPC_PEER_GONE` instead
   * of the end, wherever a sender that died is told apart from one that closed (`supports.peerDeath`). What waits is rejected with
   * `IPC_CLOSED`. A receiver is closed by it.
   */
  abandon(): void {
    this.#claims?.close();
    this.#receiving?.close();
    this.#sending?.abandon();
  }

  /** Closes this end as `close()` does, blocking the thread for at most 5 seconds. */
  [Symbol.dispose](): void {
    this.#claims?.close();
    this.#receiving?.close();
    this.#sending?.closeSync();
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What the link knows is asked for the last time before it goes. */
  #closeLink(abandon: boolean): void {
    try {
      this.#lastPeer ??= this.#link.peer();
      this.#lastStats ??= this.#link.stats();
    } finally {
      // also where what it shares with the other end is corrupt
      if (abandon) this.#link.abandon?.();
      this.#link.close();
    }
  }

  #wrongSide(call: string): Promise<never> {
    return Promise.reject(this.#wrongSideError(call));
  }

  #throwWrongSide(call: string): never {
    throw this.#wrongSideError(call);
  }

  #wrongSideError(call: string): TypeError {
    const [is, needed] = this.side === "sender" ? ["sender", "receiver"] : ["receiver", "sender"];
    return new TypeError(`${call}: this is the ${is} of ${this.address}. Open it with Channel.${needed}() for that`);
  }
}

/** Options of {@link createChannel}. */
export interface CreateChannelOptions {
  /** Default: bytes. */
  readonly codec?: Codec<unknown>;
  /** The longest message that the sender sends. */
  readonly maxMessageBytes?: number;
}

/** Makes a channel of a link: what an adapter has to do is in the link, and everything else is here. */
export function createChannel<Value = Uint8Array<ArrayBuffer>>(
  link: Link,
  options: CreateChannelOptions = {},
): Channel<Value> {
  const { codec = bytesCodec as Codec<unknown>, maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES } = options;
  return new Channel<Value>(link, codec, Math.min(link.maxMessageBytes, maxMessageBytes));
}

const BATCH_OPTIONS = ["max"];

/** The most messages in a batch, when the options are right. */
function batchSize(call: string, options: BatchOptions): number {
  checkWaitOptions(options, BATCH_OPTIONS);
  const { max = DEFAULT_BATCH_MESSAGES } = options;
  if (Number.isInteger(max) && max >= 1) return max;
  throw new RangeError(`${call} got max ${max}, but it must be a whole number from 1`);
}

async function open<Options extends ChannelOptions>(
  side: Side,
  address: string,
  given: Options | undefined,
): Promise<Channel<ValueOf<Options>>> {
  const options: ChannelOptions = given ?? {};
  const parsed = parseAddress(address);
  checkOptions(parsed.scheme, options);
  const { signal } = options;
  const what = `Opening ${parsed.text} as ${side}`;
  if (signal?.aborted) throw abortedError(what, signal);
  const [adapter, codec] = await Promise.all([adapterFor(parsed), resolveCodec(options.codec)]);
  if (signal?.aborted) throw abortedError(what, signal);
  return wrap(await adapter.open(parsed, side, options), codec, options);
}

function wrap<Value>(link: Link, codec: Codec<unknown>, { maxMessageBytes }: ChannelOptions): Channel<Value> {
  return createChannel<Value>(link, maxMessageBytes === undefined ? { codec } : { codec, maxMessageBytes });
}
