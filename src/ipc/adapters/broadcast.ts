/*
 * `broadcast:NAME`: one sender, any number of receivers, in shared memory.
 *
 * Limits and deviations
 * - Linux only: needs open-file-description locks, inotify and FIFOs. A receiver takes one inotify instance; fs.inotify.max_user_instances
 *   (often 128) bounds the receivers of a user.
 * - The sender never waits and never learns of its receivers. A receiver that falls behind by more than the capacity misses messages: it
 *   gets `IPC_LAGGED` once with their number, or counts them only (`lag: "skip"`), and goes on with the oldest message that is whole.
 * - A message has at most a quarter of the capacity, less 16 bytes.
 * - No zero copy: what a receiver looked at in place could change under its eyes.
 * - What a sender left that closed before any receiver came waits for the first receiver, unless that begins with `from: "now"`. What a sender
 *   sent that died is for the receivers that were there.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { objectDirectory } from "../../objects/object-directory.ts";
import { KIND_BROADCAST } from "../../ring/layout.ts";
import type { BroadcastAddress } from "../address.ts";
import { BroadcastReceiver } from "../broadcast-link/broadcast-receiver.ts";
import { BroadcastSender } from "../broadcast-link/broadcast-sender.ts";
import type { Link, Side } from "../link.ts";
import type { ChannelOptions } from "../options.ts";
import { DEFAULT_CAPACITY, DEFAULT_MAX_MESSAGE_BYTES, DEFAULT_MODE } from "../recommended.ts";
import { removePresence } from "../remove-presence.ts";
import { roundCapacity } from "../round-capacity.ts";

/**
 * Opens one end of a broadcast.
 *
 * @throws {IpcError} `IPC_BUSY`, `IPC_EXISTS`, `IPC_CORRUPT`, `IPC_LIMIT`, `IPC_PERMISSION`
 */
export async function open(address: BroadcastAddress, side: Side, options: ChannelOptions): Promise<Link> {
  const attach = {
    address: address.text,
    capacity: roundCapacity(options.capacity ?? DEFAULT_CAPACITY),
    capacityAsked: options.capacity !== undefined,
    mode: options.mode ?? DEFAULT_MODE,
    from: options.from ?? "oldest",
  };
  const name = objectName(address);
  if (side === "sender") return new BroadcastSender(name, attach);
  const maxMessageBytes = options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
  return new BroadcastReceiver(name, attach, maxMessageBytes, options.lag === "skip");
}

/**
 * Removes a broadcast with all that it holds.
 *
 * @returns false when there is none
 * @throws {IpcError} `IPC_BUSY` when a live process holds an end
 */
export async function remove(address: BroadcastAddress): Promise<boolean> {
  if (!existsSync(join(objectDirectory(), objectName(address)))) return false;
  return removePresence(objectName(address), address.text, KIND_BROADCAST);
}

function objectName({ name }: BroadcastAddress): string {
  return `${name}.broadcast`;
}
