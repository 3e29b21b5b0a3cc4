import type { Supports } from "../link.ts";

/** What `funnel:` can do. */
export const FUNNEL_SUPPORTS: Supports = {
  messages: true,
  end: true,
  peerDeath: true,
  exclusiveSender: false,
  exclusiveReceiver: true,
  zeroCopy: true,
  processes: true,
  senderFirst: true,
  receiverFirst: true,
  named: true,
  peerPid: true,
  emptyMessages: true,
};
