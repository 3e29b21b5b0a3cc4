/*
 * `ring:NAME`: the SPSC ring in shared memory.
 *
 * Limits and deviations
 * - Linux only: needs open-file-description locks, FIFOs, and a tmpfs for speed.
 * - A sender that closes before any receiver came leaves the ring, with what it holds, for the receiver to come.
 * - A receiver that is killed in the middle of a message larger than half of the ring loses it; what it had not released of smaller
 *   messages, and everything behind it, comes again to its successor.
 * - What the sender wrote to a receiver that died is kept for a successor; the sender hears of the death when the ring is full.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { objectDirectory } from "../../objects/object-directory.ts";
import type { RingAddress } from "../address.ts";
import type { Link, Side } from "../link.ts";
import type { ChannelOptions } from "../options.ts";
import { DEFAULT_CAPACITY, DEFAULT_MAX_MESSAGE_BYTES, DEFAULT_MODE } from "../recommended.ts";
import { removePresence } from "../remove-presence.ts";
import { RingReceiver } from "../ring-link/ring-receiver.ts";
import { RingSender } from "../ring-link/ring-sender.ts";
import { roundCapacity } from "../round-capacity.ts";

/**
 * Opens one end of a ring.
 *
 * @throws {IpcError} `IPC_BUSY`, `IPC_EXISTS`, `IPC_CORRUPT`, `IPC_LIMIT`, `IPC_PERMISSION`
 */
export async function open(address: RingAddress, side: Side, options: ChannelOptions): Promise<Link> {
  const attach = {
    address: address.text,
    capacity: roundCapacity(options.capacity ?? DEFAULT_CAPACITY),
    capacityAsked: options.capacity !== undefined,
    mode: options.mode ?? DEFAULT_MODE,
  };
  const name = objectName(address);
  if (side === "sender") return new RingSender(name, attach);
  return new RingReceiver(name, attach, { maxMessageBytes: options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES });
}

/**
 * Removes a ring with all that it holds.
 *
 * @returns false when there is none
 * @throws {IpcError} `IPC_BUSY` when a live process holds an end
 */
export async function remove(address: RingAddress): Promise<boolean> {
  if (!existsSync(join(objectDirectory(), objectName(address)))) return false;
  return removePresence(objectName(address), address.text);
}

function objectName({ name }: RingAddress): string {
  return `${name}.ring`;
}
