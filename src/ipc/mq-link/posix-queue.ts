import { domainError } from "../../error-table.ts";
import { IpcError } from "../../errors.ts";
import { O_RDONLY } from "../../ffi/abi/current.ts";
import { close, open, read } from "../../ffi/fd.ts";
import { type MqMessage, mqClose, mqGetattr, mqReceive, mqSend } from "../../ffi/mq.ts";
import { forgetFd } from "../../ffi/off-thread/reactor.ts";
import { INTERRUPTED, WOULD_BLOCK } from "../../ffi/results.ts";
import type { KernelQueue } from "../queue-link/attach-queue.ts";
import { markOf, unlinkMarked } from "./open-queue.ts";

/** An open POSIX queue: the calls that do not wait, their failures in the library's own terms. */
export class PosixQueue implements KernelQueue {
  readonly name: string;
  readonly address: string;
  /** A descriptor with `O_NONBLOCK`. */
  readonly fd: number;
  readonly mark: number;
  readonly maxMessages: number;
  /** Bytes of a message at most. */
  readonly messageBytes: number;

  get object(): { readonly kind: "posix-mq"; readonly name: string } {
    return { kind: "posix-mq", name: this.name };
  }

  /** @param fd from `openQueue` or `makeQueue`; it is this object's from now on */
  constructor(fd: number, name: string, address: string) {
    this.fd = fd;
    this.name = name;
    this.address = address;
    this.mark = markOf(fd);
    const { maxmsg, msgsize } = mqGetattr(fd);
    this.maxMessages = maxmsg;
    this.messageBytes = msgsize;
  }

  /**
   * @returns false when the queue is full
   * @throws {IpcError} `IPC_TOO_LARGE`, `IPC_LIMIT`
   */
  trySend(message: Uint8Array, priority: number): boolean {
    try {
      let result = mqSend(this.fd, message, priority);
      while (result === INTERRUPTED) result = mqSend(this.fd, message, priority);
      return result !== WOULD_BLOCK;
    } catch (error) {
      if ((error as { code?: string }).code === "EMSGSIZE") throw this.tooLong(message.length, error);
      throw domainError("send", error, `Cannot send to ${this.address}`);
    }
  }

  /**
   * Takes the oldest of the messages with the highest priority.
   *
   * @param room of at least {@link messageBytes}
   * @returns `undefined` when there is none now
   */
  tryReceive(room: Uint8Array): MqMessage | undefined {
    try {
      let message = mqReceive(this.fd, room);
      while (message === INTERRUPTED) message = mqReceive(this.fd, room);
      return typeof message === "number" ? undefined : message;
    } catch (error) {
      throw domainError("receive", error, `Cannot receive from ${this.address}`);
    }
  }

  count(): number {
    return mqGetattr(this.fd).curmsgs;
  }

  room(): { bytes: number | undefined; capacity: number } {
    return { bytes: this.bytes(), capacity: this.maxMessages * this.messageBytes };
  }

  /** Bytes of the messages in the queue; `undefined` when this user may only write to it. */
  bytes(): number | undefined {
    try {
      // the descriptor may be for writing only, and has a position
      const fd = open(`/proc/self/fd/${this.fd}`, O_RDONLY);
      try {
        const text = new Uint8Array(80);
        const length = read(fd, text);
        return Number(/QSIZE:(\d+)/.exec(new TextDecoder().decode(text.subarray(0, length)))?.[1]);
      } finally {
        close(fd);
      }
    } catch {
      return undefined;
    }
  }

  remove(): boolean {
    return unlinkMarked(this.name, this.mark, `Cannot remove ${this.address}`);
  }

  release(): void {
    forgetFd(this.fd);
    mqClose(this.fd);
  }

  /** The error for a message that is longer than the queue allows. */
  tooLong(length: number, cause?: unknown): IpcError {
    const message = `Cannot send to ${this.address}: the message has ${length} bytes, but at most ${this.messageBytes} fit in one`;
    return new IpcError("IPC_TOO_LARGE", message, { cause });
  }
}
