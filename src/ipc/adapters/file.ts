/*
 * `file:PATH`: the ring of `ring:`, in a file of the user's, which stays when all processes have ended.
 *
 * Limits and deviations
 * - Linux only, and a file system with FIFOs, locks and shared mappings. PATH becomes a folder, with the file `segment` in it.
 * - The object stays when both ends have closed. `Channel.remove()` removes it.
 * - A receiver goes on where the last one stopped; `from: "oldest"` begins with the oldest message that is still there, and makes everything
 *   from there on unread again. Room is taken from the oldest of the messages that were received.
 * - The end of the last sender is told until a receiver that has read everything closes; the one after that waits for the next sender.
 * - What a crash of the machine costs is in `durable`; the death of processes costs nothing.
 */
import { existsSync } from "node:fs";
import { domainError } from "../../error-table.ts";
import { IpcError } from "../../errors.ts";
import { KIND_KEPT } from "../../ring/layout.ts";
import type { FileAddress } from "../address.ts";
import type { AttachOptions } from "../attach-presence.ts";
import { DurableSender } from "../file-link/durable-sender.ts";
import { FileStorage } from "../file-link/file-storage.ts";
import { keepFile } from "../file-link/keep-file.ts";
import type { Link, Side } from "../link.ts";
import type { ChannelOptions } from "../options.ts";
import { DEFAULT_CAPACITY, DEFAULT_MAX_MESSAGE_BYTES, DEFAULT_MODE } from "../recommended.ts";
import { removePresence } from "../remove-presence.ts";
import { RingReceiver } from "../ring-link/ring-receiver.ts";
import { RingSender } from "../ring-link/ring-sender.ts";
import { roundCapacity } from "../round-capacity.ts";

/**
 * Opens one end of a ring in a file, which is made when there is none.
 *
 * @throws {IpcError} `IPC_BUSY`, `IPC_EXISTS`, `IPC_CORRUPT`, `IPC_LIMIT`, `IPC_NOT_FOUND`, `IPC_PERMISSION`, `IPC_UNSUPPORTED`
 */
export async function open({ text, path }: FileAddress, side: Side, options: ChannelOptions): Promise<Link> {
  const durable = options.durable ?? "none";
  const attach: AttachOptions = {
    address: text,
    capacity: roundCapacity(options.capacity ?? DEFAULT_CAPACITY),
    capacityAsked: options.capacity !== undefined,
    mode: options.mode ?? DEFAULT_MODE,
    keep: keepFile(options.from, durable !== "none"),
  };
  if (side === "sender") {
    if (options.from !== undefined)
      throw new TypeError(`The option "from" says where a receiver of ${text} begins: a sender has no use for it`);
    if (durable === "each") return new DurableSender(path, attach);
    return new RingSender(path, attach, (presence) => ({ keeping: new FileStorage(presence, false) }));
  }
  return new RingReceiver(path, attach, {
    maxMessageBytes: options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES,
    from: STARTS[options.from ?? "tail"],
  });
}

/**
 * Removes a ring in a file with all that it holds.
 *
 * @returns false when there is none
 * @throws {IpcError} `IPC_BUSY` when a live process holds an end; `IPC_CORRUPT` when something else is there; `IPC_PERMISSION`
 */
export async function remove({ text, path }: FileAddress): Promise<boolean> {
  if (!existsSync(path)) return false;
  try {
    return removePresence(path, text, KIND_KEPT);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ENOTDIR" || code === "ENOENT" || code === "ELOOP" || code === "EISDIR") {
      throw new IpcError("IPC_CORRUPT", `Cannot remove ${text}: that is not a millrace object, remove it by hand`, {
        cause: error,
      });
    }
    throw domainError("remove", error, `Cannot remove ${text}`);
  }
}

const STARTS = { tail: "tail", oldest: "oldest", now: "head" } as const;
