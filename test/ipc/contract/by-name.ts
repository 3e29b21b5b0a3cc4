import { Channel } from "../../../src/ipc/channel.ts";
import type { Side } from "../../../src/ipc/link.ts";
import type { ChannelOptions } from "../../../src/ipc/options.ts";
import { startPeer } from "../../support/peer-process.ts";
import type { RuntimeName } from "../../support/runtimes.ts";
import type { AnyConnection, AnyPair, ChannelFactory } from "./factory.ts";

/**
 * The factory of a kind of channel that is opened by name. Both ends are opened at the same time, since some wait for each other.
 *
 * @param always options that both ends get, besides those of the test
 */
export function byName(
  small: ChannelOptions,
  useless: ChannelOptions,
  uniqueAddress: () => string,
  always: ChannelOptions = {},
): ChannelFactory {
  return {
    small,
    useless,
    uniqueAddress,
    async makePair(given): Promise<AnyPair> {
      const options = typeof given === "object" ? { ...always, ...given } : given;
      const address = uniqueAddress();
      const opened = [Channel.receiver(address, options), Channel.sender(address, options)] as const;
      const [receiver, sender] = await Promise.all(opened);
      return { receiver, sender };
    },
    async connectPeer(
      runtime: RuntimeName,
      peerSide: Side,
      given: ChannelOptions,
      steps: readonly string[],
    ): Promise<AnyConnection> {
      const options = { ...always, ...given };
      const address = uniqueAddress();
      const peer = startPeer(runtime, PEER, [peerSide, address, JSON.stringify(options), ...steps]);
      const open = peerSide === "sender" ? Channel.receiver : Channel.sender;
      return { channel: await open.call(Channel, address, options), peer };
    },
  };
}

/** The program of the other process. */
export const PEER = "test/ipc/contract/peer.ts";
