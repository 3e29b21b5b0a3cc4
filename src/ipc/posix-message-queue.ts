/*
 * The POSIX queue itself, for people who talk to C programs; a channel over one is `mq:/NAME`. Long because of its documentation.
 */

import { IpcError } from "../errors.ts";
import { O_RDONLY, O_RDWR, O_WRONLY, POLLIN, POLLOUT } from "../ffi/abi/current.ts";
import type { MqSize } from "../ffi/mq.ts";
import { waitForFd } from "../ffi/off-thread/reactor.ts";
import { pollOne } from "../ffi/poll.ts";
import { beforeBlocking } from "../objects/before-blocking.ts";
import { checkOptionNames } from "../objects/check-option-names.ts";
import { type Ownership, own } from "../objects/own.ts";
import { abortedError, checkSyncOptions, checkWaitOptions, type WaitOptions } from "../wait/wait-options.ts";
import type { Bytes } from "./codec-bytes.ts";
import { mqueueLimits } from "./mq-link/mqueue-limits.ts";
import { makeQueue, openQueue, unlinkQueue } from "./mq-link/open-queue.ts";
import { PosixQueue } from "./mq-link/posix-queue.ts";
import { checkNumber } from "./queue-link/check-number.ts";
import { messageBytes } from "./queue-link/message-bytes.ts";
import { DEFAULT_MODE } from "./recommended.ts";
import { Turns, WAIT, type Waitable } from "./turns.ts";

/** How a POSIX queue is made. */
export interface PosixMessageQueueOptions {
  /** Messages that it holds; default `/proc/sys/fs/mqueue/msg_default`, 10. */
  maxMessages?: number;
  /** Bytes of the longest message; default `/proc/sys/fs/mqueue/msgsize_default`, 8192. */
  messageBytes?: number;
  /** Permission bits, less the umask; default 0o600. */
  mode?: number;
  /** False: the queue stays when this process ends. Default true. */
  removeOnExit?: boolean;
}

/** What a queue is opened for. */
export type PosixMessageQueueAccess = "read" | "write" | "readwrite";

/** Options to send to a POSIX queue. */
export interface PosixSendOptions extends WaitOptions {
  /** From 0, the default, to 32767: the highest comes out first. */
  priority?: number;
}

/** A message out of a POSIX queue. */
export interface PosixMessage {
  /** The bytes, which are the caller's. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** The priority with which it was sent. */
  readonly priority: number;
}

/** What a POSIX queue tells of itself. */
export interface PosixMessageQueueAttributes {
  /** Messages that it holds. */
  readonly maxMessages: number;
  /** Bytes of the longest message. */
  readonly messageBytes: number;
  /** Messages in it now. */
  readonly messages: number;
  /** Bytes in it now; `undefined` when this user may only write to it. */
  readonly bytes: number | undefined;
}

/**
 * A POSIX message queue, as C programs use it by `mq_open`: messages with priorities, the highest first, and of one priority the oldest.
 *
 * `send()` and `receive()` wait on the event loop, `trySend()` and `tryReceive()` never wait, `sendSync()` and `receiveSync()` block the
 * thread. Calls that wait are served in the order in which they were made. `close()` only lets go of the queue; `remove()` takes its name
 * away, as the end of the process does for who made it.
 *
 * @see https://man7.org/linux/man-pages/man7/mq_overview.7.html
 *
 * @example The urgent message first
 * ```ts
 * import { PosixMessageQueue } from "millrace";
 *
 * using queue = PosixMessageQueue.create("/posix-queue-example");
 * await queue.send(new TextEncoder().encode("at leisure"));
 * await queue.send(new TextEncoder().encode("at once"), { priority: 9 });
 * const { data, priority } = await queue.receive();
 * console.log(new TextDecoder().decode(data), priority);
 * queue.remove();
 * // Output:
 * // at once 9
 * ```
 */
