import type { Supports } from "../link.ts";

/** What `broadcast:` can do. */
export const BROADCAST_SUPPORTS: Supports = {
  messages: true,
  end: true,
  peerDeath: true,
  receiverDeath: false,
  exclusiveSender: true,
  exclusiveReceiver: false,
  zeroCopy: false,
  processes: true,
  senderFirst: true,
  receiverFirst: true,
  named: true,
  peerPid: true,
  emptyMessages: true,
  backPressure: false,
};
