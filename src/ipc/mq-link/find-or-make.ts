import { IpcError } from "../../errors.ts";
import { O_RDONLY, O_WRONLY } from "../../ffi/abi/current.ts";
import { mqClose } from "../../ffi/mq.ts";
import type { Side } from "../link.ts";
import { makeQueue, openQueue } from "./open-queue.ts";
import { PosixQueue } from "./posix-queue.ts";
import { queueSize } from "./queue-size.ts";

/** What an end wants of its queue. */
export interface FindOptions {
  readonly name: string;
  readonly address: string;
  readonly side: Side;
  readonly mode: number;
  readonly capacity: number | undefined;
}

/**
 * Opens the queue of a name for one side, or makes it.
 *
 * @throws {IpcError} `IPC_EXISTS` when it is there with a smaller capacity than asked for; `IPC_PERMISSION`, `IPC_LIMIT`
 */
export function findOrMake(options: FindOptions): { queue: PosixQueue; made: boolean } {
  const { name, address, side, mode, capacity } = options;
  const access = side === "sender" ? O_WRONLY : O_RDONLY;
  const size = queueSize(capacity, address);
  for (;;) {
    try {
      const fd = makeQueue(name, access, mode, size, `Cannot make the message queue of ${address}`);
      return { queue: opened(fd, name, address), made: true };
    } catch (error) {
      if ((error as IpcError).code !== "IPC_EXISTS") throw error;
    }
    let fd: number;
    try {
      fd = openQueue(name, access, `Cannot open the message queue of ${address} as ${side}`);
    } catch (error) {
      // removed since
      if ((error as IpcError).code === "IPC_NOT_FOUND") continue;
      throw error;
    }
    const queue = opened(fd, name, address);
    const found = queue.maxMessages * queue.messageBytes;
    if (capacity === undefined || found >= capacity) return { queue, made: false };
    queue.release();
    throw new IpcError(
      "IPC_EXISTS",
      `Cannot open ${address} with a capacity of ${capacity} bytes: it exists with ${found}. Open it without a capacity`,
    );
  }
}

function opened(fd: number, name: string, address: string): PosixQueue {
  try {
    return new PosixQueue(fd, name, address);
  } catch (error) {
    mqClose(fd);
    throw error;
  }
}