export class PosixMessageQueue implements Disposable {
  /**
   * Makes a queue.
   *
   * @param name a slash and 1 to 255 bytes without slash, such as `"/jobs"`
   * @throws {IpcError} `IPC_EXISTS`, `IPC_PERMISSION`; `IPC_LIMIT` when the system or `RLIMIT_MSGQUEUE` does not allow it
   * @throws {TypeError | RangeError} a name or an option that is not one
   */
  static create(name: string, options: PosixMessageQueueOptions = {}): PosixMessageQueue {
    checkName(name);
    const { mode = DEFAULT_MODE, removeOnExit = true } = checkCreateOptions(options);
    const what = `Cannot create message queue ${name}`;
    const queue = new PosixMessageQueue(makeQueue(name, O_RDWR, mode, sizeOf(options), what), name, "readwrite");
    if (removeOnExit) queue.#own();
    return queue;
  }

  /**
   * Opens a queue that is there.
   *
   * @param options `mode`: what for; default `"readwrite"`
   * @throws {IpcError} `IPC_NOT_FOUND`, `IPC_PERMISSION`, `IPC_LIMIT`
   */
  static open(name: string, options: { mode?: PosixMessageQueueAccess } = {}): PosixMessageQueue {
    checkName(name);
    checkOptionNames("PosixMessageQueue.open()", options, { mode: "" });
    const { mode = "readwrite" } = options;
    if (!Object.hasOwn(ACCESS, mode)) {
      throw new TypeError(
        `The mode to open a queue is ${typeof mode === "string" ? JSON.stringify(mode) : String(mode)}, but must be "read", "write" or "readwrite"`,
      );
    }
    return new PosixMessageQueue(openQueue(name, ACCESS[mode], `Cannot open message queue ${name}`), name, mode);
  }

  /**
   * Opens a queue, or makes it when there is none. One that is there keeps its size.
   *
   * @throws {IpcError} `IPC_PERMISSION`, `IPC_LIMIT`
   */
  static openOrCreate(name: string, options: PosixMessageQueueOptions = {}): PosixMessageQueue {
    for (;;) {
      try {
        return PosixMessageQueue.create(name, options);
      } catch (error) {
        if ((error as IpcError).code !== "IPC_EXISTS") throw error;
      }
      try {
        return PosixMessageQueue.open(name);
      } catch (error) {
        // removed since
        if ((error as IpcError).code !== "IPC_NOT_FOUND") throw error;
      }
    }
  }

  /**
   * Removes the name of a queue, whoever made it. Who has the queue open keeps it.
   *
   * @returns false when there is none
   * @throws {IpcError} `IPC_PERMISSION`
   */
  static remove(name: string): boolean {
    checkName(name);
    return unlinkQueue(name, `Cannot remove message queue ${name}`);
  }

  readonly #queue: PosixQueue;
  readonly #access: PosixMessageQueueAccess;
  readonly #sending: Turns;
  readonly #receiving: Turns;
  readonly #notifying: Turns;
  #room: Uint8Array<ArrayBuffer> | undefined;
  #ownership: Ownership | undefined;
  #closed = false;

  private constructor(fd: number, name: string, access: PosixMessageQueueAccess) {
    this.#queue = new PosixQueue(fd, name, `message queue ${name}`);
    this.#access = access;
    this.#sending = new Turns(waitable(this.#queue), "write");
    this.#receiving = new Turns(waitable(this.#queue), "read");
    this.#notifying = new Turns(waitable(this.#queue), "read");
  }

  /** With its slash. */
  get name(): string {
    return this.#queue.name;
  }

