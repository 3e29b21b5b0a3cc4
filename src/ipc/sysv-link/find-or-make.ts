import { domainError } from "../../error-table.ts";
import { IPC_CREAT, IPC_EXCL } from "../../ffi/abi/current.ts";
import { msgctlRemove, msgget } from "../../ffi/msg.ts";
import type { Side } from "../link.ts";
import { MessageQueue } from "./message-queue.ts";

/**
 * Opens the queue of a key for one side, or makes it.
 *
 * @param key unsigned
 * @param mode permission bits of a queue that is made
 * @throws {IpcError} `IPC_PERMISSION`, `IPC_LIMIT`
 */
export function findOrMake(
  key: number,
  address: string,
  side: Side,
  mode: number,
): { queue: MessageQueue; made: boolean } {
  const access = side === "sender" ? 0o222 : 0o444;
  for (;;) {
    try {
      return { queue: new MessageQueue(msgget(key, IPC_CREAT | IPC_EXCL | mode), address), made: true };
    } catch (error) {
      if ((error as { code?: string }).code !== "EEXIST") {
        throw domainError(
          "create",
          error,
          `Cannot make the message queue of ${address}. \`ipcs -ql\` shows the limits`,
        );
      }
    }
    try {
      return { queue: new MessageQueue(msgget(key, access), address), made: false };
    } catch (error) {
      // removed since
      if ((error as { code?: string }).code === "ENOENT") continue;
      throw domainError(
        "open",
        error,
        `Cannot open the message queue of ${address} as ${side}. \`ipcs -q\` shows whose it is`,
      );
    }
  }
}

/** Removes the queue of a key, if it is still the one of this mark. */
export function removeMarked(key: number, mark: number): void {
  try {
    const id = msgget(key, 0);
    if (new MessageQueue(id, "").mark === mark) msgctlRemove(id);
  } catch {
    // gone already, or given to another user: nothing of ours any more
  }
}
