import type { Supports } from "../link.ts";
import { RING_SUPPORTS } from "../ring-link/supports.ts";

/** What `funnel:` can do: what a ring can, for any number of senders. */
export const FUNNEL_SUPPORTS: Supports = { ...RING_SUPPORTS, exclusiveSender: false };
