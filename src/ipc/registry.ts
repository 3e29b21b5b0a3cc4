import type { ParsedAddress, Scheme } from "./address.ts";
import type { Link, Side } from "./link.ts";
import type { ChannelOptions } from "./options.ts";

/** What a file in `adapters/` exports. */
export interface Adapter<Address = ParsedAddress> {
  /** Opens one end. The options were checked; defaults are the adapter's to apply. */
  open(address: Address, side: Side, options: ChannelOptions): Promise<Link>;
  /** Removes the object; false when there is none. */
  remove(address: Address): Promise<boolean>;
}

/** The adapters by scheme. Each is loaded when its first address is opened. */
const ADAPTERS: { readonly [S in Scheme]: () => Promise<Adapter<Extract<ParsedAddress, { scheme: S }>>> } = {
  ring: () => import("./adapters/ring.ts"),
  broadcast: () => import("./adapters/broadcast.ts"),
  funnel: () => import("./adapters/funnel.ts"),
  pipe: () => import("./adapters/pipe.ts"),
  file: () => import("./adapters/file.ts"),
  fifo: () => import("./adapters/fifo.ts"),
  sysv: () => import("./adapters/sysv.ts"),
  mq: () => import("./adapters/mq.ts"),
  unix: () => import("./adapters/unix.ts"),
  memory: () => import("./adapters/memory.ts"),
};

/** The adapter for an address. It must be called with that address, or one of the same scheme. */
export function adapterFor(address: ParsedAddress): Promise<Adapter> {
  return ADAPTERS[address.scheme]() as Promise<Adapter>;
}
