import type { WaitOptions } from "../../wait/wait-options.ts";
import type { ParsedAddress } from "../address.ts";
import { checkOptions } from "../check-options.ts";
import type { Link, Side } from "../link.ts";
import type { ChannelOptions } from "../options.ts";
import { DEFAULT_MAX_MESSAGE_BYTES } from "../recommended.ts";
import { adapterFor } from "../registry.ts";
import type { CallAddresses } from "./call-addresses.ts";
import { FRAME_BYTES } from "./call-frame.ts";

/** The options of a channel that make sense for both directions. */
export type CallChannelOptions = Pick<
  ChannelOptions,
  "capacity" | "codec" | "maxMessageBytes" | "mode" | "fragments" | "otherUsers"
>;

const LARGEST = 2 ** 32 - 2;
/** The names of them. */
const NAMES = ["capacity", "codec", "maxMessageBytes", "mode", "fragments", "otherUsers", "signal", "timeout"];

/** Checks what the two channels are to be opened with. */
export function checkCallOptions({ request, reply }: CallAddresses, options: object): void {
  checkOptions(request.scheme, options);
  checkOptions(reply.scheme, options);
  for (const name of Object.keys(options)) {
    if (!NAMES.includes(name)) throw new TypeError(`There is no option "${name}" for requests and replies`);
  }
}

/** Opens one end of one direction. */
export async function openCallLink(
  address: ParsedAddress,
  side: Side,
  options: CallChannelOptions,
  limit?: WaitOptions,
): Promise<Link> {
  const adapter = await adapterFor(address);
  return adapter.open(address, side, { ...options, ...limit, maxMessageBytes: maxFrameBytes(options) });
}

/** The longest frame for these options. */
export function maxFrameBytes({ maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES }: CallChannelOptions): number {
  return Math.min(LARGEST, maxMessageBytes + FRAME_BYTES);
}
