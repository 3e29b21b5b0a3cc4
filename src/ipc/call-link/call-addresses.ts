import { type ParsedAddress, parseAddress } from "../address.ts";

/** Where requests and replies go: one address that stands for both, or two. */
export type CallAddress = string | { readonly request: string; readonly reply: string };

/** Both directions, checked. */
export interface CallAddresses {
  /** For messages to people. */
  readonly text: string;
  readonly request: ParsedAddress;
  readonly reply: ParsedAddress;
}

/** Kinds of addresses that are no name to which something could be added. */
const WITHOUT_NAME = ["sysv", "pipe"];

/**
 * Takes an address apart. `ring:NAME` means `ring:NAME.request` and `ring:NAME.reply`, and so does every scheme that has names.
 *
 * @throws {TypeError | RangeError} when it is not an address, or one that does not stand for two
 */
export function callAddresses(address: CallAddress): CallAddresses {
  if (typeof address !== "string") return pairOf(address);
  const { scheme, text } = parseAddress(address);
  if (WITHOUT_NAME.includes(scheme)) {
    throw new RangeError(
      `"${text}" names one ${scheme}: channel, but requests and replies need two: write { request: "${scheme}:…", reply: "${scheme}:…" }`,
    );
  }
  return { text, request: parseAddress(`${text}.request`), reply: parseAddress(`${text}.reply`) };
}

function pairOf(address: unknown): CallAddresses {
  const { request, reply } = (address ?? {}) as { request?: unknown; reply?: unknown };
  if (typeof request !== "string" || typeof reply !== "string") {
    throw new TypeError('An address is a string such as "ring:prices", or { request, reply } with two of them');
  }
  const parsed = { request: parseAddress(request), reply: parseAddress(reply) };
  if (parsed.request.text === parsed.reply.text) {
    throw new RangeError(`Requests and replies both go to "${parsed.request.text}", but need an address each`);
  }
  return { text: `${parsed.request.text} and ${parsed.reply.text}`, ...parsed };
}