  /** True after `close()`. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Sends a message; waits while the queue is full. The bytes are borrowed until then.
   *
   * @throws {IpcError} `IPC_TOO_LARGE` longer than `messageBytes`; `IPC_TIMEOUT`, `IPC_ABORTED` and nothing was sent; `IPC_CLOSED`
   */
  async send(message: Bytes, options: PosixSendOptions = {}): Promise<void> {
    const attempt = this.#sendAttempt("send()", message, options);
    checkWaitOptions(options, SEND_OPTIONS);
    this.#refuseAborted("send()", options);
    if (this.#sending.idle && attempt() !== WAIT) return;
    await this.#sending.wait({ call: "send()", attempt }, options);
  }

  /** @returns false when the queue is full, or another call waits to send */
  trySend(message: Bytes, options: { priority?: number } = {}): boolean {
    const attempt = this.#sendAttempt("trySend()", message, options);
    return this.#sending.idle && attempt() !== WAIT;
  }

  /** As `send()`, blocking the thread. */
  sendSync(message: Bytes, options: { priority?: number; timeout?: number } = {}): void {
    const attempt = this.#sendAttempt("sendSync()", message, options);
    checkSyncOptions(options, SEND_OPTIONS);
    if (this.#sending.idle && attempt() !== WAIT) return;
    this.#sending.waitSync({ call: "sendSync()", attempt }, options.timeout);
  }

  /**
   * Takes the oldest of the messages with the highest priority; waits while there is none.
   *
   * @throws {IpcError} `IPC_TIMEOUT`, `IPC_ABORTED` and no message was taken; `IPC_CLOSED`
   */
  async receive(options: WaitOptions = {}): Promise<PosixMessage> {
    checkWaitOptions(options);
    this.#checkReading("receive()");
    this.#refuseAborted("receive()", options);
    const message = this.#receiving.idle ? this.#take() : WAIT;
    if (message !== WAIT) return message;
    return this.#receiving.wait({ call: "receive()", attempt: () => this.#take() }, options);
  }

  /** @returns `undefined` when there is no message, or another call waits for one */
  tryReceive(): PosixMessage | undefined {
    this.#checkReading("tryReceive()");
    const message = this.#receiving.idle ? this.#take() : WAIT;
    return message === WAIT ? undefined : message;
  }

  /** As `receive()`, blocking the thread. */
  receiveSync(options: { timeout?: number } = {}): PosixMessage {
    checkSyncOptions(options);
    this.#checkReading("receiveSync()");
    const message = this.#receiving.idle ? this.#take() : WAIT;
    if (message !== WAIT) return message;
    return this.#receiving.waitSync({ call: "receiveSync()", attempt: () => this.#take() }, options.timeout);
  }

  /**
   * Waits until a message is there, and takes none; resolves at once when one is. Unlike C's `mq_notify`, which is in `millrace/ffi`, any
   * number of processes may wait, no signal is used, and nothing has to be asked for anew.
   *
   * @throws {IpcError} `IPC_TIMEOUT`, `IPC_ABORTED`, `IPC_CLOSED`
   */
  async notified(options: WaitOptions = {}): Promise<void> {
    checkWaitOptions(options);
    this.#checkOpen("notified()");
    this.#refuseAborted("notified()", options);
    const attempt = () => this.#notice();
    if (attempt() === WAIT) await this.#notifying.wait({ call: "notified()", attempt }, options);
  }

  /**
   * As `notified()`, blocking the thread. What `attributes().messages` says is the form that never waits.
   *
   * @throws {IpcError} `IPC_TIMEOUT`, `IPC_CLOSED`
   */
  notifiedSync(options: { timeout?: number } = {}): void {
    checkSyncOptions(options);
    this.#checkOpen("notifiedSync()");
    const attempt = () => this.#notice();
    if (attempt() === WAIT) this.#notifying.waitSync({ call: "notifiedSync()", attempt }, options.timeout);
  }

  /** Asks the kernel about the queue. */
  attributes(): PosixMessageQueueAttributes {
    this.#checkOpen("attributes()");
    const { maxMessages, messageBytes } = this.#queue;
    return { maxMessages, messageBytes, messages: this.#queue.count(), bytes: this.#queue.bytes() };
  }

  /**
   * Removes the name of this queue; who has it open keeps it. It works after `close()`, too, and never removes another queue that was given
   * the same name since.
   *
   * @returns false when the name is gone already, or names another queue
   * @throws {IpcError} `IPC_PERMISSION`
   */
  remove(): boolean {
    const removed = this.#queue.remove();
    this.#ownership?.release();
    return removed;
  }

  /** Lets go of the queue; calls that wait end with `IPC_CLOSED`. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const turns of [this.#sending, this.#receiving, this.#notifying]) turns.failAll(closedError);
    this.#queue.release();
  }

  /** The same as `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #own(): void {
    this.#ownership = own("posix-mq", this.name, () => {
      try {
        this.#queue.remove();
      } catch {
        // another user's by now
      }
    });
  }

  #sendAttempt(call: string, message: Bytes, options: { priority?: number }): () => undefined | typeof WAIT {
    const bytes = messageBytes(message);
    checkOptionNames(call, options, { priority: "", timeout: "", signal: "" });
    const { priority = 0 } = options;
    checkNumber("priority", priority, 0, MAX_PRIORITY);
    this.#checkOpen(call);
    if (this.#access === "read") throw this.#wrongAccess(call, "reading", "write");
    return () => (this.#queue.trySend(bytes, priority) ? undefined : WAIT);
  }

  #take(): PosixMessage | typeof WAIT {
    this.#room ??= new Uint8Array(this.#queue.messageBytes);
    const message = this.#queue.tryReceive(this.#room);
    if (message === undefined) return WAIT;
    return { data: this.#room.slice(0, message.length), priority: message.priority };
  }

  #notice(): undefined | typeof WAIT {
    return pollOne(this.#queue.fd, POLLIN, 0) === 0 ? WAIT : undefined;
  }

  #checkReading(call: string): void {
    this.#checkOpen(call);
    if (this.#access === "write") throw this.#wrongAccess(call, "writing", "read");
  }

  #checkOpen(call: string): void {
    if (this.#closed) throw closedError(`${call} on ${this.#queue.address}`);
  }

  #refuseAborted(call: string, { signal }: WaitOptions): void {
    if (signal?.aborted) throw abortedError(`${call} on ${this.#queue.address}`, signal);
  }

  #wrongAccess(call: string, found: string, needed: string): TypeError {
    return new TypeError(
      `${call} on ${this.#queue.address}: it is open for ${found} only. Open it with { mode: "${needed}" } or "readwrite"`,
    );
  }
}

const ACCESS = { read: O_RDONLY, write: O_WRONLY, readwrite: O_RDWR } as const;
/** As the kernel has it: MQ_PRIO_MAX less 1. */
const MAX_PRIORITY = 32_767;
const MAX_NAME_BYTES = 255;

function waitable({ fd, address }: PosixQueue): Waitable {
  return {
    address,
    ready: (direction, signal) => waitForFd(fd, direction, signal),
    readySync(direction, timeout) {
      beforeBlocking();
      return pollOne(fd, direction === "read" ? POLLIN : POLLOUT, timeout) !== 0;
    },
  };
}

function closedError(what: string): IpcError {
  return new IpcError("IPC_CLOSED", `${what}: the queue was closed here. Open it again`);
}

function checkName(name: string): void {
  if (typeof name !== "string")
    throw new TypeError(`The name of a message queue is of type ${typeof name}, but must be a string`);
  const { length } = new TextEncoder().encode(name.slice(1));
  if (/^\/[^/\0]+$/.test(name) && length <= MAX_NAME_BYTES) return;
  throw new RangeError(
    `The name of a message queue is ${JSON.stringify(name.slice(0, 80))}, but must be a slash and 1 to ${MAX_NAME_BYTES} bytes without slash, such as "/jobs"`,
  );
}

const SEND_OPTIONS = ["priority"];

function checkCreateOptions(options: PosixMessageQueueOptions): PosixMessageQueueOptions {
  checkOptionNames("PosixMessageQueue.create()", options, {
    maxMessages: "",
    messageBytes: "",
    mode: "",
    removeOnExit: "boolean",
  });
  const { maxMessages, messageBytes: bytes, mode } = options;
  if (maxMessages !== undefined) checkNumber("maxMessages", maxMessages, 1, 2 ** 31 - 1);
  if (bytes !== undefined) checkNumber("messageBytes", bytes, 1, 2 ** 31 - 1);
  if (mode !== undefined) checkNumber("mode", mode, 0, 0o777);
  return options;
}

function sizeOf({ maxMessages, messageBytes: bytes }: PosixMessageQueueOptions): MqSize | undefined {
  if (maxMessages === undefined && bytes === undefined) return undefined;
  const { defaultMessages, defaultMessageBytes } = mqueueLimits();
  return { maxmsg: maxMessages ?? defaultMessages, msgsize: bytes ?? defaultMessageBytes };
}
