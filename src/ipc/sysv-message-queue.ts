/*
 * The SysV queue itself, for people who talk to C programs; a channel over one is `sysv:KEY`. Long because of its documentation.
 */
import { domainError } from "../error-table.ts";
import { IpcError } from "../errors.ts";
import { IPC_CREAT, IPC_EXCL, IPC_PRIVATE, MSG_COPY, MSG_NOERROR } from "../ffi/abi/current.ts";
import { type MessageQueueStatus, MSG_TEXT_OFFSET, messageType, msgctlSet, msgctlStat, msgget } from "../ffi/msg.ts";
import { checkOptionNames } from "../objects/check-option-names.ts";
import { type Ownership, own } from "../objects/own.ts";
import { type SysvKey, sysvKey } from "../objects/sysv-key.ts";
import { abortedError, checkSyncOptions, checkWaitOptions, type WaitOptions } from "../wait/wait-options.ts";
import type { Bytes } from "./codec-bytes.ts";
import { checkNumber } from "./queue-link/check-number.ts";
import { messageBytes } from "./queue-link/message-bytes.ts";
import { DEFAULT_MODE } from "./recommended.ts";
import { kernelMessageLimit } from "./sysv-link/message-limit.ts";
import { isRemoval, MessageQueue } from "./sysv-link/message-queue.ts";
import { QueueSelections, type Selection } from "./sysv-link/queue-selections.ts";
import { QueueSends } from "./sysv-link/queue-sends.ts";
import { WAIT } from "./turns.ts";

/** How a SysV queue is made. */
export interface SysvMessageQueueOptions {
  /** Permission bits; default 0o600. */
  mode?: number;
  /** False: the queue stays when this process ends. Default true. */
  removeOnExit?: boolean;
}

/** Which message to take, and how. */
export interface SysvReceiveSelection {
  /** 0, the default: the first message. Positive: the first of that type. Negative: the first of the lowest type up to its absolute value. */
  type?: number;
  /** With a positive `type`: the first message of any other type. */
  except?: boolean;
  /** Bytes to take at most; default: as many as the system allows in a message. */
  maxBytes?: number;
  /** A longer message is cut off, and the rest is lost. Default false: it is `IPC_TOO_LARGE`, and stays. */
  truncate?: boolean;
}

/** A message out of a SysV queue. */
export interface SysvMessage {
  /** The type with which it was sent, from 1. */
  readonly type: number;
  /** The bytes behind the type, which are the caller's. */
  readonly data: Uint8Array<ArrayBuffer>;
}

/** What the kernel tells of a SysV queue. */
export interface SysvMessageQueueStatus {
  /** Messages in it. */
  readonly messages: number;
  /** Bytes in it. */
  readonly bytes: number;
  /** Bytes that it may hold, and messages. */
  readonly maxBytes: number;
  /** Process ids; 0 for none. */
  readonly lastSendPid: number;
  readonly lastReceivePid: number;
  /** To the second; `undefined` for never. */
  readonly lastSend: Date | undefined;
  readonly lastReceive: Date | undefined;
  /** When it was made, or changed with `set()`. */
  readonly lastChange: Date;
  /** User and group that own it. */
  readonly uid: number;
  readonly gid: number;
  /** User and group that made it. */
  readonly creatorUid: number;
  readonly creatorGid: number;
  /** Permission bits. */
  readonly mode: number;
}

/**
 * A System V message queue, as C programs use it by `msgget`, `msgsnd` and `msgrcv`: messages are bytes with a type, and who receives says
 * of which type.
 *
 * `send()` and `receive()` wait on the event loop, `trySend()` and `tryReceive()` never wait, `sendSync()` and `receiveSync()` block the
 * thread. A queue has no descriptor: it stays until `remove()`, or until the process ends that made it here; `close()` only ends the use
 * of this object.
 *
 * @see https://man7.org/linux/man-pages/man7/sysvipc.7.html
 *
 * @example Take the messages of one type
 * ```ts
 * import { SysvMessageQueue } from "millrace";
 *
 * using queue = SysvMessageQueue.create(0x4d4c0101);
 * await queue.send(1, new TextEncoder().encode("a job"));
 * await queue.send(2, new TextEncoder().encode("an order"));
 * const { type, data } = await queue.receive({ type: 2 });
 * console.log(type, new TextDecoder().decode(data), queue.stat().messages);
 * queue.remove();
 * // Output:
 * // 2 an order 1
 * ```
 */
