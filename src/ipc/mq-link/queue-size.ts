import { IpcError } from "../../errors.ts";
import type { MqSize } from "../../ffi/mq.ts";
import { mqueueLimits } from "./mqueue-limits.ts";

/**
 * How large a queue is made that shall have room for `capacity` bytes: messages of the system's default length, as many as it takes; longer
 * ones when that is more than the system allows. A capacity below the default length makes a queue for one message of so many bytes.
 *
 * @param capacity `undefined`: as the system makes them
 * @throws {IpcError} `IPC_LIMIT` when the system allows no queue of that capacity
 */
export function queueSize(capacity: number | undefined, address: string): MqSize {
  const { maxMessages, defaultMessages, maxMessageBytes, defaultMessageBytes } = mqueueLimits();
  if (capacity === undefined) return { maxmsg: defaultMessages, msgsize: defaultMessageBytes };
  if (capacity > maxMessages * maxMessageBytes) {
    throw new IpcError(
      "IPC_LIMIT",
      `Cannot make ${address} with a capacity of ${capacity} bytes: the system allows ${maxMessages} messages of ${maxMessageBytes} bytes. ` +
        "Ask for less, or raise /proc/sys/fs/mqueue/msg_max and msgsize_max",
    );
  }
  const msgsize = Math.max(Math.min(defaultMessageBytes, capacity), Math.ceil(capacity / maxMessages));
  return { maxmsg: Math.ceil(capacity / msgsize), msgsize };
}
