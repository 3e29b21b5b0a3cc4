import { domainError } from "../../error-table.ts";
import { IpcError } from "../../errors.ts";
import { IPC_NOWAIT } from "../../ffi/abi/current.ts";
import { type MessageQueueStatus, MSG_TEXT_OFFSET, msgctlRemove, msgctlStat, msgrcv, msgsnd } from "../../ffi/msg.ts";
import { INTERRUPTED, WOULD_BLOCK } from "../../ffi/results.ts";
import type { KernelQueue } from "../queue-link/attach-queue.ts";
import { kernelMessageLimit } from "./message-limit.ts";

/** An open queue: the calls that do not wait, their failures in the library's own terms. */
export class MessageQueue implements KernelQueue {
  /** The kernel's id of the queue. */
  readonly id: number;
  readonly address: string;

  constructor(id: number, address: string) {
    this.id = id;
    this.address = address;
  }

  get object(): { readonly kind: "sysv-msg"; readonly name: string } {
    return { kind: "sysv-msg", name: String(this.id) };
  }

  /** The kernel does not give an id to another queue before it has counted through 32768 at that place. */
  get mark(): number {
    return (this.id + 1) | 0;
  }

  /**
   * Sends `length` bytes of a `struct msgbuf`.
   *
   * @returns false when there is no room now; `"too long"` when it is longer than {@link longestMessage}
   * @throws {IpcError} `IPC_CLOSED` when the queue was removed; `IPC_PERMISSION`; `IPC_LIMIT`
   */
  trySend(message: Uint8Array, length: number): boolean | "too long" {
    try {
      let result = msgsnd(this.id, message, length, IPC_NOWAIT);
      while (result === INTERRUPTED) result = msgsnd(this.id, message, length, IPC_NOWAIT);
      return result !== WOULD_BLOCK;
    } catch (error) {
      // EINVAL says either of two things
      if ((error as { code?: string }).code === "EINVAL" && length > kernelMessageLimit() && this.#exists())
        return "too long";
      if (isRemoval(error)) throw this.#removed(error);
      throw domainError("send", error, `Cannot send to ${this.address}`);
    }
  }

  /**
   * Takes the first message of `type`, as of msgrcv(2).
   *
   * @param message room for a `struct msgbuf`
   * @param flags `MSG_NOERROR`, `MSG_EXCEPT`, `MSG_COPY`
   * @returns the message's bytes in `message`; `undefined` when there is none now; `"too long"` when it does not fit and stays
   * @throws {IpcError} `IPC_CLOSED` when the queue was removed; `IPC_PERMISSION`
   */
  tryReceive(message: Uint8Array, type: number, flags = 0): Uint8Array | undefined | "too long" {
    try {
      const room = message.length - MSG_TEXT_OFFSET;
      let length = msgrcv(this.id, message, room, type, IPC_NOWAIT | flags);
      while (length === INTERRUPTED) length = msgrcv(this.id, message, room, type, IPC_NOWAIT | flags);
      return length === WOULD_BLOCK ? undefined : message.subarray(MSG_TEXT_OFFSET, MSG_TEXT_OFFSET + length);
    } catch (error) {
      if ((error as { code?: string }).code === "E2BIG") return "too long";
      if (isRemoval(error)) throw this.#removed(error);
      throw domainError("receive", error, `Cannot receive from ${this.address}`);
    }
  }

  /** What the kernel tells of the queue; `undefined` when it was removed, or this user may only write to it. */
  status(): MessageQueueStatus | undefined {
    try {
      return msgctlStat(this.id);
    } catch {
      return undefined;
    }
  }

  count(): number | undefined {
    return this.status()?.qnum;
  }

  room(): { bytes?: number | undefined; capacity?: number | undefined } {
    const status = this.status();
    return { bytes: status?.cbytes, capacity: status?.qbytes };
  }

  /** An id holds nothing. */
  release(): void {}

  /** The longest message in bytes that the queue takes at all: the kernel's limit, or the queue's room where that is less. */
  longestMessage(): number {
    return Math.min(kernelMessageLimit(), this.status()?.qbytes ?? Number.POSITIVE_INFINITY);
  }

  /**
   * Asks about the queue or changes it.
   *
   * @param what is done, in an error
   * @throws {IpcError} `IPC_CLOSED` when the queue was removed; `IPC_PERMISSION`
   */
  control<Result>(what: string, call: () => Result): Result {
    try {
      return call();
    } catch (error) {
      if (isRemoval(error)) throw this.#removed(error);
      throw domainError("open", error, `Cannot ${what} ${this.address}`);
    }
  }

  /** Removes the queue; false when it is gone already. */
  remove(): boolean {
    try {
      msgctlRemove(this.id);
      return true;
    } catch (error) {
      if (isRemoval(error)) return false;
      throw domainError("remove", error, `Cannot remove the queue of ${this.address}`);
    }
  }

  /** The error for a message that is longer than `limit`, which {@link longestMessage} gave. */
  tooLong(length: number, limit: number): IpcError {
    return new IpcError(
      "IPC_TOO_LARGE",
      `Cannot send to ${this.address}: the message has ${length} bytes, but at most ${limit} fit in one${tooLargeRemedy(limit)}`,
    );
  }

  #exists(): boolean {
    try {
      msgctlStat(this.id);
      return true;
    } catch (error) {
      return !isRemoval(error);
    }
  }

  #removed(cause: unknown): IpcError {
    return new IpcError(
      "IPC_CLOSED",
      `The queue of ${this.address}, id ${this.id}, was removed while it was in use, by ipcrm or another program. Open it again`,
      { cause },
    );
  }
}

/** What to do about messages that are longer than `limit`, to be added to an error. */
export function tooLargeRemedy(limit: number): string {
  const kernel = kernelMessageLimit();
  const which = limit < kernel ? "the room of this queue (msg_qbytes)" : "/proc/sys/kernel/msgmax";
  return `, by ${which}. Open both ends with { fragments: true }, or send less at a time`;
}

/** The queue is gone. */
export function isRemoval(error: unknown): boolean {
  const code = (error as { code?: string } | null)?.code;
  return code === "EIDRM" || code === "EINVAL";
}
