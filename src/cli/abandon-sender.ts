import { IpcError } from "../errors.ts";
import { Channel } from "../ipc/channel.ts";

/**
 * Gives up a sender that did not come to its end. A receiver that is there must not take what it has for the whole: it learns
 * from the death of this process, which the caller ends next, that the rest is missing. Without a receiver, the object is removed
 * with what it holds, so that nobody finds half of it later.
 */
export async function abandonSender(channel: Channel): Promise<void> {
  const { supports, peer, address } = channel;
  if (!supports.peerDeath || !supports.peerPid || peer.alive === true) return;
  await ignoreIpcErrors(channel.close({ timeout: 0 }));
  await ignoreIpcErrors(Channel.remove(address));
}

async function ignoreIpcErrors(done: Promise<unknown>): Promise<void> {
  try {
    await done;
  } catch (error) {
    if (!(error instanceof IpcError)) throw error;
  }
}
