/*
 * `memory:NAME`: a queue inside this process, for tests and for code that is the same with one process or two.
 *
 * Limits and deviations
 * - Both ends live in one thread. A call that would block that thread for ever is `IPC_UNSUPPORTED`.
 * - An end cannot die by itself, so there is no `IPC_PEER_GONE`.
 * - A pending call does not keep the process alive: nobody outside could ever end its wait.
 */
import { IpcError } from "../../errors.ts";
import type { MemoryAddress } from "../address.ts";
import type { Link, Side } from "../link.ts";
import { MemoryQueue } from "../memory-link/memory-queue.ts";
import { MemoryReceiver } from "../memory-link/memory-receiver.ts";
import { MemorySender } from "../memory-link/memory-sender.ts";
import type { ChannelOptions } from "../options.ts";
import { DEFAULT_CAPACITY, DEFAULT_MAX_MESSAGE_BYTES } from "../recommended.ts";

/** The queues that have an end open, or something to receive. */
const queues = new Map<string, MemoryQueue>();

/**
 * Opens one end of a queue.
 *
 * @throws {IpcError} `IPC_BUSY` when that end is open; `IPC_EXISTS` when the queue is in use and smaller than asked for
 */
export async function open(address: MemoryAddress, side: Side, options: ChannelOptions): Promise<Link> {
  const queue = queueFor(address, options.capacity);
  if (queue.isHeld(side)) {
    throw new IpcError(
      "IPC_BUSY",
      `Cannot open ${address.text} as ${side}: this process already holds that end. Close it there, or use another name`,
    );
  }
  const closed = () => {
    if (queue.isFinished && queues.get(address.name) === queue) queues.delete(address.name);
  };
  if (side === "sender") return new MemorySender(queue, address.text, closed);
  return new MemoryReceiver(queue, address.text, options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES, closed);
}

/**
 * Removes a queue with all that it holds.
 *
 * @returns false when there is none
 * @throws {IpcError} `IPC_BUSY` when an end is open
 */
export async function remove(address: MemoryAddress): Promise<boolean> {
  const queue = queues.get(address.name);
  if (queue?.isHeld("sender") || queue?.isHeld("receiver")) {
    throw new IpcError("IPC_BUSY", `Cannot remove ${address.text}: an end of it is open. Close it first`);
  }
  return queues.delete(address.name);
}

function queueFor(address: MemoryAddress, capacity: number | undefined): MemoryQueue {
  let queue = queues.get(address.name);
  if (queue === undefined) {
    queue = new MemoryQueue(capacity ?? DEFAULT_CAPACITY);
    queues.set(address.name, queue);
  } else if (capacity !== undefined && capacity > queue.capacity) {
    if (queue.used > 0) {
      throw new IpcError(
        "IPC_EXISTS",
        `Cannot open ${address.text} with a capacity of ${capacity} bytes: it exists with ${queue.capacity} and is in use. Open it without a capacity`,
      );
    }
    queue.capacity = capacity;
  }
  return queue;
}
