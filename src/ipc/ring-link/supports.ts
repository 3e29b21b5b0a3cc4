import type { Supports } from "../link.ts";

/** What `ring:` can do. */
export const RING_SUPPORTS: Supports = {
  messages: true,
  end: true,
  peerDeath: true,
  exclusiveSender: true,
  exclusiveReceiver: true,
  zeroCopy: true,
  processes: true,
  senderFirst: true,
  receiverFirst: true,
  named: true,
  peerPid: true,
  emptyMessages: true,
};

/** What a ring can do that stays: the same, and what it holds outlives both ends. */
export const KEPT_SUPPORTS: Supports = { ...RING_SUPPORTS, transient: false };
