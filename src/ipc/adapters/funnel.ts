/*
 * `funnel:NAME`: any number of senders, one receiver, in shared memory.
 *
 * Limits and deviations
 * - Linux only: needs open-file-description locks and FIFOs. At most 64 senders at a time; the next one is `IPC_LIMIT`.
 * - A message has at most half of the capacity, and at most 2^23 - 64 bytes.
 * - Messages come in the order in which their room was taken. A sender that is stopped, or holds a claim, in the middle of one holds up those
 *   behind it; one that died there does not.
 * - The stream ends when the last sender has left. If one of them died, the receiver gets `IPC_PEER_GONE` once, there, and not before. A sender
 *   that comes after the end begins a new stream.
 * - What senders left that closed before any receiver came waits for the receiver to come.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pageSize } from "../../ffi/sysconf.ts";
import { objectDirectory } from "../../objects/object-directory.ts";
import { KIND_FUNNEL } from "../../ring/funnel-layout.ts";
import type { FunnelAddress } from "../address.ts";
import { FunnelReceiver } from "../funnel-link/funnel-receiver.ts";
import { FunnelSender } from "../funnel-link/funnel-sender.ts";
import type { Link, Side } from "../link.ts";
import type { ChannelOptions } from "../options.ts";
import { DEFAULT_CAPACITY, DEFAULT_MAX_MESSAGE_BYTES, DEFAULT_MODE } from "../recommended.ts";
import { removePresence } from "../remove-presence.ts";

/**
 * Opens one end of a funnel.
 *
 * @throws {IpcError} `IPC_BUSY`, `IPC_EXISTS`, `IPC_CORRUPT`, `IPC_LIMIT`, `IPC_PERMISSION`
 */
export async function open(address: FunnelAddress, side: Side, options: ChannelOptions): Promise<Link> {
  const attach = {
    address: address.text,
    capacity: roundCapacity(options.capacity ?? DEFAULT_CAPACITY),
    capacityAsked: options.capacity !== undefined,
    mode: options.mode ?? DEFAULT_MODE,
  };
  const name = objectName(address);
  if (side === "sender") return new FunnelSender(name, attach);
  return new FunnelReceiver(name, attach, options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES);
}

/**
 * Removes a funnel with all that it holds.
 *
 * @returns false when there is none
 * @throws {IpcError} `IPC_BUSY` when a live process holds an end
 */
export async function remove(address: FunnelAddress): Promise<boolean> {
  if (!existsSync(join(objectDirectory(), objectName(address)))) return false;
  return removePresence(objectName(address), address.text, KIND_FUNNEL);
}

function objectName({ name }: FunnelAddress): string {
  return `${name}.funnel`;
}

/** The next power of two that is whole pages. */
function roundCapacity(bytes: number): number {
  let capacity = pageSize();
  while (capacity < bytes) capacity *= 2;
  return capacity;
}
