import type { Supports } from "../link.ts";

/** What a channel over a message queue can do between two millrace ends. With a foreign program at the other end there is no end of stream and no death. */
export const QUEUE_SUPPORTS: Supports = {
  messages: true,
  end: true,
  peerDeath: true,
  exclusiveSender: true,
  exclusiveReceiver: true,
  zeroCopy: false,
  processes: true,
  senderFirst: true,
  receiverFirst: true,
  named: true,
  peerPid: true,
  emptyMessages: true,
};
