import type { Channel } from "../../../src/ipc/channel.ts";
import type { Side, Supports } from "../../../src/ipc/link.ts";
import type { ChannelOptions } from "../../../src/ipc/options.ts";
import type { PeerProcess } from "../../support/peer-process.ts";
import type { RuntimeName } from "../../support/runtimes.ts";

/** What the contract has to know of a kind of channel, besides what its channels say in `supports`. */
export interface ChannelFactory {
  /** Options that make the room of a channel as small as it gets, so that it is soon full. */
  readonly small: ChannelOptions;
  /** An option that this kind has no use for. */
  readonly useless: ChannelOptions;
  /** Both ends of a new channel in this process. */
  makePair(options: ChannelOptions): Promise<AnyPair>;
  /** An address that was never used, where `supports.named`. */
  uniqueAddress?(): string;
  /** One end here, the other in another process that runs `peer.ts` with these steps, where `supports.processes`. */
  connectPeer?(
    runtime: RuntimeName,
    peerSide: Side,
    options: ChannelOptions,
    steps: readonly string[],
  ): Promise<AnyConnection>;
}

// biome-ignore lint/suspicious/noExplicitAny: a factory opens channels of any codec; the tests name the type that they ask for
export type AnyChannel = Channel<any>;

export interface AnyPair {
  readonly sender: AnyChannel;
  readonly receiver: AnyChannel;
}

export interface AnyConnection {
  readonly channel: AnyChannel;
  readonly peer: PeerProcess;
}

/** What a sentence of the contract may need, and is skipped without. */
export type Need = keyof Supports;