export class SysvMessageQueue implements Disposable {
  /**
   * Makes a queue.
   *
   * @param key a number of 32 bits, `"PATH#ID"` for C's `ftok`, or `IPC_PRIVATE` (0) for a queue that only its id finds
   * @throws {IpcError} `IPC_EXISTS`; `IPC_NOT_FOUND` when `ftok` finds no file; `IPC_LIMIT`, `IPC_PERMISSION`
   * @throws {TypeError | RangeError} a key or an option that is not one
   */
  static create(key: SysvKey, options: SysvMessageQueueOptions = {}): SysvMessageQueue {
    const { mode = DEFAULT_MODE, removeOnExit = true } = checkCreateOptions(options);
    const number = sysvKey(key);
    let id: number;
    try {
      id = msgget(number, IPC_CREAT | IPC_EXCL | mode);
    } catch (error) {
      const exists = (error as { code?: unknown }).code === "EEXIST";
      const remedy = exists
        ? "Open it, or remove it first; `ipcs -q` shows it"
        : "`ipcs -q` lists all, `ipcs -ql` the limits";
      const what = `Cannot create the message queue of key ${hex(number)}. ${remedy}`;
      throw domainError("create", error, what);
    }
    const queue = new SysvMessageQueue(id, number);
    if (removeOnExit) queue.#own();
    return queue;
  }

  /**
   * Opens the queue of a key. What this user may do with it shows when it is done.
   *
   * @throws {IpcError} `IPC_NOT_FOUND`
   */
  static open(key: SysvKey): SysvMessageQueue {
    const number = sysvKey(key);
    if (number === IPC_PRIVATE) {
      throw new RangeError("The key is IPC_PRIVATE, which finds no queue: open it with SysvMessageQueue.fromId()");
    }
    try {
      return new SysvMessageQueue(msgget(number, 0), number);
    } catch (error) {
      throw domainError("open", error, `Cannot open the message queue of key ${hex(number)}. \`ipcs -q\` lists all`);
    }
  }

  /**
   * Opens the queue of a key, or makes it when there is none.
   *
   * @throws {IpcError} `IPC_LIMIT`, `IPC_PERMISSION`
   */
  static openOrCreate(key: SysvKey, options: SysvMessageQueueOptions = {}): SysvMessageQueue {
    for (;;) {
      try {
        return SysvMessageQueue.create(key, options);
      } catch (error) {
        if ((error as IpcError).code !== "IPC_EXISTS") throw error;
      }
      try {
        return SysvMessageQueue.open(key);
      } catch (error) {
        // removed since
        if ((error as IpcError).code !== "IPC_NOT_FOUND") throw error;
      }
    }
  }

  /**
   * Removes the queue of a key with its messages. Whoever waits on it, in every process, gets `EIDRM`, here `IPC_CLOSED`.
   *
   * @returns false when there is none
   * @throws {IpcError} `IPC_PERMISSION` not the owner; `IPC_NOT_FOUND` the file of `"PATH#ID"`
   * @throws {TypeError | RangeError} a key that is not one, or `IPC_PRIVATE`
   */
  static remove(key: SysvKey): boolean {
    const number = sysvKey(key);
    let queue: SysvMessageQueue;
    try {
      queue = SysvMessageQueue.open(number);
    } catch (error) {
      if (error instanceof IpcError && error.code === "IPC_NOT_FOUND") return false;
      throw error;
    }
    try {
      return queue.remove();
    } finally {
      queue.close();
    }
  }

  /**
   * The queue of this id, as `ipcs -q` shows it.
   *
   * @throws {IpcError} `IPC_NOT_FOUND`
   */
  static fromId(id: number): SysvMessageQueue {
    checkNumber("id", id, 0, 2 ** 31 - 1);
    try {
      return new SysvMessageQueue(id, msgctlStat(id).key >>> 0);
    } catch (error) {
      // somebody may be allowed to send only
      if ((error as { code?: string }).code === "EACCES") return new SysvMessageQueue(id, undefined);
      if (!isRemoval(error)) throw error;
      const what = `There is no message queue of id ${id}: \`ipcs -q\` lists all`;
      throw new IpcError("IPC_NOT_FOUND", what, { cause: error });
    }
  }

