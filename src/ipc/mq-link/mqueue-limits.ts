import { readFileSync } from "node:fs";

/** What the kernel allows for POSIX message queues, as `/proc/sys/fs/mqueue` tells. */
export interface MqueueLimits {
  /** Messages of a queue at most, and by default. */
  readonly maxMessages: number;
  readonly defaultMessages: number;
  /** Bytes of a message at most, and by default. */
  readonly maxMessageBytes: number;
  readonly defaultMessageBytes: number;
}

/** The limits as they are now. */
export function mqueueLimits(): MqueueLimits {
  const [maxMessages, maxMessageBytes] = [limit("msg_max"), limit("msgsize_max")];
  return {
    maxMessages,
    defaultMessages: Math.min(limit("msg_default"), maxMessages),
    maxMessageBytes,
    defaultMessageBytes: Math.min(limit("msgsize_default"), maxMessageBytes),
  };
}

function limit(file: string): number {
  return Number(readFileSync(`/proc/sys/fs/mqueue/${file}`, "utf8"));
}