  /** The kernel's number of the queue, the same in all processes. */
  readonly id: number;
  /** Its key, unsigned; 0 (`IPC_PRIVATE`) when no key finds it; `undefined` when this user may not know. */
  readonly key: number | undefined;
  readonly #queue: MessageQueue;
  readonly #sends: QueueSends;
  readonly #selections: QueueSelections;
  #room: Uint8Array<ArrayBuffer>;
  #ownership: Ownership | undefined;
  #closed = false;

  private constructor(id: number, key: number | undefined) {
    this.id = id;
    this.key = key;
    this.#queue = new MessageQueue(id, key ? `message queue ${hex(key)}` : `message queue id ${id}`);
    this.#sends = new QueueSends(this.#queue);
    this.#selections = new QueueSelections(this.#queue);
    this.#room = new Uint8Array(MSG_TEXT_OFFSET + kernelMessageLimit());
  }

  /** True after `close()`. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Sends a message; waits while there is no room. The bytes are borrowed until then.
   *
   * @param type positive
   * @throws {IpcError} `IPC_TOO_LARGE` longer than the system or the queue ever takes; `IPC_TIMEOUT`, `IPC_ABORTED` and nothing was sent;
   *   `IPC_CLOSED` the queue was removed, or closed here; `IPC_PERMISSION`
   */
  async send(type: number, message: Bytes, options: WaitOptions = {}): Promise<void> {
    const bytes = this.#checkSend("send()", type, message);
    checkWaitOptions(options);
    this.#refuseAborted("send()", options);
    if (!this.#sends.trySend(type, bytes)) await this.#sends.send("send()", type, bytes, options);
  }

  /** @returns false when there is no room, or another call waits to send */
  trySend(type: number, message: Bytes): boolean {
    return this.#sends.trySend(type, this.#checkSend("trySend()", type, message));
  }

  /** As `send()`, blocking the thread. */
  sendSync(type: number, message: Bytes, options: { timeout?: number } = {}): void {
    const bytes = this.#checkSend("sendSync()", type, message);
    checkSyncOptions(options);
    if (!this.#sends.trySend(type, bytes)) this.#sends.sendSync("sendSync()", type, bytes, options.timeout);
  }

  /**
   * Takes a message; waits while there is none of those that are asked for. Calls that ask for the same types are served in their order.
   *
   * @throws {IpcError} `IPC_TOO_LARGE` it is longer than `maxBytes`, and stays; `IPC_TIMEOUT`, `IPC_ABORTED` and no message was taken;
   *   `IPC_CLOSED` the queue was removed, or closed here; `IPC_PERMISSION`
   */
  async receive(options: SysvReceiveSelection & WaitOptions = {}): Promise<SysvMessage> {
    const { selection, attempt } = this.#checkReceive("receive()", options);
    checkWaitOptions(options, RECEIVE_OPTION_NAMES);
    this.#refuseAborted("receive()", options);
    const message = selection.turns.idle ? attempt() : WAIT;
    if (message !== WAIT) return message;
    return selection.turns.wait({ call: "receive()", attempt }, options);
  }

  /** @returns `undefined` when there is no such message, or another call waits for one */
  tryReceive(options: SysvReceiveSelection = {}): SysvMessage | undefined {
    const { selection, attempt } = this.#checkReceive("tryReceive()", options);
    const message = selection.turns.idle ? attempt() : WAIT;
    return message === WAIT ? undefined : message;
  }

  /** As `receive()`, blocking the thread. */
  receiveSync(options: SysvReceiveSelection & { timeout?: number } = {}): SysvMessage {
    const { selection, attempt } = this.#checkReceive("receiveSync()", options);
    checkSyncOptions(options, RECEIVE_OPTION_NAMES);
    const message = selection.turns.idle ? attempt() : WAIT;
    if (message !== WAIT) return message;
    return selection.turns.waitSync({ call: "receiveSync()", attempt }, options.timeout);
  }

  /**
   * A copy of a message, which stays in the queue.
   *
   * @param index its place, from 0
   * @returns `undefined` when there are not so many messages
   * @throws {IpcError} `IPC_UNSUPPORTED` the kernel was built without `CONFIG_CHECKPOINT_RESTORE`; `IPC_CLOSED`, `IPC_PERMISSION`
   */
  peekAt(index: number): SysvMessage | undefined {
    checkNumber("index", index, 0, 2 ** 31 - 1);
    this.#checkOpen("peekAt()");
    try {
      const message = this.#read(this.#longestRoom(), index, MSG_COPY);
      return message === "too long" ? undefined : message;
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOSYS") throw error;
      throw new IpcError(
        "IPC_UNSUPPORTED",
        `Cannot look into ${this.#queue.address}: this kernel was built without CONFIG_CHECKPOINT_RESTORE, which MSG_COPY needs`,
        { cause: error },
      );
    }
  }

  /**
   * Asks the kernel about the queue.
   *
   * @throws {IpcError} `IPC_CLOSED` it was removed; `IPC_PERMISSION`
   */
  stat(): SysvMessageQueueStatus {
    this.#checkOpen("stat()");
    const found: MessageQueueStatus = this.#queue.control("ask about", () => msgctlStat(this.id));
    const date = (seconds: number) => (seconds === 0 ? undefined : new Date(seconds * 1000));
    return {
      messages: found.qnum,
      bytes: found.cbytes,
      maxBytes: found.qbytes,
      lastSendPid: found.lspid,
      lastReceivePid: found.lrpid,
      lastSend: date(found.stime),
      lastReceive: date(found.rtime),
      lastChange: new Date(found.ctime * 1000),
      uid: found.uid,
      gid: found.gid,
      creatorUid: found.cuid,
      creatorGid: found.cgid,
      mode: found.mode & 0o777,
    };
  }

  /**
   * Changes the room of the queue, its permission bits or its owner; what is not given stays.
   *
   * @param changes `maxBytes`: past `/proc/sys/kernel/msgmnb` only with privilege
   * @throws {IpcError} `IPC_PERMISSION` not the owner, or past that limit; `IPC_CLOSED` it was removed
   */
  set(changes: { maxBytes?: number; mode?: number; uid?: number; gid?: number }): void {
    this.#checkOpen("set()");
    checkOptionNames("set()", changes, { maxBytes: "", mode: "", uid: "", gid: "" });
    const { maxBytes, mode, uid, gid } = changes;
    if (maxBytes !== undefined) checkNumber("maxBytes", maxBytes, 0, Number.MAX_SAFE_INTEGER);
    if (mode !== undefined) checkNumber("mode", mode, 0, 0o777);
    if (uid !== undefined) checkNumber("uid", uid, 0, 2 ** 32 - 2);
    if (gid !== undefined) checkNumber("gid", gid, 0, 2 ** 32 - 2);
    const wanted = {
      ...(maxBytes !== undefined && { qbytes: maxBytes }),
      ...(mode !== undefined && { mode }),
      ...(uid !== undefined && { uid }),
      ...(gid !== undefined && { gid }),
    };
    this.#queue.control("change", () => msgctlSet(this.id, wanted));
  }

  /**
   * Removes the queue with its messages. Whoever waits on it, in every process, gets `EIDRM`, here `IPC_CLOSED`. It works after `close()`.
   *
   * @returns false when it is gone already
   * @throws {IpcError} `IPC_PERMISSION` not the owner
   */
  remove(): boolean {
    const removed = this.#queue.remove();
    this.#ownership?.release();
    return removed;
  }

  /** Ends the use of this object; calls that wait end with `IPC_CLOSED`. The queue stays. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#sends.close(closedError);
    this.#selections.close(closedError);
  }

  /** The same as `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #own(): void {
    this.#ownership = own("sysv-msg", String(this.id), () => {
      try {
        // the kernel gives no id again before it has counted through 32768 at its place
        this.#queue.remove();
      } catch {
        // another user's by now
      }
    });
  }

  #checkSend(call: string, type: number, message: Bytes): Uint8Array {
    checkNumber("type of a message", type, 1, Number.MAX_SAFE_INTEGER);
    const bytes = messageBytes(message);
    this.#checkOpen(call);
    return bytes;
  }

  #checkReceive(
    call: string,
    options: SysvReceiveSelection,
  ): { selection: Selection; attempt: () => SysvMessage | typeof WAIT } {
    checkOptionNames(call, options, RECEIVE_OPTIONS);
    const { type = 0, except = false, maxBytes, truncate = false } = options;
    checkNumber("type to receive", type, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    if (maxBytes !== undefined) checkNumber("maxBytes", maxBytes, 0, 2 ** 31 - 1);
    if (except && type <= 0) {
      throw new RangeError(`The type to receive is ${type}, but must be positive with { except: true }`);
    }
    this.#checkOpen(call);
    const selection = this.#selections.of(type, except);
    return { selection, attempt: () => this.#take(selection, maxBytes, truncate) };
  }

  #take(selection: Selection, maxBytes: number | undefined, truncate: boolean): SysvMessage | typeof WAIT {
    const held = this.#selections.takeHeld(selection);
    if (held !== undefined) return { type: held, data: new Uint8Array(0) };
    const flags = selection.flags | (truncate ? MSG_NOERROR : 0);
    let message = this.#read(this.#roomFor(maxBytes), selection.type, flags);
    // with the system's limit as the room: that was raised since
    while (message === "too long" && maxBytes === undefined) {
      message = this.#read(this.#longestRoom(2 * this.#room.length), selection.type, flags);
    }
    if (message === "too long") throw this.#tooLong(selection, maxBytes as number);
    return message ?? WAIT;
  }

  #read(room: Uint8Array<ArrayBuffer>, type: number, flags: number): SysvMessage | undefined | "too long" {
    const data = this.#queue.tryReceive(room, type, flags);
    if (data === undefined || data === "too long") return data;
    return { type: messageType(new DataView(room.buffer)), data: data.slice() as Uint8Array<ArrayBuffer> };
  }

  #roomFor(maxBytes: number | undefined): Uint8Array<ArrayBuffer> {
    if (maxBytes === undefined) return this.#room;
    const length = MSG_TEXT_OFFSET + maxBytes;
    return length <= this.#room.length ? this.#room.subarray(0, length) : this.#longestRoom(length);
  }

  /** Room for every message there can be now, and for `least` bytes with the type. */
  #longestRoom(least = 0): Uint8Array<ArrayBuffer> {
    const length = Math.max(least, MSG_TEXT_OFFSET + kernelMessageLimit());
    if (length > this.#room.length) this.#room = new Uint8Array(length);
    return this.#room;
  }

  #tooLong(selection: Selection, maxBytes: number): IpcError {
    const needed = this.#lengthOfFirst(selection);
    const found = needed === undefined ? `more than ${maxBytes}` : String(needed);
    return new IpcError(
      "IPC_TOO_LARGE",
      `A message in ${this.#queue.address} has ${found} bytes, but maxBytes is ${maxBytes}. It is left there: receive it with a larger maxBytes, or with { truncate: true }`,
    );
  }

  /** How long the message is that would be taken; `undefined` when somebody else took it, or the kernel shows none. */
  #lengthOfFirst(selection: Selection): number | undefined {
    let best: SysvMessage | undefined;
    try {
      for (let index = 0; ; index++) {
        const message = this.peekAt(index);
        if (message === undefined) return best?.data.length;
        if (!selection.takes(message.type) || (best !== undefined && message.type >= best.type)) continue;
        best = message;
        if (selection.type >= 0) return message.data.length;
      }
    } catch {
      return undefined;
    }
  }

  #checkOpen(call: string): void {
    if (this.#closed) throw closedError(`${call} on ${this.#queue.address}`);
  }

  #refuseAborted(call: string, { signal }: WaitOptions): void {
    if (signal?.aborted) throw abortedError(`${call} on ${this.#queue.address}`, signal);
  }
}

const RECEIVE_OPTIONS = {
  type: "",
  except: "boolean",
  maxBytes: "",
  truncate: "boolean",
  timeout: "",
  signal: "",
} as const;
const RECEIVE_OPTION_NAMES = Object.keys(RECEIVE_OPTIONS);

function hex(key: number): string {
  return `0x${key.toString(16).padStart(8, "0")}`;
}

function closedError(what: string): IpcError {
  return new IpcError("IPC_CLOSED", `${what}: the queue was closed here. Open it again`);
}

function checkCreateOptions(options: SysvMessageQueueOptions): SysvMessageQueueOptions {
  checkOptionNames("SysvMessageQueue.create()", options, { mode: "", removeOnExit: "boolean" });
  if (options.mode !== undefined) checkNumber("mode", options.mode, 0, 0o777);
  return options;
}
